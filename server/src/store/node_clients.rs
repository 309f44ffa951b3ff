//! Statements on `node_client`, with the status of the node server and the factor beside it where it is
//! read.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::node_status::{from_stored, micros};
use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::nodes::{
    Factor, FactorFrom, NodeClient, NodeClientConfig, NodeClientDraft, NodeClientId, NodeServerId,
};
use crate::revision::Revision;

/// The constraint that keeps names unique.
pub const UNIQUE_NAME: &str = "node_client_name_key";

// `$1` is the offline timeout in microseconds. A factor is looked up as of the statement: one that
// was set in this transaction counts. The first is as old as the node client, so that there is one
// even when the database's clock was set back.
macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT c.id, c.node_server_id, c.name, c.display_order, c.speed_limit_bps, c.protocol, \
             c.port, c.country, c.location, c.route_class, c.routes::text[] AS \"routes!\", \
             c.metadata AS \"metadata: Json<BTreeMap<String, String>>\", c.revision, \
             c.created_at, c.updated_at, \
             node_status_now(n.maintenance_since, h.received_at, $1) AS \"status!\", \
             f.factor_millionths, f.valid_from \
             FROM node_client c JOIN node_server n ON n.id = c.node_server_id \
             LEFT JOIN node_heartbeat h ON h.node_server_id = n.id \
             CROSS JOIN LATERAL (SELECT f.factor_millionths, f.valid_from FROM node_client_factor f \
             WHERE f.node_client_id = c.id \
             AND f.valid_from <= greatest(statement_timestamp(), c.created_at) \
             ORDER BY f.valid_from DESC LIMIT 1) f "
                + $rest,
            $($argument),+
        )
    };
}

/// A page of node clients.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only those of this node server.
    pub node_server: Option<NodeServerId>,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// Lists one page by display order, then id, and how many there are over all pages.
pub async fn list(
    transaction: &mut Transaction,
    page: Page,
    offline_timeout: Duration,
) -> Result<(Vec<NodeClient>, u64), StoreError> {
    let node_server = page.node_server.map(|id| id.0);
    let total = sqlx::query_scalar!(
        "SELECT count(*) AS \"count!\" FROM node_client \
         WHERE $1::integer IS NULL OR node_server_id = $1",
        node_server,
    )
    .fetch_one(&mut *transaction)
    .await?;
    let rows = rows!(
        "WHERE $2::integer IS NULL OR c.node_server_id = $2 \
         ORDER BY c.display_order, c.id LIMIT $3 OFFSET $4",
        micros(offline_timeout),
        node_server,
        i64::from(page.limit),
        i64::from(page.offset),
    )
    .fetch_all(transaction)
    .await?;
    let clients = rows.into_iter().map(NodeClient::try_from);
    let total = unsigned(total, "count")?;
    Ok((clients.collect::<Result<_, _>>()?, total))
}

/// One node client.
pub async fn find(
    transaction: &mut Transaction,
    id: NodeClientId,
    offline_timeout: Duration,
) -> Result<Option<NodeClient>, StoreError> {
    rows!("WHERE c.id = $2", micros(offline_timeout), id.0)
        .fetch_optional(transaction)
        .await?
        .map(NodeClient::try_from)
        .transpose()
}

/// One node client, which nobody else can write, or take into a series, until the transaction ends.
pub async fn lock(
    transaction: &mut Transaction,
    id: NodeClientId,
    offline_timeout: Duration,
) -> Result<Option<NodeClient>, StoreError> {
    // On its own: a lateral join would be of the time before the wait for the lock.
    let locked = sqlx::query_scalar!("SELECT id FROM node_client WHERE id = $1 FOR UPDATE", id.0)
        .fetch_optional(&mut *transaction)
        .await?;
    match locked {
        Some(_) => find(transaction, id, offline_timeout).await,
        None => Ok(None),
    }
}

/// Adds a node client and its first factor, and gives it its number.
pub async fn insert(
    transaction: &mut Transaction,
    config: &NodeClientConfig,
    factor: Factor,
) -> Result<NodeClientId, StoreError> {
    let values = config.values();
    let id = sqlx::query_scalar!(
        "INSERT INTO node_client (node_server_id, name, display_order, speed_limit_bps, protocol, \
         port, country, location, route_class, routes, metadata) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text[]::cidr[], $11) RETURNING id",
        values.node_server,
        values.name,
        values.display_order,
        limit(values.speed_limit_bps),
        values.protocol,
        values.port.cast_signed(),
        values.country,
        values.location,
        values.route_class,
        &values.routes,
        Json(&values.metadata) as _,
    )
    .fetch_one(&mut *transaction)
    .await?;
    sqlx::query!(
        "INSERT INTO node_client_factor (node_client_id, valid_from, factor_millionths) \
         SELECT id, created_at, $2 FROM node_client WHERE id = $1",
        id,
        i64::from(factor.millionths()),
    )
    .execute(transaction)
    .await?;
    Ok(NodeClientId(id))
}

/// Replaces the configuration but for the node server.
pub async fn update(
    transaction: &mut Transaction,
    id: NodeClientId,
    config: &NodeClientConfig,
) -> Result<(), StoreError> {
    let values = config.values();
    sqlx::query!(
        "UPDATE node_client SET name = $2, display_order = $3, speed_limit_bps = $4, \
         protocol = $5, port = $6, country = $7, location = $8, route_class = $9, \
         routes = $10::text[]::cidr[], metadata = $11, revision = revision + 1, \
         updated_at = now() WHERE id = $1",
        id.0,
        values.name,
        values.display_order,
        limit(values.speed_limit_bps),
        values.protocol,
        values.port.cast_signed(),
        values.country,
        values.location,
        values.route_class,
        &values.routes,
        Json(&values.metadata) as _,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Counts a write that changes nothing in the row itself.
pub async fn touch(transaction: &mut Transaction, id: NodeClientId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE node_client SET revision = revision + 1, updated_at = now() WHERE id = $1",
        id.0,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// One of the package series that give access to the node client.
pub async fn series_of(
    transaction: &mut Transaction,
    id: NodeClientId,
) -> Result<Option<i32>, StoreError> {
    let series = sqlx::query_scalar!(
        "SELECT package_series_id FROM package_series_node_client WHERE node_client_id = $1 \
         ORDER BY package_series_id LIMIT 1",
        id.0,
    );
    Ok(series.fetch_optional(transaction).await?)
}

/// Removes a node client and its factors.
pub async fn delete(transaction: &mut Transaction, id: NodeClientId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM node_client WHERE id = $1", id.0)
        .execute(transaction)
        .await?;
    Ok(())
}

/// No limit is no number.
fn limit(bps: u64) -> Option<i64> {
    (bps > 0).then_some(bps.cast_signed())
}

struct Row {
    id: i32,
    node_server_id: i32,
    name: String,
    display_order: i32,
    speed_limit_bps: Option<i64>,
    protocol: String,
    port: i32,
    country: String,
    location: String,
    route_class: String,
    routes: Vec<String>,
    metadata: Json<BTreeMap<String, String>>,
    revision: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    status: String,
    factor_millionths: i64,
    valid_from: DateTime<Utc>,
}

impl TryFrom<Row> for NodeClient {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let routes = row.routes.iter().map(|text| text.parse());
        let routes = routes.collect::<Result<_, _>>();
        let draft = NodeClientDraft {
            name: row.name,
            node_server: row.node_server_id,
            protocol: row.protocol,
            port: row.port.cast_unsigned(),
            display_order: row.display_order,
            speed_limit_bps: row.speed_limit_bps.unwrap_or_default().cast_unsigned(),
            country: row.country,
            location: row.location,
            route_class: row.route_class,
            routes: Vec::new(),
            metadata: row.metadata.0,
        };
        let routes = routes.map_err(|_| StoreError::Corrupt("routes"))?;
        Ok(Self {
            id: NodeClientId(row.id),
            revision: Revision(row.revision),
            config: NodeClientConfig::from_stored(draft, routes),
            status: from_stored(&row.status)?,
            factor: FactorFrom {
                factor: super::node_client_factors::from_stored(row.factor_millionths)?,
                valid_from: row.valid_from,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
