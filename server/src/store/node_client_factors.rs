//! Statements on `node_client_factor`: rows are added, and go only with their node client.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{StoreError, Transaction};
use crate::nodes::{Factor, FactorFrom, NodeClientId, NodeServerId};
use crate::usage::Factors;

/// The constraint that keeps moments unique.
pub const UNIQUE_MOMENT: &str = "node_client_factor_pkey";

/// What became of a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It counts from then on.
    From(DateTime<Utc>),
    /// The moment is past: it is this now.
    Past(DateTime<Utc>),
}

/// Adds a factor from a moment on; without one, from now on. Whoever calls this has locked the node
/// client.
pub async fn add(
    transaction: &mut Transaction,
    id: NodeClientId,
    factor: Factor,
    valid_from: Option<DateTime<Utc>>,
) -> Result<Added, StoreError> {
    // The time of the statement, which is after the wait for the lock, unlike the transaction's.
    let added = sqlx::query!(
        "WITH clock AS (SELECT statement_timestamp() AS now), added AS (\
         INSERT INTO node_client_factor (node_client_id, valid_from, factor_millionths) \
         SELECT $1, coalesce($3, now), $2 FROM clock WHERE coalesce($3, now) >= now \
         RETURNING valid_from) \
         SELECT now AS \"now!\", (SELECT valid_from FROM added) AS valid_from FROM clock",
        id.0,
        i64::from(factor.millionths()),
        valid_from,
    )
    .fetch_one(transaction)
    .await?;
    Ok(added.valid_from.map_or(Added::Past(added.now), Added::From))
}

/// Factors that begin to count later, the earliest first.
pub async fn coming(
    transaction: &mut Transaction,
    id: NodeClientId,
) -> Result<Vec<FactorFrom>, StoreError> {
    let rows = sqlx::query!(
        "SELECT factor_millionths, valid_from FROM node_client_factor \
         WHERE node_client_id = $1 AND valid_from > statement_timestamp() ORDER BY valid_from",
        id.0,
    )
    .fetch_all(transaction)
    .await?;
    let factors = rows.into_iter().map(|row| {
        Ok(FactorFrom {
            factor: from_stored(row.factor_millionths)?,
            valid_from: row.valid_from,
        })
    });
    factors.collect()
}

/// The node clients of a node server that are among `ids`, each with all its factors.
pub async fn of_server(
    transaction: &mut Transaction,
    node: NodeServerId,
    ids: &[NodeClientId],
) -> Result<BTreeMap<NodeClientId, Factors>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "SELECT f.node_client_id, f.factor_millionths, f.valid_from \
         FROM node_client c JOIN node_client_factor f ON f.node_client_id = c.id \
         WHERE c.node_server_id = $1 AND c.id = ANY($2::int[])",
        node.0,
        &ids,
    )
    .fetch_all(transaction)
    .await?;
    let mut factors = BTreeMap::<_, Vec<_>>::new();
    for row in rows {
        let from = FactorFrom {
            factor: from_stored(row.factor_millionths)?,
            valid_from: row.valid_from,
        };
        let of_client = factors.entry(NodeClientId(row.node_client_id));
        of_client.or_default().push(from);
    }
    let factors = factors.into_iter();
    Ok(factors.map(|(id, of)| (id, Factors::new(of))).collect())
}

pub(super) fn from_stored(millionths: i64) -> Result<Factor, StoreError> {
    let factor = u64::try_from(millionths).ok();
    let factor = factor.and_then(Factor::from_millionths);
    factor.ok_or(StoreError::Corrupt("factor_millionths"))
}
