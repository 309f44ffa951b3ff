//! The vocabulary of billing: what is told of usage that was billed.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::packages::Traffic;
use crate::partitions::LATEST_REPORT;
use crate::users::UserId;

/// What consumers of [`UserUsageBillingEvent`] subscribe to.
pub const USER_USAGE_BILLING: &str = "telecom.user_usage_billing";

/// How far ahead of the database's clock the time of an event may be; it then counts as now.
const AHEAD: TimeDelta = TimeDelta::hours(24);

/// Bytes of a subscriber were billed: what they used through one node server in one hour of UTC, as
/// far as it was not billed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserUsageBillingEvent {
    /// The node server.
    pub server_id: i32,
    /// The subscriber.
    pub user: UserId,
    /// The bytes, each direction 2^63 - 1 at most.
    pub billed: Traffic,
    /// When the latest of it was used, to the second.
    pub time: DateTime<Utc>,
}

/// The event as JSON.
#[derive(Deserialize)]
struct Wire {
    server_id: i32,
    user: String,
    billed_download: i64,
    billed_upload: i64,
    time: u64,
}

/// Why an event cannot be taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It does not say what such an event says.
    #[error("{0}")]
    Malformed(String),
    /// Bytes below zero.
    #[error("bytes are never below zero")]
    Negative,
    /// There is no such moment.
    #[error("there is no such time")]
    TimeInvalid,
    /// The event of another source is dated too far back.
    #[error("it is dated more than 7 days before it came")]
    TooOld,
    /// It is dated too far ahead.
    #[error("it is dated more than 24 hours after it came")]
    TooNew,
    /// There is no such subscriber.
    #[error("there is no such user")]
    UserUnknown,
    /// More than can be counted has been charged to the package.
    #[error("with it, more would be charged to a package than can be counted")]
    TooMuch,
    /// It failed again and again.
    #[error("{0}")]
    Failed(String),
}

impl Unusable {
    /// The word for it in `dead_letter`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Negative => "negative",
            Self::TimeInvalid => "time_invalid",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::UserUnknown => "user_unknown",
            Self::TooMuch => "too_much",
            Self::Failed(_) => "failed",
        }
    }
}

/// When an event came, and whether from this provider's own billing.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When it came, by the database's clock.
    pub created_at: DateTime<Utc>,
    /// Now, by the database's clock.
    pub now: DateTime<Utc>,
    /// Not from here.
    pub external: bool,
}

impl UserUsageBillingEvent {
    /// Reads an event. One that is dated a little ahead is dated now. Its own usage is never too old
    /// for the provider: it was taken in time, however long it took to bill it.
    pub fn read(payload: &Value, arrival: Arrival) -> Result<Self, Unusable> {
        let wire = Wire::deserialize(payload);
        let wire = wire.map_err(|error| Unusable::Malformed(error.to_string()))?;
        let user: Result<UserId, _> = wire.user.parse();
        let user = user.map_err(|error| Unusable::Malformed(format!("user: {error}")))?;
        let bytes = |bytes: i64| u64::try_from(bytes).map_err(|_| Unusable::Negative);
        let billed = Traffic {
            download: bytes(wire.billed_download)?,
            upload: bytes(wire.billed_upload)?,
        };
        let seconds = i64::try_from(wire.time).map_err(|_| Unusable::TimeInvalid)?;
        let time = DateTime::from_timestamp(seconds, 0).ok_or(Unusable::TimeInvalid)?;
        if time > arrival.created_at + AHEAD {
            return Err(Unusable::TooNew);
        }
        if arrival.external && time < arrival.created_at - LATEST_REPORT {
            return Err(Unusable::TooOld);
        }
        Ok(Self {
            server_id: wire.server_id,
            user,
            billed,
            time: time.min(arrival.now),
        })
    }
}
