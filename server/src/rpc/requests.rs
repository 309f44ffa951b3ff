//! Parts that requests have in common: pages, etags, masks, idempotency keys, tokens, ids, times.

use std::time::Duration;

use chrono::{DateTime, Utc};
use prost::Message;
use prost_types::{FieldMask, Timestamp};
use telecom_proto::v1 as proto;

use super::convert::{span, time};
use super::status::Refusal;
use crate::auth::{Digest, MachineSecret};
use crate::domain::Idempotency;
use crate::exports::{ExportDays, ExportFormat, MAX_DAYS, day};
use crate::users::{TimeZone, UserId};

/// How long a replaced token goes on working when the caller does not say.
const DEFAULT_GRACE: Duration = Duration::from_hours(1);
/// How long it may.
const MAX_GRACE: Duration = Duration::from_hours(7 * 24);

/// Chance for the token of a machine.
pub(super) fn new_secret() -> MachineSecret {
    MachineSecret::from_random(rand::random())
}

/// How long a token that is replaced goes on working.
pub(super) fn grace(given: Option<prost_types::Duration>) -> Result<Duration, Refusal> {
    let Some(given) = given else {
        return Ok(DEFAULT_GRACE);
    };
    span(given)
        .filter(|grace| *grace <= MAX_GRACE)
        .ok_or_else(|| Refusal::field("grace_period", "must be between 0 and 7 days"))
}

/// Rows on a page when the caller does not say.
const DEFAULT_LIMIT: u32 = 100;
/// Rows on a page at most.
const MAX_LIMIT: u32 = 500;
/// Bytes of what we gave out to be sent back; keys of records are in it.
pub(super) const MAX_OPAQUE: usize = 4000;

/// Rows on a page.
pub(super) fn limit(given: u32) -> Result<u32, Refusal> {
    match given {
        0 => Ok(DEFAULT_LIMIT),
        limit if limit <= MAX_LIMIT => Ok(limit),
        _ => Err(Refusal::field("limit", "must be at most 500")),
    }
}

/// The thing before which a page begins; 0 for the first page.
pub(super) fn before(thing: &str, id: i64) -> Result<Option<i64>, Refusal> {
    if id < 0 {
        let description = format!("must be the id of {thing}, or 0 for the first page");
        return Err(Refusal::field("before_id", &description));
    }
    Ok((id > 0).then_some(id))
}

/// An empty etag means that the caller does not care.
pub(super) fn etag(etag: String) -> Option<String> {
    (!etag.is_empty()).then_some(etag)
}

/// The etag of an update, which needs one.
pub(super) fn needed_etag(given: String) -> Result<String, Refusal> {
    let description = "must be the etag of the state that the change is based on";
    etag(given).ok_or_else(|| Refusal::field("etag", description))
}

/// The fields of `config` that a mask names, each once however often it does; none means all.
pub(super) fn mask<F: Copy + PartialEq>(
    mask: Option<FieldMask>,
    known: &[(&'static str, F)],
) -> Result<Vec<F>, Refusal> {
    let mut fields = Vec::new();
    for path in mask.unwrap_or_default().paths {
        let Some((_, field)) = known.iter().find(|(name, _)| *name == path) else {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            let description = format!("must name fields of config: {}", names.join(", "));
            return Err(Refusal::field("update_mask", &description));
        };
        if !fields.contains(field) {
            fields.push(*field);
        }
    }
    Ok(fields)
}

/// The key of a create and what the whole request said; an empty key is none.
pub(super) fn idempotency(
    key: &str,
    request: &impl Message,
) -> Result<Option<Idempotency>, Refusal> {
    if key.is_empty() {
        return Ok(None);
    }
    if key.len() > 64 || !key.bytes().all(|b| b.is_ascii_graphic()) {
        let description = "must be up to 64 visible ASCII characters, such as a UUID";
        return Err(Refusal::field("idempotency_key", description));
    }
    Ok(Some(Idempotency {
        key: key.to_owned(),
        // Maps are ordered, so that one request has one encoding.
        fingerprint: Digest::of_bytes(&request.encode_to_vec()),
    }))
}

/// Text that something is looked up by, at `field`; empty means that it does not matter.
pub(super) fn word(field: &str, text: String) -> Result<Option<String>, Refusal> {
    const MAX_CHARS: usize = 300;
    if text.chars().count() > MAX_CHARS || text.chars().any(char::is_control) {
        let description = "must be up to 300 characters without control characters";
        return Err(Refusal::field(field, description));
    }
    Ok((!text.is_empty()).then_some(text))
}

/// From and until when; absent where there is no limit.
pub(super) type Span = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The span between the fields `start` and `end`.
pub(super) fn between(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<Span, Refusal> {
    let start = start.map(|at| moment("start", at)).transpose()?;
    let end = end.map(|at| moment("end", at)).transpose()?;
    match (start, end) {
        (Some(start), Some(end)) if end <= start => {
            Err(Refusal::field("end", "must be after start"))
        }
        between => Ok(between),
    }
}

/// The days between the fields `first_day` and `last_day`.
pub(super) fn days(first: &str, last: &str) -> Result<ExportDays, Refusal> {
    let parsed = |field, text| {
        let description = "must be a day of the years 1970 to 9999, as YYYY-MM-DD";
        day(text).ok_or_else(|| Refusal::field(field, description))
    };
    let (first, last) = (parsed("first_day", first)?, parsed("last_day", last)?);
    ExportDays::new(first, last).ok_or_else(|| {
        let description = format!("must be first_day or later, at most {MAX_DAYS} days in all");
        Refusal::field("last_day", &description)
    })
}

/// How an export is written.
pub(super) fn format(number: i32) -> Result<ExportFormat, Refusal> {
    match proto::ExportFormat::try_from(number) {
        Ok(proto::ExportFormat::Csv) => Ok(ExportFormat::Csv),
        Ok(proto::ExportFormat::JsonLines) => Ok(ExportFormat::JsonLines),
        Ok(proto::ExportFormat::Unspecified) | Err(_) => {
            let description = "must be EXPORT_FORMAT_CSV or EXPORT_FORMAT_JSON_LINES";
            Err(Refusal::field("format", description))
        }
    }
}

/// Where an export goes on, at the field `after_cursor`; empty means at its beginning.
pub(super) fn cursor<C>(
    text: &str,
    understood: impl FnOnce(&str) -> Option<C>,
) -> Result<Option<C>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let description = "must be a cursor of an export of the same days, or empty";
    let cursor = Some(text).filter(|text| text.len() <= MAX_OPAQUE);
    let cursor = cursor.and_then(understood);
    let cursor = cursor.ok_or_else(|| Refusal::field("after_cursor", description));
    cursor.map(Some)
}

/// The time zone at the field `time_zone`; empty means UTC.
pub(super) fn time_zone(name: &str) -> Result<TimeZone, Refusal> {
    if name.is_empty() {
        return Ok(TimeZone::utc());
    }
    let description = "must be an IANA time zone, such as Asia/Kathmandu, or empty for UTC";
    name.parse()
        .map_err(|_| Refusal::field("time_zone", description))
}

/// A moment at `field`.
pub(super) fn moment(field: &str, at: Timestamp) -> Result<DateTime<Utc>, Refusal> {
    let description = "must be a moment of the years 1970 to 9999";
    time(at).ok_or_else(|| Refusal::field(field, description))
}

/// A subscriber, at `field`.
pub(super) fn user_id(field: &str, id: &str) -> Result<UserId, Refusal> {
    let description = "must be a UUID: 32 hexadecimal digits in five groups";
    id.parse().map_err(|_| Refusal::field(field, description))
}

/// The number of a thing, at `field`.
pub(super) fn number_of(thing: &str, field: &str, number: i32) -> Result<i32, Refusal> {
    if number > 0 {
        Ok(number)
    } else {
        let description = format!("must be the number of {thing}, 1 or more");
        Err(Refusal::field(field, &description))
    }
}

/// The number of a thing to filter by, at `field`; 0 for all.
pub(super) fn number_filter(thing: &str, field: &str, number: i32) -> Result<Option<i32>, Refusal> {
    match number {
        0 => Ok(None),
        number if number > 0 => Ok(Some(number)),
        _ => {
            let description = format!("must be the number of {thing}, or 0 for all");
            Err(Refusal::field(field, &description))
        }
    }
}
