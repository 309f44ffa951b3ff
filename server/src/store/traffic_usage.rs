//! Statements on `traffic_usage`: what nodes reported, row by row; rows are only added.

use super::{StoreError, Transaction};
use crate::nodes::NodeServerId;
use crate::usage::TakenRow;

/// Adds rows that a node server reported.
pub async fn insert(
    transaction: &mut Transaction,
    node: NodeServerId,
    rows: &[TakenRow],
) -> Result<(), StoreError> {
    let users: Vec<_> = rows.iter().map(|row| row.user.0).collect();
    let times: Vec<_> = rows.iter().map(|row| row.used_at).collect();
    let node_clients: Vec<_> = rows.iter().map(|row| row.node_client.0).collect();
    let uploads: Vec<_> = rows.iter().map(|row| row.upload.cast_signed()).collect();
    let downloads: Vec<_> = rows.iter().map(|row| row.download.cast_signed()).collect();
    let ahead: Vec<_> = rows.iter().map(|row| row.clock_ahead).collect();
    sqlx::query!(
        "INSERT INTO traffic_usage (node_server_id, user_id, used_at, node_client_id, upload, \
         download, clock_ahead) \
         SELECT $1, r.* FROM unnest($2::uuid[], $3::timestamptz[], $4::int[], $5::bigint[], \
         $6::bigint[], $7::boolean[]) AS r",
        node.0,
        &users,
        &times,
        &node_clients,
        &uploads,
        &downloads,
        &ahead,
    )
    .execute(transaction)
    .await?;
    Ok(())
}
