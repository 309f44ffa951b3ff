//! What the values of arguments have to be.

use std::time::Duration;

use chrono::{DateTime, Utc};
use telecom_server::auth::{MAX_SUBJECT, Role, is_subject};
use telecom_server::jobs::is_id;

/// A development token that works for longer is forgotten somewhere.
const LONGEST_LIFE: Duration = Duration::from_hours(366 * 24);

/// A run that takes longer is none that is done again and again.
const LONGEST_RUN: Duration = Duration::from_hours(24);
/// The start of the year 10000.
const END_OF_TIME: i64 = 253_402_300_800;

pub fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| "not a duration, such as 30s or 2m".to_owned())
}

/// Time to do something in.
pub fn time(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time < Duration::from_secs(1) {
        return Err("shorter than a second".to_owned());
    }
    Ok(time)
}

pub fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = time(text)?;
    if lifetime > LONGEST_LIFE {
        return Err("longer than a year, 8784h".to_owned());
    }
    Ok(lifetime)
}

pub fn subject(text: &str) -> Result<String, String> {
    if !is_subject(text) {
        let reason =
            format!("1 to {MAX_SUBJECT} printable characters of ASCII, as the server takes them");
        return Err(reason);
    }
    Ok(text.to_owned())
}

pub fn role(text: &str) -> Result<Role, String> {
    Role::from_name(text).ok_or_else(|| {
        let roles = Role::OF_TOKENS.map(Role::as_str).join(", ");
        format!("not a role; there are {roles}")
    })
}

/// Time for a run.
pub fn run_time(text: &str) -> Result<Duration, String> {
    let time = time(text)?;
    if time > LONGEST_RUN {
        return Err("longer than a day, 24h".to_owned());
    }
    Ok(time)
}

/// The slot of a run.
pub fn slot(text: &str) -> Result<DateTime<Utc>, String> {
    let slot = DateTime::parse_from_rfc3339(text)
        .map_err(|_| "not a moment, such as 2026-11-28T10:00:00Z".to_owned())?
        .to_utc();
    if slot.timestamp_subsec_nanos() > 0 {
        return Err("not a whole second".to_owned());
    }
    if !(0..END_OF_TIME).contains(&slot.timestamp()) {
        return Err("not of the years 1970 to 9999".to_owned());
    }
    Ok(slot)
}

/// The id of a request.
pub fn id(text: &str) -> Result<String, String> {
    if !is_id(text) {
        return Err("not 1 to 64 visible ASCII characters".to_owned());
    }
    Ok(text.to_owned())
}

/// The uid of a cluster. A variable that is set but empty says no more than one that is not set.
pub fn uid(text: &str) -> Result<Uid, String> {
    if text.is_empty() {
        return Ok(Uid(None));
    }
    id(text).map(|uid| Uid(Some(uid)))
}

/// The uid of a cluster, if one is given.
#[derive(Debug, Clone, Default)]
pub struct Uid(pub Option<String>);
