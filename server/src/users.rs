//! The vocabulary of subscribers.

mod number;
mod time_zone;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::revision::Revision;
use crate::violation::{Violation, Violations};

pub use number::SubscriberNumber;
pub use time_zone::{TimeZone, UnknownTimeZone};

/// A subscriber; the `sub` of their token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub Uuid);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for UserId {
    type Err = uuid::Error;

    /// Only the hyphenated form, so that one user has one spelling but for the case of letters.
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        uuid::fmt::Hyphenated::from_str(text).map(|id| Self(id.into_uuid()))
    }
}

/// Whether a subscriber may use the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserStatus {
    /// May use what their packages give.
    Active,
    /// May use nothing until resumed.
    Suspended,
    /// Nothing personal is left; for good.
    Erased,
}

impl UserStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Erased];

    /// The name in SQL and the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Erased => "erased",
        }
    }

    /// The status of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// What a provider says about a subscriber, as a caller sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserDraft {
    /// IANA name; empty means UTC.
    pub time_zone: String,
    /// The provider's own words.
    pub metadata: BTreeMap<String, String>,
}

/// The same, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserProfile {
    /// Calendar months of packages are counted in it.
    pub time_zone: TimeZone,
    /// The provider's own words.
    pub metadata: BTreeMap<String, String>,
}

impl UserDraft {
    /// Checks both fields; all violations are found at once.
    pub fn check(self) -> Result<UserProfile, Vec<Violation>> {
        let mut violations = Violations::default();
        let time_zone = match self.time_zone.as_str() {
            "" => Ok(TimeZone::utc()),
            name => name.parse(),
        };
        violations.require(
            time_zone.is_ok(),
            "time_zone",
            "must be an IANA time zone, such as Asia/Kathmandu, or empty for UTC",
        );
        violations.metadata("metadata", &self.metadata);
        violations.into_result(UserProfile {
            time_zone: time_zone.unwrap_or_else(|_| TimeZone::utc()),
            metadata: self.metadata,
        })
    }
}

/// A subscriber as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// How often it was written.
    pub revision: Revision,
    /// Whether they may use the network.
    pub status: UserStatus,
    /// Why they are suspended or were erased; may be empty.
    pub status_reason: String,
    /// What the provider says about them.
    pub profile: UserProfile,
    /// When they were registered, by the database's clock.
    pub created_at: DateTime<Utc>,
    /// When an administrator last changed them, by the database's clock.
    pub updated_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling_but_for_the_case_of_letters() {
        let id = "0190f3a1-7c11-7cc3-98c4-dc0c0c07398f";
        let parsed: UserId = id.to_uppercase().parse().unwrap();
        assert_eq!(parsed.to_string(), id);
        for other in [
            "",
            "0190f3a17c117cc398c4dc0c0c07398f",
            "{0190f3a1-7c11-7cc3-98c4-dc0c0c07398f}",
            "urn:uuid:0190f3a1-7c11-7cc3-98c4-dc0c0c07398f",
            " 0190f3a1-7c11-7cc3-98c4-dc0c0c07398f",
            "0190f3a1-7c11-7cc3-98c4-dc0c0c07398g",
            "７190f3a1-7c11-7cc3-98c4-dc0c0c07398f",
        ] {
            assert!(other.parse::<UserId>().is_err(), "{other}");
        }
    }

    #[test]
    fn all_fields_at_fault_are_named_at_once() {
        let draft = UserDraft {
            time_zone: "Mars/Olympus".to_owned(),
            metadata: [("a b".to_owned(), "x\ny".to_owned())].into(),
        };
        let fields: Vec<_> = draft.check().unwrap_err();
        let fields: Vec<_> = fields.into_iter().map(|v| v.field).collect();
        assert_eq!(
            fields,
            ["time_zone", "metadata[\"a b\"]", "metadata[\"a b\"]"]
        );
        let none = UserDraft::default().check().unwrap();
        assert_eq!(none.time_zone.name(), "UTC");
    }
}
