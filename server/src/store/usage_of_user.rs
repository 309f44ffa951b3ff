//! Statements that read all that is kept of a subscriber's usage, page by page.

use chrono::{DateTime, Utc};

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::nodes::{NodeClientId, NodeServerId};
use crate::packages::{QueuedPackageId, Traffic};
use crate::usage::{PackageUsage, UsageSum};
use crate::users::UserId;

/// After which sum a page begins; the default is before all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AfterSum {
    /// When its hour or day begins.
    pub start: DateTime<Utc>,
    /// Its node client.
    pub node_client: i32,
    /// Its node server.
    pub node_server: i32,
}

/// After which row of a package's usage a page begins; the default is before all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AfterPackage {
    /// When its hour begins.
    pub start: DateTime<Utc>,
    /// Its node server.
    pub node_server: i32,
    /// Its package; 0 for none.
    pub package: i64,
}

// Numbers of nodes begin at 1. The bare bounds on the bucket let PostgreSQL leave out the partitions
// before it, and those that are made ahead.
macro_rules! sums {
    ($table:literal, $transaction:expr, $user:expr, $after:expr, $limit:expr) => {{
        let rows = sqlx::query_as!(
            SumRow,
            "SELECT bucket, node_client_id, node_server_id, \
                 least(raw_upload, 9223372036854775807)::bigint AS \"raw_upload!\", \
                 least(raw_download, 9223372036854775807)::bigint AS \"raw_download!\", \
                 least(billed_upload, 9223372036854775807)::bigint AS \"billed_upload!\", \
                 least(billed_download, 9223372036854775807)::bigint AS \"billed_download!\" FROM "
                + $table
                + " WHERE user_id = $1 AND bucket >= $2 AND bucket <= now() \
                 AND (bucket, node_client_id, node_server_id) > ($2, $3, $4) \
                 ORDER BY bucket, node_client_id, node_server_id LIMIT $5",
            $user.0,
            $after.start,
            $after.node_client,
            $after.node_server,
            i64::from($limit),
        );
        let rows = rows.fetch_all($transaction).await?;
        rows.into_iter().map(UsageSum::try_from).collect()
    }};
}

/// What they used by the day, by time, then node client, then node server.
pub async fn daily(
    transaction: &mut Transaction,
    user: UserId,
    after: AfterSum,
    limit: u32,
) -> Result<Vec<UsageSum>, StoreError> {
    sums!("usage_daily", transaction, user, after, limit)
}

/// What they used by the hour, in the same order.
pub async fn hourly(
    transaction: &mut Transaction,
    user: UserId,
    after: AfterSum,
    limit: u32,
) -> Result<Vec<UsageSum>, StoreError> {
    sums!("usage_hourly", transaction, user, after, limit)
}

/// What of it was charged to which package, by time, then node server, then package.
pub async fn by_package(
    transaction: &mut Transaction,
    user: UserId,
    after: AfterPackage,
    limit: u32,
) -> Result<Vec<PackageUsage>, StoreError> {
    let rows = sqlx::query!(
        "SELECT bucket, node_server_id, queued_package_id, \
             least(charged, 9223372036854775807)::bigint AS \"charged!\", \
             least(overage, 9223372036854775807)::bigint AS \"overage!\", \
             least(uncounted, 9223372036854775807)::bigint AS \"uncounted!\", \
             least(unassigned, 9223372036854775807)::bigint AS \"unassigned!\", \
             least(external, 9223372036854775807)::bigint AS \"external!\" \
         FROM user_package_usage WHERE user_id = $1 AND bucket >= $2 AND bucket <= now() \
         AND (bucket, node_server_id, coalesce(queued_package_id, 0)) > ($2, $3, $4) \
         ORDER BY bucket, node_server_id, coalesce(queued_package_id, 0) LIMIT $5",
        user.0,
        after.start,
        after.node_server,
        after.package,
        i64::from(limit),
    );
    let rows = rows.fetch_all(transaction).await?.into_iter().map(|row| {
        Ok(PackageUsage {
            start: row.bucket,
            node_server: NodeServerId(row.node_server_id),
            package: row.queued_package_id.map(QueuedPackageId),
            charged: unsigned(row.charged, "charged")?,
            overage: unsigned(row.overage, "overage")?,
            uncounted: unsigned(row.uncounted, "uncounted")?,
            unassigned: unsigned(row.unassigned, "unassigned")?,
            external: unsigned(row.external, "external")?,
        })
    });
    rows.collect()
}

struct SumRow {
    bucket: DateTime<Utc>,
    node_client_id: i32,
    node_server_id: i32,
    raw_upload: i64,
    raw_download: i64,
    billed_upload: i64,
    billed_download: i64,
}

impl TryFrom<SumRow> for UsageSum {
    type Error = StoreError;

    fn try_from(row: SumRow) -> Result<Self, StoreError> {
        Ok(Self {
            start: row.bucket,
            node_client: NodeClientId(row.node_client_id),
            node_server: NodeServerId(row.node_server_id),
            raw: Traffic {
                upload: unsigned(row.raw_upload, "raw_upload")?,
                download: unsigned(row.raw_download, "raw_download")?,
            },
            billed: Traffic {
                upload: unsigned(row.billed_upload, "billed_upload")?,
                download: unsigned(row.billed_download, "billed_download")?,
            },
        })
    }
}
