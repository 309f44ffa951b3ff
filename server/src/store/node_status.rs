//! Statements on `node_status`: what a node server was doing when the job last looked, and since when.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{StoreError, Transaction};
use crate::nodes::{NodeServerId, NodeStatus};

/// Writes down the status of each node server where it is another than before. Returns how many that
/// were.
pub async fn refresh(
    transaction: &mut Transaction,
    offline_timeout: Duration,
) -> Result<u64, StoreError> {
    // Only what changes is touched: a conflict locks its row even where it changes nothing. A node
    // server that is being deleted is left out by the lock instead of failing the whole.
    let done = sqlx::query!(
        "INSERT INTO node_status AS s (node_server_id, status, since) \
         SELECT n.id, node_status_now(n.maintenance_since, h.received_at, $1), now() \
         FROM node_server n LEFT JOIN node_heartbeat h ON h.node_server_id = n.id \
         LEFT JOIN node_status known ON known.node_server_id = n.id \
         WHERE known.status IS DISTINCT FROM \
         node_status_now(n.maintenance_since, h.received_at, $1) \
         ORDER BY n.id FOR KEY SHARE OF n \
         ON CONFLICT (node_server_id) DO UPDATE SET status = excluded.status, \
         since = excluded.since WHERE s.status <> excluded.status",
        micros(offline_timeout),
    )
    .execute(transaction)
    .await?;
    Ok(done.rows_affected())
}

/// Since when a node server is doing what the job last found; `None` before that.
pub async fn since(
    transaction: &mut Transaction,
    id: NodeServerId,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let since = sqlx::query_scalar!(
        "SELECT since FROM node_status WHERE node_server_id = $1",
        id.0
    );
    Ok(since.fetch_optional(transaction).await?)
}

/// A duration as `node_status_now` takes it.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The status of a name that the database gave.
pub(super) fn from_stored(name: &str) -> Result<NodeStatus, StoreError> {
    NodeStatus::from_name(name).ok_or(StoreError::Corrupt("status"))
}
