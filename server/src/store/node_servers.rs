//! Statements on `node_server`, with the last heartbeat beside it where it is read.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::node_status::{from_stored, micros};
use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::nodes::{
    LastHeartbeat, Maintenance, NodeServer, NodeServerConfig, NodeServerDraft, NodeServerId,
    NodeStatus, Performance,
};
use crate::revision::Revision;

/// The constraint that keeps names unique.
pub const UNIQUE_NAME: &str = "node_server_name_key";

// The status is worked out at the read, from maintenance and the last heartbeat; `$1` is the
// offline timeout in microseconds.
macro_rules! with_status {
    ($query:ident!($($row:ident,)? $select:literal, $rest:literal, $($argument:expr),+ $(,)?)) => {
        sqlx::$query!(
            $($row,)?
            $select
                + " FROM node_server n LEFT JOIN node_heartbeat h ON h.node_server_id = n.id \
                   CROSS JOIN LATERAL (SELECT node_status_now(\
                   n.maintenance_since, h.received_at, $1) AS status) s "
                + $rest,
            $($argument),+
        )
    };
}
macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        with_status!(query_as!(
            Row,
            "SELECT n.id, n.name, n.address, n.country, n.location, n.route_class, \
             n.bandwidth_bps, n.max_sessions, \
             n.metadata AS \"metadata: Json<BTreeMap<String, String>>\", n.revision, \
             n.maintenance_since, n.maintenance_reason, n.created_at, n.updated_at, \
             s.status AS \"status!\", \
             (SELECT count(*) FROM node_client c WHERE c.node_server_id = n.id) AS \"client_count!\", \
             h.received_at AS \"received_at?\", \
             h.agent_version AS \"agent_version?\", h.protocol_version AS \"protocol_version?\", \
             h.boot_id AS \"boot_id?\", h.config_hash AS \"config_hash?\", \
             h.cpu_usage_ratio AS \"cpu_usage_ratio?\", \
             h.memory_used_bytes AS \"memory_used_bytes?\", \
             h.memory_total_bytes AS \"memory_total_bytes?\", h.load_1m AS \"load_1m?\", \
             h.load_5m AS \"load_5m?\", h.load_15m AS \"load_15m?\", h.rx_bps AS \"rx_bps?\", \
             h.tx_bps AS \"tx_bps?\", h.sessions AS \"sessions?\", \
             h.clock_skew_micros AS \"clock_skew_micros?\"",
            $rest,
            $($argument),+
        ))
    };
}

/// A page of node servers.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only those with this status.
    pub status: Option<NodeStatus>,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// Lists one page by ascending id, and how many there are over all pages.
pub async fn list(
    transaction: &mut Transaction,
    page: Page,
    offline_timeout: Duration,
) -> Result<(Vec<NodeServer>, u64), StoreError> {
    let status = page.status.map(NodeStatus::as_str);
    let total = with_status!(query_scalar!(
        "SELECT count(*) AS \"count!\"",
        "WHERE $2::text IS NULL OR s.status = $2",
        micros(offline_timeout),
        status,
    ))
    .fetch_one(&mut *transaction)
    .await?;
    let rows = rows!(
        "WHERE $2::text IS NULL OR s.status = $2 ORDER BY n.id LIMIT $3 OFFSET $4",
        micros(offline_timeout),
        status,
        i64::from(page.limit),
        i64::from(page.offset),
    )
    .fetch_all(transaction)
    .await?;
    let nodes = rows.into_iter().map(NodeServer::try_from);
    Ok((nodes.collect::<Result<_, _>>()?, unsigned(total, "count")?))
}

/// One node server.
pub async fn find(
    transaction: &mut Transaction,
    id: NodeServerId,
    offline_timeout: Duration,
) -> Result<Option<NodeServer>, StoreError> {
    rows!("WHERE n.id = $2", micros(offline_timeout), id.0)
        .fetch_optional(transaction)
        .await?
        .map(NodeServer::try_from)
        .transpose()
}

/// One node server, which nobody else can write until the transaction ends.
pub async fn lock(
    transaction: &mut Transaction,
    id: NodeServerId,
    offline_timeout: Duration,
) -> Result<Option<NodeServer>, StoreError> {
    rows!(
        "WHERE n.id = $2 FOR UPDATE OF n",
        micros(offline_timeout),
        id.0
    )
    .fetch_optional(transaction)
    .await?
    .map(NodeServer::try_from)
    .transpose()
}

/// The database's clock, if the node server is registered.
pub async fn clock(
    transaction: &mut Transaction,
    id: NodeServerId,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let now = sqlx::query_scalar!(
        "SELECT now() AS \"now!\" FROM node_server WHERE id = $1",
        id.0,
    );
    Ok(now.fetch_optional(transaction).await?)
}

/// Adds a node server and gives it its number.
pub async fn insert(
    transaction: &mut Transaction,
    config: &NodeServerConfig,
) -> Result<NodeServerId, StoreError> {
    let values = config.values();
    let id = sqlx::query_scalar!(
        "INSERT INTO node_server (name, address, country, location, route_class, bandwidth_bps, \
         max_sessions, metadata) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        values.name,
        values.address,
        values.country,
        values.location,
        values.route_class,
        values.bandwidth_bps.cast_signed(),
        values.max_sessions.cast_signed(),
        Json(&values.metadata) as _,
    )
    .fetch_one(transaction)
    .await?;
    Ok(NodeServerId(id))
}

/// Replaces the configuration.
pub async fn update(
    transaction: &mut Transaction,
    id: NodeServerId,
    config: &NodeServerConfig,
) -> Result<(), StoreError> {
    let values = config.values();
    sqlx::query!(
        "UPDATE node_server SET name = $2, address = $3, country = $4, location = $5, \
         route_class = $6, bandwidth_bps = $7, max_sessions = $8, metadata = $9, \
         revision = revision + 1, updated_at = now() WHERE id = $1",
        id.0,
        values.name,
        values.address,
        values.country,
        values.location,
        values.route_class,
        values.bandwidth_bps.cast_signed(),
        values.max_sessions.cast_signed(),
        Json(&values.metadata) as _,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Into maintenance for a reason, or out of it. Already in: only the reason changes.
pub async fn set_maintenance(
    transaction: &mut Transaction,
    id: NodeServerId,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE node_server SET \
         maintenance_since = CASE WHEN $2::text IS NULL THEN NULL \
         ELSE coalesce(maintenance_since, now()) END, \
         maintenance_reason = coalesce($2, ''), \
         revision = revision + 1, updated_at = now() WHERE id = $1",
        id.0,
        reason,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Counts a write that changes nothing in the row itself.
pub async fn touch(transaction: &mut Transaction, id: NodeServerId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE node_server SET revision = revision + 1, updated_at = now() WHERE id = $1",
        id.0,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Removes a node server, its tokens and its heartbeat.
pub async fn delete(transaction: &mut Transaction, id: NodeServerId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM node_server WHERE id = $1", id.0)
        .execute(transaction)
        .await?;
    Ok(())
}

/// How many node servers there are of each status that occurs.
pub async fn count_by_status(
    transaction: &mut Transaction,
    offline_timeout: Duration,
) -> Result<Vec<(NodeStatus, i64)>, StoreError> {
    let rows = with_status!(query!(
        "SELECT s.status AS \"status!\", count(*) AS \"count!\"",
        "GROUP BY s.status",
        micros(offline_timeout),
    ))
    .fetch_all(transaction)
    .await?;
    rows.into_iter()
        .map(|row| Ok((from_stored(&row.status)?, row.count)))
        .collect()
}

struct Row {
    id: i32,
    name: String,
    address: String,
    country: String,
    location: String,
    route_class: String,
    bandwidth_bps: i64,
    max_sessions: i32,
    metadata: Json<BTreeMap<String, String>>,
    revision: i64,
    maintenance_since: Option<DateTime<Utc>>,
    maintenance_reason: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    status: String,
    client_count: i64,
    // All present or all absent from here on, since they come from one row of a LEFT JOIN.
    received_at: Option<DateTime<Utc>>,
    agent_version: Option<String>,
    protocol_version: Option<i32>,
    boot_id: Option<String>,
    config_hash: Option<String>,
    cpu_usage_ratio: Option<f64>,
    memory_used_bytes: Option<i64>,
    memory_total_bytes: Option<i64>,
    load_1m: Option<f64>,
    load_5m: Option<f64>,
    load_15m: Option<f64>,
    rx_bps: Option<i64>,
    tx_bps: Option<i64>,
    sessions: Option<i32>,
    clock_skew_micros: Option<i64>,
}

impl TryFrom<Row> for NodeServer {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let last_heartbeat = row.last_heartbeat()?;
        let config = NodeServerConfig::from_stored(NodeServerDraft {
            name: row.name,
            address: row.address,
            country: row.country,
            location: row.location,
            route_class: row.route_class,
            bandwidth_bps: unsigned(row.bandwidth_bps, "bandwidth_bps")?,
            max_sessions: unsigned(row.max_sessions, "max_sessions")?,
            metadata: row.metadata.0,
        });
        Ok(Self {
            id: NodeServerId(row.id),
            revision: Revision(row.revision),
            config,
            status: from_stored(&row.status)?,
            maintenance: row.maintenance_since.map(|since| Maintenance {
                since,
                reason: row.maintenance_reason,
            }),
            last_heartbeat,
            client_count: u32::try_from(row.client_count).unwrap_or(u32::MAX),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl Row {
    fn last_heartbeat(&self) -> Result<Option<LastHeartbeat>, StoreError> {
        let Some(received_at) = self.received_at else {
            return Ok(None);
        };
        let load = [self.load_1m, self.load_5m, self.load_15m];
        Ok(Some(LastHeartbeat {
            received_at,
            agent_version: self.agent_version.clone().unwrap_or_default(),
            protocol_version: unsigned(
                self.protocol_version.unwrap_or_default(),
                "protocol_version",
            )?,
            boot_id: self.boot_id.clone().unwrap_or_default(),
            config_hash: self.config_hash.clone().unwrap_or_default(),
            performance: Performance {
                cpu_usage_ratio: self.cpu_usage_ratio.unwrap_or_default(),
                memory_used_bytes: unsigned(
                    self.memory_used_bytes.unwrap_or_default(),
                    "memory_used_bytes",
                )?,
                memory_total_bytes: unsigned(
                    self.memory_total_bytes.unwrap_or_default(),
                    "memory_total_bytes",
                )?,
                load: load.map(Option::unwrap_or_default),
                rx_bps: unsigned(self.rx_bps.unwrap_or_default(), "rx_bps")?,
                tx_bps: unsigned(self.tx_bps.unwrap_or_default(), "tx_bps")?,
                sessions: unsigned(self.sessions.unwrap_or_default(), "sessions")?,
            },
            clock_skew_micros: self.clock_skew_micros.unwrap_or_default(),
        }))
    }
}
