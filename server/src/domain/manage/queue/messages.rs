//! What administrators ask of queues, and what they get.

use crate::packages::{
    OrderLine, PackageId, QueuedPackage, QueuedPackageId, QueuedPackageStatus, SeriesId,
};
use crate::users::UserId;

/// Counts queued packages by series and status.
#[derive(Debug, Clone, Copy)]
pub struct AdminCountQueuedPackages {
    /// Only those of this series.
    pub series: Option<SeriesId>,
    /// Only those with this status.
    pub status: Option<QueuedPackageStatus>,
}

/// How many queued packages a series has of one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuedPackageCount {
    /// The series.
    pub series: SeriesId,
    /// The status.
    pub status: QueuedPackageStatus,
    /// How many; positive.
    pub count: u64,
}

/// Lists queued packages; all conditions hold.
#[derive(Debug, Clone)]
pub struct AdminListQueuedPackages {
    /// Only those of this subscriber.
    pub user: Option<UserId>,
    /// Only those of this order.
    pub order: Option<String>,
    /// Only those of this package.
    pub package: Option<PackageId>,
    /// Only those with this status.
    pub status: Option<QueuedPackageStatus>,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// A page of queued packages.
#[derive(Debug, Clone)]
pub struct QueuedPackagePage {
    /// By ascending id.
    pub queued_packages: Vec<QueuedPackage>,
    /// Over all pages.
    pub total: u64,
}

/// Shows one queued package.
#[derive(Debug, Clone, Copy)]
pub struct AdminShowQueuedPackage(pub QueuedPackageId);

/// Puts a package into a subscriber's queue.
#[derive(Debug, Clone)]
pub struct AdminEnqueue {
    /// The subscriber.
    pub user: UserId,
    /// The package.
    pub package: PackageId,
    /// With which order; what recognizes a repetition.
    pub order: OrderLine,
    /// Higher goes first.
    pub priority: i32,
}

/// Ends a package that is queued or active.
#[derive(Debug, Clone)]
pub struct AdminCancel {
    /// The queued package.
    pub id: QueuedPackageId,
    /// Why; may be empty.
    pub reason: String,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// A package that was ended, and the one that is active now.
#[derive(Debug, Clone)]
pub struct CancelledPackage {
    /// The ended package.
    pub package: QueuedPackage,
    /// The active one.
    pub active: Option<QueuedPackage>,
}
