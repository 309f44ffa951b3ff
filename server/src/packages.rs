//! The vocabulary of packages: what is on sale, and what subscribers have bought.
//!
//! Values only; a value that exists is valid. Nothing here knows SQL, gRPC or the time of day.

mod calendar;
mod config;
mod events;
mod queue;
mod queued;
mod quota;
mod series;
#[cfg(test)]
mod tests;

use std::fmt;

use chrono::{DateTime, Utc};

use crate::revision::Revision;

pub use config::{PackageConfig, PackageDraft, PackageField};
pub use events::{PackageExpiringEvent, PackageWarningEvent, QueueEvent, Warning};
pub use queue::{
    Adjusted, Changes, Charged, Counts, EXPIRY_WARNING, MAX_OPEN, Queue, TooMuch, Traffic,
    Unadjustable,
};
pub use queued::{
    Charges, Ending, Life, OrderLine, QueuedPackage, QueuedPackageId, QueuedPackageStatus, Span,
    Terms, Warned,
};
pub use quota::{Counted, DurationDraft, PackageDuration, Quota, QuotaDraft, QuotaKind};
pub use series::{SeriesConfig, SeriesDraft, SeriesField};

/// The number of a package series; positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(pub i32);

/// The number of a package; positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageId(pub i32);

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a written thing carries besides its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// How often it was written.
    pub revision: Revision,
    /// When it was taken from sale, by the database's clock.
    pub retired_at: Option<DateTime<Utc>>,
    /// When it was made, by the database's clock.
    pub created_at: DateTime<Utc>,
    /// When an administrator last changed it, by the database's clock.
    pub updated_at: DateTime<Utc>,
}

/// A package series as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageSeries {
    /// Its number.
    pub id: SeriesId,
    /// What an administrator said about it.
    pub config: SeriesConfig,
    /// Its writes.
    pub record: Record,
}

/// A package as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its number.
    pub id: PackageId,
    /// What an administrator said about it.
    pub config: PackageConfig,
    /// Its writes.
    pub record: Record,
}
