//! What others are told of queues.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::queued::{Ending, QueuedPackageId};
use crate::users::UserId;

/// A package has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageExpiringEvent {
    /// Whose it was.
    pub user: UserId,
    /// Which.
    pub queued_package_id: QueuedPackageId,
    /// Why.
    pub reason: Ending,
    /// When.
    pub at: DateTime<Utc>,
    /// The package that is active after it.
    pub next_id: Option<QueuedPackageId>,
}

/// The owner of a package should know something in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageWarningEvent {
    /// Whose it is.
    pub user: UserId,
    /// Which.
    pub queued_package_id: QueuedPackageId,
    /// What.
    pub warning: Warning,
    /// When.
    pub at: DateTime<Utc>,
}

/// What to warn of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// So many percent of the quota are used: 80, 95 or 100.
    Quota(u8),
    /// Its time will soon be over.
    Expiry,
}

/// What others are told of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueEvent {
    /// A package has ended.
    Expiring(PackageExpiringEvent),
    /// A warning.
    Warning(PackageWarningEvent),
}

impl QueueEvent {
    /// What consumers of [`PackageExpiringEvent`] subscribe to.
    pub const EXPIRING: &str = "telecom.package_expiring";
    /// What consumers of [`PackageWarningEvent`] subscribe to.
    pub const WARNING: &str = "telecom.package_warning";

    /// What its consumers subscribe to.
    pub fn route(&self) -> &'static str {
        match self {
            Self::Expiring(_) => Self::EXPIRING,
            Self::Warning(_) => Self::WARNING,
        }
    }

    /// The event as JSON, under the id that recognizes a repetition.
    pub fn payload(&self, event_id: Uuid) -> Value {
        match self {
            Self::Expiring(event) => json!({
                "event_id": event_id,
                "user": event.user.0,
                "queued_package_id": event.queued_package_id.0,
                "reason": event.reason.status().as_str(),
                "at": time(event.at),
                "next_id": event.next_id.map(|id| id.0),
            }),
            Self::Warning(event) => {
                let (reason, percent) = match event.warning {
                    Warning::Quota(percent) => ("quota", Some(percent)),
                    Warning::Expiry => ("expiry", None),
                };
                json!({
                    "event_id": event_id,
                    "user": event.user.0,
                    "queued_package_id": event.queued_package_id.0,
                    "reason": reason,
                    "percent": percent,
                    "at": time(event.at),
                })
            }
        }
    }
}

/// RFC 3339, in UTC, to the microsecond.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_say_what_their_consumers_need() {
        let (user, event_id) = (UserId(Uuid::from_u128(7)), Uuid::from_u128(9));
        let (queued_package_id, at) = (QueuedPackageId(5), DateTime::UNIX_EPOCH);
        let expiring = QueueEvent::Expiring(PackageExpiringEvent {
            user,
            queued_package_id,
            reason: Ending::Exhausted,
            at,
            next_id: Some(QueuedPackageId(6)),
        });
        assert_eq!(expiring.route(), "telecom.package_expiring");
        assert_eq!(
            expiring.payload(event_id),
            json!({
                "event_id": "00000000-0000-0000-0000-000000000009",
                "user": "00000000-0000-0000-0000-000000000007",
                "queued_package_id": 5,
                "reason": "exhausted",
                "at": "1970-01-01T00:00:00.000000Z",
                "next_id": 6,
            })
        );
        for (warning, reason, percent) in [
            (Warning::Quota(95), "quota", json!(95)),
            (Warning::Expiry, "expiry", Value::Null),
        ] {
            let event = QueueEvent::Warning(PackageWarningEvent {
                user,
                queued_package_id,
                warning,
                at,
            });
            let payload = event.payload(event_id);
            assert_eq!(event.route(), "telecom.package_warning");
            assert_eq!(
                (&payload["reason"], &payload["percent"]),
                (&json!(reason), &percent)
            );
        }
    }
}
