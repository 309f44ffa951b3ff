//! A package that a subscriber has bought: what was promised, and its life so far.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{PackageDuration, PackageId, Quota, SeriesId};
use crate::revision::Revision;
use crate::users::UserId;

/// The number of a queued package; positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueuedPackageId(pub i64);

impl fmt::Display for QueuedPackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A line of a provider's order, which becomes one queued package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// The order.
    pub order: String,
    /// Its line.
    pub line: u32,
}

/// What a package promised when it was enqueued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How much traffic it holds.
    pub quota: Quota,
    /// How long it lasts.
    pub duration: PackageDuration,
    /// Bits per second; 0 for no limit.
    pub speed_limit_bps: u64,
}

/// Where a queued package is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QueuedPackageStatus {
    /// Waits for the one before it.
    Queued,
    /// In use.
    Active,
    /// Its quota was used up.
    Exhausted,
    /// Its time was over.
    Expired,
    /// An administrator ended it.
    Cancelled,
}

impl QueuedPackageStatus {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Active,
        Self::Exhausted,
        Self::Expired,
        Self::Cancelled,
    ];

    /// Those of packages that have not ended.
    pub const OPEN: [Self; 2] = [Self::Queued, Self::Active];

    /// The name in SQL, metrics and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Active => "active",
            Self::Exhausted => "exhausted",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// From when to when a package is active, unless it ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it became active.
    pub active_from: DateTime<Utc>,
    /// When its time is over; the first moment that is no longer in it.
    pub expires_at: DateTime<Utc>,
}

/// Why a package ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its quota was used up.
    Exhausted,
    /// Its time was over.
    Expired,
    /// An administrator ended it.
    Cancelled,
}

impl Ending {
    /// The status of a package that has ended so.
    pub fn status(self) -> QueuedPackageStatus {
        match self {
            Self::Exhausted => QueuedPackageStatus::Exhausted,
            Self::Expired => QueuedPackageStatus::Expired,
            Self::Cancelled => QueuedPackageStatus::Cancelled,
        }
    }
}

/// The life of a queued package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// Waits.
    Queued,
    /// In use.
    Active {
        /// Since when, and until when.
        span: Span,
        /// When the quota is whole again; before `expires_at`.
        next_reset_at: Option<DateTime<Utc>>,
    },
    /// Over.
    Ended {
        /// While it was active, if it ever was.
        span: Option<Span>,
        /// Why.
        ending: Ending,
        /// When.
        ended_at: DateTime<Utc>,
        /// An administrator's words; may be empty.
        reason: String,
    },
}

/// Traffic charged to a package, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Charges {
    /// Within the quota, over the whole life.
    pub charged: u64,
    /// Beyond the quota.
    pub overage: u64,
    /// Of `charged`, since the quota was last whole.
    pub period_charged: u64,
}

impl Charges {
    /// Adds bytes within the quota.
    pub(super) fn charge(&mut self, bytes: u64) {
        self.charged = self.charged.saturating_add(bytes);
        self.period_charged = self.period_charged.saturating_add(bytes);
    }

    /// Adds bytes within the quota of an earlier period.
    pub(super) fn charge_earlier(&mut self, bytes: u64) {
        self.charged = self.charged.saturating_add(bytes);
    }

    /// Takes bytes back that were within the quota, of this period first, and beyond it.
    pub(super) fn give_back(&mut self, charged: u64, overage: u64) {
        self.charged = self.charged.saturating_sub(charged);
        self.period_charged = self.period_charged.saturating_sub(charged);
        self.overage = self.overage.saturating_sub(overage);
    }

    /// Whether they can be stored.
    pub(super) fn fit(&self) -> bool {
        let most = i64::MAX.unsigned_abs();
        self.charged <= most && self.overage <= most
    }

    /// Adds bytes beyond the quota.
    pub(super) fn overrun(&mut self, bytes: u64) {
        self.overage = self.overage.saturating_add(bytes);
    }
}

/// Warnings that were given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Warned {
    /// The highest percentage of the quota in this period; 0 for none.
    pub percent: u8,
    /// Of the coming expiry.
    pub expiry: bool,
}

/// A queued package as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedPackage {
    /// Its number.
    pub id: QueuedPackageId,
    /// How often its status changed.
    pub revision: Revision,
    /// Whose it is.
    pub user: UserId,
    /// What was bought.
    pub package: PackageId,
    /// Its series.
    pub series: SeriesId,
    /// With which order.
    pub order: OrderLine,
    /// What was promised.
    pub terms: Terms,
    /// Higher goes first.
    pub priority: i32,
    /// When it was put into the queue, by the database's clock.
    pub enqueued_at: DateTime<Utc>,
    /// Its life so far.
    pub life: Life,
    /// What was charged to it.
    pub charges: Charges,
    /// What its owner was warned of.
    pub warned: Warned,
}

impl QueuedPackage {
    /// Where it is in its life.
    pub fn status(&self) -> QueuedPackageStatus {
        match &self.life {
            Life::Queued => QueuedPackageStatus::Queued,
            Life::Active { .. } => QueuedPackageStatus::Active,
            Life::Ended { ending, .. } => ending.status(),
        }
    }

    /// From when to when it is or was active.
    pub fn span(&self) -> Option<Span> {
        match &self.life {
            Life::Queued => None,
            Life::Active { span, .. } => Some(*span),
            Life::Ended { span, .. } => *span,
        }
    }

    /// When its quota is whole again.
    pub fn next_reset_at(&self) -> Option<DateTime<Utc>> {
        match &self.life {
            Life::Active { next_reset_at, .. } => *next_reset_at,
            Life::Queued | Life::Ended { .. } => None,
        }
    }

    /// When it ended.
    pub fn ended_at(&self) -> Option<DateTime<Utc>> {
        match &self.life {
            Life::Ended { ended_at, .. } => Some(*ended_at),
            Life::Queued | Life::Active { .. } => None,
        }
    }

    /// Why it ended, in an administrator's words; may be empty.
    pub fn end_reason(&self) -> &str {
        match &self.life {
            Life::Ended { reason, .. } => reason,
            Life::Queued | Life::Active { .. } => "",
        }
    }
}
