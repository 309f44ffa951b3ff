//! Statements on the node clients that a subscriber has access to.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::types::Json;

use super::node_client_factors::from_stored as factor;
use super::node_status::{from_stored as status, micros};
use super::{StoreError, Transaction};
use crate::nodes::{Node, NodeClientId};
use crate::users::UserId;

// `$1` is the offline timeout in microseconds. The smallest of two limits is the one that is there.
macro_rules! rows {
    ($limit:literal, $clients:literal, $rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT c.id, c.name, f.factor_millionths, c.display_order, "
                + $limit
                + " AS speed_limit_bps, \
                   node_status_now(n.maintenance_since, h.received_at, $1) AS \"status!\", \
                   coalesce(nullif(c.country, ''), n.country) AS \"country!\", \
                   coalesce(nullif(c.location, ''), n.location) AS \"location!\", \
                   coalesce(nullif(c.route_class, ''), n.route_class) AS \"route_class!\", \
                   c.metadata AS \"metadata: Json<BTreeMap<String, String>>\" FROM "
                + $clients
                + " JOIN node_server n ON n.id = c.node_server_id \
                   LEFT JOIN node_heartbeat h ON h.node_server_id = n.id \
                   CROSS JOIN LATERAL (SELECT f.factor_millionths FROM node_client_factor f \
                   WHERE f.node_client_id = c.id AND f.valid_from <= greatest(now(), c.created_at) \
                   ORDER BY f.valid_from DESC LIMIT 1) f "
                + $rest
                + " ORDER BY c.display_order, c.id",
            $($argument),+
        )
    };
}

/// The node clients of the user's active package, by display order, then id.
pub async fn of_user(
    transaction: &mut Transaction,
    user: UserId,
    offline_timeout: Duration,
) -> Result<Vec<Node>, StoreError> {
    rows!(
        "least(c.speed_limit_bps, a.speed_limit_bps)",
        "user_access a \
         JOIN package_series_node_client s ON s.package_series_id = a.package_series_id \
         JOIN node_client c ON c.id = s.node_client_id",
        "WHERE a.user_id = $2 AND a.access = 'granted'",
        micros(offline_timeout),
        user.0,
    )
    .fetch_all(transaction)
    .await?
    .into_iter()
    .map(Node::try_from)
    .collect()
}

/// All node clients, by display order, then id.
pub async fn all(
    transaction: &mut Transaction,
    offline_timeout: Duration,
) -> Result<Vec<Node>, StoreError> {
    rows!(
        "c.speed_limit_bps",
        "node_client c",
        "",
        micros(offline_timeout)
    )
    .fetch_all(transaction)
    .await?
    .into_iter()
    .map(Node::try_from)
    .collect()
}

/// Numbers of the node servers that the node clients of the user's active package run on.
pub async fn servers_of_user(
    transaction: &mut Transaction,
    user: UserId,
) -> Result<Vec<i32>, StoreError> {
    let servers = sqlx::query_scalar!(
        "SELECT DISTINCT c.node_server_id FROM user_access a \
         JOIN package_series_node_client s ON s.package_series_id = a.package_series_id \
         JOIN node_client c ON c.id = s.node_client_id \
         WHERE a.user_id = $1 AND a.access = 'granted'",
        user.0,
    );
    Ok(servers.fetch_all(transaction).await?)
}

struct Row {
    id: i32,
    name: String,
    factor_millionths: i64,
    display_order: i32,
    speed_limit_bps: Option<i64>,
    status: String,
    country: String,
    location: String,
    route_class: String,
    metadata: Json<BTreeMap<String, String>>,
}

impl TryFrom<Row> for Node {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: NodeClientId(row.id),
            name: row.name,
            factor: factor(row.factor_millionths)?,
            display_order: row.display_order,
            speed_limit_bps: row.speed_limit_bps.unwrap_or_default().cast_unsigned(),
            status: status(&row.status)?,
            country: row.country,
            location: row.location,
            route_class: row.route_class,
            metadata: row.metadata.0,
        })
    }
}
