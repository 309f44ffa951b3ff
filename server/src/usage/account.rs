//! What is kept of a subscriber's usage, as they are told of it. `u64` bytes stop at `i64::MAX`.

use chrono::{DateTime, Utc};

use crate::nodes::{NodeClientId, NodeServerId};
use crate::packages::{QueuedPackageId, Traffic};

/// What was used in an hour or a day of UTC through one node client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageSum {
    /// When it begins.
    pub start: DateTime<Utc>,
    /// The node client.
    pub node_client: NodeClientId,
    /// The node server that reported it.
    pub node_server: NodeServerId,
    /// Bytes as they went through.
    pub raw: Traffic,
    /// Bytes that were billed.
    pub billed: Traffic,
}

/// What became of the bytes that were billed in an hour of UTC through one node server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageUsage {
    /// When the hour begins.
    pub start: DateTime<Utc>,
    /// The node server.
    pub node_server: NodeServerId,
    /// The package; `None` when none was active.
    pub package: Option<QueuedPackageId>,
    /// Bytes within the quota.
    pub charged: u64,
    /// Bytes beyond it.
    pub overage: u64,
    /// Bytes that the quota is not for.
    pub uncounted: u64,
    /// Bytes without a package.
    pub unassigned: u64,
    /// How many of all these came from other sources.
    pub external: u64,
}

/// An administrator's word on what was charged to a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageAdjustment {
    /// Its number; ascending.
    pub id: i64,
    /// The package.
    pub package: QueuedPackageId,
    /// Bytes; below zero: given back.
    pub bytes: i64,
    /// What of them was within the quota; the rest was beyond it.
    pub charged: i64,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// When, by the database's clock.
    pub at: DateTime<Utc>,
}
