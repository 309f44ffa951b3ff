//! Statements on `node_status_history` and the view of it that is read.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::node_status::micros;
use super::{StoreError, Transaction};
use crate::nodes::{HourStatus, Period};

/// Writes down what each node server is doing now, in the slot of the present hour of UTC; one that is
/// there stays. Returns how many were added.
pub async fn record(
    transaction: &mut Transaction,
    offline_timeout: Duration,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "INSERT INTO node_status_history (node_server_id, slot, status) \
         SELECT n.id, date_trunc('hour', now(), 'UTC'), \
         node_status_now(n.maintenance_since, h.received_at, $1) \
         FROM node_server n LEFT JOIN node_heartbeat h ON h.node_server_id = n.id \
         ORDER BY n.id ON CONFLICT (slot, node_server_id) DO NOTHING",
        micros(offline_timeout),
    )
    .execute(transaction)
    .await?;
    Ok(done.rows_affected())
}

/// Removes what is older than so many days. Returns how many rows that were.
pub async fn prune(transaction: &mut Transaction, days: u32) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM node_status_history WHERE slot < now() - $1::bigint * interval '24 hours'",
        i64::from(days),
    )
    .execute(transaction)
    .await?;
    Ok(done.rows_affected())
}

/// Brings the view up to date, and notes when. Who reads it meanwhile sees the old state.
pub async fn refresh_view(transaction: &mut Transaction) -> Result<(), StoreError> {
    sqlx::query("REFRESH MATERIALIZED VIEW CONCURRENTLY node_status_hourly_mv")
        .execute(&mut *transaction)
        .await?;
    sqlx::query!(
        "INSERT INTO view_refresh (name, refreshed_at) VALUES ('node_status_hourly_mv', now()) \
         ON CONFLICT (name) DO UPDATE SET refreshed_at = excluded.refreshed_at",
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Tells the planner what there is.
pub async fn analyze(transaction: &mut Transaction) -> Result<(), StoreError> {
    sqlx::query("ANALYZE node_status_history, node_status_hourly_mv")
        .execute(transaction)
        .await?;
    Ok(())
}

/// When the view was last brought up to date.
pub async fn refreshed_at(transaction: &mut Transaction) -> Result<DateTime<Utc>, StoreError> {
    let refreshed = sqlx::query_scalar!(
        "SELECT refreshed_at FROM view_refresh WHERE name = 'node_status_hourly_mv'",
    );
    Ok(refreshed.fetch_one(transaction).await?)
}

/// The hours of a period in which something was recorded, the oldest first; of all node servers, or
/// of some.
pub async fn hours(
    transaction: &mut Transaction,
    period: Period,
    node_servers: Option<&[i32]>,
) -> Result<Vec<HourStatus>, StoreError> {
    let rows = sqlx::query!(
        "SELECT bucket_start AS \"start!\", \
         count(*) FILTER (WHERE status = 'online') AS \"online!\", \
         count(*) FILTER (WHERE status = 'offline') AS \"offline!\", \
         count(*) FILTER (WHERE status = 'maintenance') AS \"maintenance!\" \
         FROM node_status_hourly_mv WHERE bucket_start >= $1 AND bucket_start < $2 \
         AND ($3::integer[] IS NULL OR node_server_id = ANY($3)) \
         GROUP BY bucket_start ORDER BY bucket_start",
        period.start(),
        period.end(),
        node_servers as Option<&[i32]>,
    )
    .fetch_all(transaction)
    .await?;
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    let hours = rows.into_iter().map(|row| HourStatus {
        start: row.start,
        online: count(row.online),
        offline: count(row.offline),
        maintenance: count(row.maintenance),
    });
    Ok(hours.collect())
}
