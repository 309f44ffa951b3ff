//! What node servers offer: their node clients and the series that give them.

use std::collections::BTreeMap;

use crate::access::{ClientOffer, NodeOffer};
use crate::nodes::{NodeClientId, NodeServerId};
use crate::packages::SeriesId;
use crate::store::{StoreError, Transaction};

macro_rules! rows {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT c.node_server_id, c.id, c.speed_limit_bps, \
             ARRAY(SELECT s.package_series_id FROM package_series_node_client s \
             WHERE s.node_client_id = c.id ORDER BY 1) AS \"series!\" FROM node_client c "
                + $rest,
            $($argument),*
        )
    };
}

struct Row {
    node_server_id: i32,
    id: i32,
    speed_limit_bps: Option<i64>,
    series: Vec<i32>,
}

/// What each node server offers that has any node clients.
pub async fn offers(
    transaction: &mut Transaction,
) -> Result<BTreeMap<NodeServerId, NodeOffer>, StoreError> {
    let rows = rows!("ORDER BY c.id").fetch_all(transaction).await?;
    let mut offers: BTreeMap<NodeServerId, NodeOffer> = BTreeMap::new();
    for row in rows {
        let offer = offers.entry(NodeServerId(row.node_server_id)).or_default();
        offer.0.push(row.into());
    }
    Ok(offers)
}

/// What one node server offers.
pub async fn offer(
    transaction: &mut Transaction,
    node: NodeServerId,
) -> Result<NodeOffer, StoreError> {
    let rows = rows!("WHERE c.node_server_id = $1 ORDER BY c.id", node.0);
    let rows = rows.fetch_all(transaction).await?.into_iter();
    Ok(NodeOffer(rows.map(ClientOffer::from).collect()))
}

impl From<Row> for ClientOffer {
    fn from(row: Row) -> Self {
        Self {
            id: NodeClientId(row.id),
            speed_limit_bps: row.speed_limit_bps.unwrap_or_default().cast_unsigned(),
            series: row.series.into_iter().map(SeriesId).collect(),
        }
    }
}
