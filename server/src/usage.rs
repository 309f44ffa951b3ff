//! The vocabulary of usage: what nodes report, which of it is taken, and what it counts.
//!
//! Values only. Nothing here knows SQL or gRPC, and time comes in as an argument.

mod account;
mod factor;
mod quarter;
mod recent;
mod refusal;
mod report;
mod sorting;
#[cfg(test)]
mod tests;

pub use account::{PackageUsage, UsageAdjustment, UsageSum};
pub use factor::{Factored, Factors};
pub use quarter::{Quarter, quarters};
pub use recent::{Buckets, RecentRange, RecentTrafficUsage, TrafficBucket, UsuallyUsedNode};
pub use refusal::{Refusal, RefusedUsage, RefusedUsageFilter};
pub use report::{Report, ReportDraft, RowDraft};
pub use sorting::{Known, RefusedRow, Sorted, TakenRow};

/// Most bytes of one row in one direction: a pebibyte.
pub const MAX_ROW_BYTES: u64 = 1 << 50;
