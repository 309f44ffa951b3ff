//! Statements on `node_heartbeat`.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{StoreError, Transaction};
use crate::nodes::{Heartbeat, NodeServerId};

/// What the database made of a heartbeat.
#[derive(Debug, Clone, Copy)]
pub struct Recorded {
    /// When it arrived, by the database's clock.
    pub received_at: DateTime<Utc>,
    /// When the one before arrived.
    pub previous_at: Option<DateTime<Utc>>,
    /// The node's clock minus the database's, in microseconds.
    pub clock_skew_micros: i64,
    /// Whether an administrator keeps the node in maintenance.
    pub maintenance: bool,
}

/// Replaces the last heartbeat of a node. `waited` is how long ago it reached this server; the
/// clocks are compared as of then.
pub async fn record(
    transaction: &mut Transaction,
    node: NodeServerId,
    heartbeat: &Heartbeat,
    waited: Duration,
) -> Result<Recorded, StoreError> {
    let values = heartbeat.values();
    let performance = values.performance;
    Ok(sqlx::query_as!(
        Recorded,
        "WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now), \
         previous AS MATERIALIZED (SELECT received_at FROM node_heartbeat WHERE node_server_id = $1) \
         INSERT INTO node_heartbeat AS h (node_server_id, received_at, boot_id, agent_version, \
         protocol_version, config_hash, cpu_usage_ratio, memory_used_bytes, memory_total_bytes, \
         load_1m, load_5m, load_15m, rx_bps, tx_bps, sessions, clock_skew_micros) \
         SELECT $1, clock.now, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
         (extract(epoch FROM $15 - (clock.now - $16::bigint * interval '1 microsecond')) * 1000000)::bigint \
         FROM clock \
         ON CONFLICT (node_server_id) DO UPDATE SET received_at = excluded.received_at, \
         boot_id = excluded.boot_id, agent_version = excluded.agent_version, \
         protocol_version = excluded.protocol_version, config_hash = excluded.config_hash, \
         cpu_usage_ratio = excluded.cpu_usage_ratio, \
         memory_used_bytes = excluded.memory_used_bytes, \
         memory_total_bytes = excluded.memory_total_bytes, load_1m = excluded.load_1m, \
         load_5m = excluded.load_5m, load_15m = excluded.load_15m, rx_bps = excluded.rx_bps, \
         tx_bps = excluded.tx_bps, sessions = excluded.sessions, \
         clock_skew_micros = excluded.clock_skew_micros \
         RETURNING h.received_at, (SELECT received_at FROM previous) AS previous_at, \
         h.clock_skew_micros, coalesce((SELECT maintenance_since IS NOT NULL FROM node_server \
         WHERE id = $1), false) AS \"maintenance!\"",
        node.0,
        values.boot_id,
        values.agent_version,
        values.protocol_version.cast_signed(),
        values.config_hash,
        performance.cpu_usage_ratio,
        performance.memory_used_bytes.cast_signed(),
        performance.memory_total_bytes.cast_signed(),
        performance.load[0],
        performance.load[1],
        performance.load[2],
        performance.rx_bps.cast_signed(),
        performance.tx_bps.cast_signed(),
        performance.sessions.cast_signed(),
        heartbeat.clock(),
        i64::try_from(waited.as_micros()).unwrap_or(i64::MAX),
    )
    .fetch_one(transaction)
    .await?)
}
