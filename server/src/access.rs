//! The vocabulary of access: what subscribers may use, and why not.

mod offer;

use chrono::{DateTime, Utc};

use crate::packages::SeriesId;
use crate::users::UserId;

pub use offer::{ClientOffer, NodeOffer};

/// Whether a subscriber may use nodes, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Those of the present package.
    Granted,
    /// None: no package is active.
    NoPackage,
    /// None: the quota of the active package is used up, and will be whole again.
    QuotaUsedUp,
    /// None: the subscriber is suspended.
    Suspended,
    /// None: the subscriber has been erased.
    Erased,
}

impl Access {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Granted,
        Self::NoPackage,
        Self::QuotaUsedUp,
        Self::Suspended,
        Self::Erased,
    ];

    /// The name in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::NoPackage => "no_package",
            Self::QuotaUsedUp => "quota_used_up",
            Self::Suspended => "suspended",
            Self::Erased => "erased",
        }
    }

    /// The access of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|access| access.as_str() == name)
    }
}

/// What a subscriber may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserAccess {
    /// Whether anything.
    pub access: Access,
    /// The series of the active package, while it gives anything or will.
    pub series: Option<SeriesId>,
    /// What the package promises, in bits per second; 0 for no limit.
    pub speed_limit_bps: u64,
    /// Until when it stays so if nothing happens but time; `None` for ever.
    pub valid_until: Option<DateTime<Utc>>,
}

impl UserAccess {
    /// That of somebody without a package.
    pub const NO_PACKAGE: Self = Self {
        access: Access::NoPackage,
        series: None,
        speed_limit_bps: 0,
        valid_until: None,
    };
}

/// The access of a subscriber that has changed, as nodes are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessChange {
    /// Who.
    pub user: UserId,
    /// What they may use now.
    pub access: UserAccess,
    /// Greater than those of all changes before it.
    pub version: u64,
    /// The span that changed it as a `traceparent` header has it, when its trace is recorded.
    pub traceparent: Option<String>,
}

/// A subscriber who may use nothing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeniedUser {
    /// Who.
    pub user: UserId,
    /// Why; never [`Access::Granted`].
    pub reason: Access,
}
