//! Statements on `usage_report`: the reports that were taken, by their keys.

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::jobs::Job;
use crate::nodes::NodeServerId;
use crate::usage::Report;

/// A report that was taken before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// Whether it said the same.
    pub same: bool,
    /// How many of its rows were taken.
    pub accepted: u32,
}

/// Claims the key of a report; `false` when it is taken. Waits for a transaction that has claimed it.
/// Claimed before anything else is written, so that whoever waits here holds nothing.
pub async fn claim(
    transaction: &mut Transaction,
    node: NodeServerId,
    report: &Report,
    accepted: usize,
    traceparent: Option<&str>,
) -> Result<bool, StoreError> {
    let claimed = sqlx::query!(
        "INSERT INTO usage_report (node_server_id, boot_id, seq, body_hash, accepted, traceparent) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        node.0,
        report.boot_id(),
        report.seq(),
        report.hash().as_bytes(),
        i32::try_from(accepted).unwrap_or(i32::MAX),
        traceparent,
    )
    .execute(transaction)
    .await?;
    Ok(claimed.rows_affected() == 1)
}

/// The report that was taken under this key. A conflict when it was removed for its age since it was
/// seen: then the key is free.
pub async fn find(
    transaction: &mut Transaction,
    node: NodeServerId,
    report: &Report,
) -> Result<Before, StoreError> {
    let row = sqlx::query!(
        "SELECT body_hash, accepted FROM usage_report \
         WHERE node_server_id = $1 AND boot_id = $2 AND seq = $3",
        node.0,
        report.boot_id(),
        report.seq(),
    )
    .fetch_optional(transaction)
    .await?;
    let row = row.ok_or(StoreError::Conflict(sqlx::Error::RowNotFound))?;
    Ok(Before {
        same: row.body_hash == report.hash().as_bytes(),
        accepted: unsigned(row.accepted, "accepted")?,
    })
}

/// The traces, as `traceparent`, of the latest reports that the next run of billing bills: those that came since the
/// last one that succeeded began, and of which a trace is recorded; `limit` at most.
pub async fn traced(transaction: &mut Transaction, limit: u32) -> Result<Vec<String>, StoreError> {
    // A report counts from the beginning of its transaction, so that one may have been under way when that run began.
    let traced = sqlx::query_scalar!(
        "SELECT traceparent AS \"traceparent!\" FROM usage_report \
         WHERE traceparent IS NOT NULL AND received_at > coalesce((SELECT started_at FROM job_run \
         WHERE job = $1 AND state = 'succeeded' ORDER BY id DESC LIMIT 1), '-infinity') \
         - interval '1 second' ORDER BY received_at DESC LIMIT $2",
        Job::BillTraffic.as_str(),
        i64::from(limit),
    );
    Ok(traced.fetch_all(transaction).await?)
}
