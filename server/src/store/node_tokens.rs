//! Statements on `node_token`.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{StoreError, Transaction};
use crate::auth::Digest;
use crate::nodes::{NodeServerId, NodeToken};

/// Adds the current token of a node server; there must be none.
pub async fn insert(
    transaction: &mut Transaction,
    node: NodeServerId,
    digest: &Digest,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO node_token (node_server_id, digest) VALUES ($1, $2)",
        node.0,
        digest.as_bytes(),
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Lets the current token end after `grace`, and those replaced before it at once. Gives the end of
/// the one that was current.
pub async fn retire(
    transaction: &mut Transaction,
    node: NodeServerId,
    grace: Duration,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    sqlx::query!(
        "DELETE FROM node_token WHERE node_server_id = $1 AND expires_at IS NOT NULL",
        node.0,
    )
    .execute(&mut *transaction)
    .await?;
    let end = sqlx::query_scalar!(
        "UPDATE node_token SET expires_at = now() + $2::bigint * interval '1 microsecond' \
         WHERE node_server_id = $1 AND expires_at IS NULL RETURNING expires_at",
        node.0,
        i64::try_from(grace.as_micros()).unwrap_or(i64::MAX),
    )
    .fetch_optional(transaction)
    .await?;
    Ok(end.flatten())
}

/// The tokens that work now, the current one first.
pub async fn list(
    transaction: &mut Transaction,
    node: NodeServerId,
) -> Result<Vec<NodeToken>, StoreError> {
    Ok(sqlx::query_as!(
        NodeToken,
        "SELECT created_at, expires_at FROM node_token \
         WHERE node_server_id = $1 AND (expires_at IS NULL OR expires_at > now()) \
         ORDER BY expires_at DESC NULLS FIRST",
        node.0,
    )
    .fetch_all(transaction)
    .await?)
}

/// The digests of the tokens that work now.
pub async fn digests(
    transaction: &mut Transaction,
    node: NodeServerId,
) -> Result<Vec<Digest>, StoreError> {
    let rows = sqlx::query_scalar!(
        "SELECT digest FROM node_token \
         WHERE node_server_id = $1 AND (expires_at IS NULL OR expires_at > now())",
        node.0,
    )
    .fetch_all(transaction)
    .await?;
    rows.iter()
        .map(|bytes| Digest::from_stored(bytes).ok_or(StoreError::Corrupt("digest")))
        .collect()
}
