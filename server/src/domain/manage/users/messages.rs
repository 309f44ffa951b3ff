//! What administrators ask for about subscribers, and what they get.

use futures::stream::BoxStream;

use crate::audit::AuditEntry;
use crate::domain::{DomainError, ErasedCalls, Idempotency};
use crate::packages::{QueuedPackage, QueuedPackageId};
use crate::usage::{PackageUsage, UsageAdjustment, UsageSum};
use crate::users::{SubscriberNumber, User, UserId, UserProfile, UserStatus};

/// Lists subscribers.
#[derive(Debug, Clone, Copy)]
pub struct AdminListUsers {
    /// Only those with this status.
    pub status: Option<UserStatus>,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// A page of subscribers.
#[derive(Debug, Clone)]
pub struct UserPage {
    /// By registration, then id.
    pub users: Vec<User>,
    /// Over all pages.
    pub total: u64,
}

/// Shows one subscriber.
#[derive(Debug, Clone, Copy)]
pub struct AdminShowUser(pub UserId);

/// A subscriber and what they have.
#[derive(Debug, Clone)]
pub struct UserDetail {
    /// The subscriber.
    pub user: User,
    /// The package that is in use.
    pub active: Option<QueuedPackage>,
    /// How many wait after it.
    pub queued: u32,
}

/// Registers a subscriber.
#[derive(Debug, Clone)]
pub struct AdminCreateUser {
    /// Who: the caller's choice, or chance.
    pub id: UserId,
    /// What the provider says about them.
    pub profile: UserProfile,
    /// What recognizes a repetition.
    pub idempotency: Option<Idempotency>,
}

/// Stops a subscriber's use.
#[derive(Debug, Clone)]
pub struct AdminSuspendUser {
    /// The subscriber.
    pub id: UserId,
    /// Why; may be empty.
    pub reason: String,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// Ends a suspension.
#[derive(Debug, Clone)]
pub struct AdminResumeUser {
    /// The subscriber.
    pub id: UserId,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// Erases what is personal.
#[derive(Debug, Clone)]
pub struct AdminEraseUser {
    /// The subscriber.
    pub id: UserId,
    /// Why; may be empty.
    pub reason: String,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
    /// Their telephone numbers, to be erased from records of calls.
    pub numbers: Vec<SubscriberNumber>,
}

/// What is left of a subscriber.
#[derive(Debug, Clone)]
pub struct ErasedUser {
    /// The subscriber.
    pub user: User,
    /// How many queued or active packages were cancelled.
    pub cancelled: u32,
    /// What was erased of calls.
    pub calls: ErasedCalls,
}

/// Corrects what was charged to a package.
#[derive(Debug, Clone)]
pub struct AdminAdjustUsage {
    /// The subscriber.
    pub user: UserId,
    /// Bytes to charge, or to give back when below zero; not 0.
    pub bytes: i64,
    /// Why; not empty.
    pub reason: String,
    /// A package of theirs; `None` for the active one.
    pub package: Option<QueuedPackageId>,
    /// What recognizes a repetition.
    pub idempotency: Option<Idempotency>,
}

/// A correction that was made.
#[derive(Debug, Clone)]
pub struct AdjustedUsage {
    /// The package as it is now.
    pub package: QueuedPackage,
    /// The correction.
    pub adjustment: UsageAdjustment,
}

/// Gives out everything that is kept about a subscriber.
#[derive(Debug, Clone, Copy)]
pub struct AdminExportUser(pub UserId);

/// One record of an export.
#[derive(Debug, Clone)]
pub enum ExportRecord {
    /// The subscriber; the first record.
    User(Box<User>),
    /// A package they have bought.
    QueuedPackage(Box<QueuedPackage>),
    /// What they used in a day of UTC.
    DailyUsage(UsageSum),
    /// What they used in an hour of UTC.
    HourlyUsage(UsageSum),
    /// What of it was charged to which package.
    PackageUsage(PackageUsage),
    /// What an administrator changed of what was charged.
    UsageAdjustment(UsageAdjustment),
    /// What an administrator did with them.
    AuditEntry(AuditEntry),
}

/// The records of an export, read as they are taken; ends at the first error.
pub type Export = BoxStream<'static, Result<ExportRecord, DomainError>>;
