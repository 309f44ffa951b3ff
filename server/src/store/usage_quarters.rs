//! Statements on `usage_quarter` that take reports in. What of it is billed is none of their business.

use super::{StoreError, Transaction};
use crate::nodes::NodeServerId;
use crate::usage::Quarter;

/// Adds sums of a node server's rows to what is there, in the order of the key, so that transactions
/// that meet the same rows wait for each other in one direction only.
pub async fn add(
    transaction: &mut Transaction,
    node: NodeServerId,
    quarters: &[Quarter],
) -> Result<(), StoreError> {
    let users: Vec<_> = quarters.iter().map(|sum| sum.user.0).collect();
    let buckets: Vec<_> = quarters.iter().map(|sum| sum.bucket).collect();
    let node_clients: Vec<_> = quarters.iter().map(|sum| sum.node_client.0).collect();
    let last: Vec<_> = quarters.iter().map(|sum| sum.last_used_at).collect();
    // A report's sums may be larger than any integer of PostgreSQL.
    let [raw_upload, raw_download, factored_upload, factored_download] = [
        texts(quarters, |sum| sum.raw_upload),
        texts(quarters, |sum| sum.raw_download),
        texts(quarters, |sum| sum.factored_upload),
        texts(quarters, |sum| sum.factored_download),
    ];
    sqlx::query!(
        "INSERT INTO usage_quarter AS q (user_id, bucket, node_client_id, node_server_id, \
         raw_upload, raw_download, factored_upload, factored_download, last_used_at) \
         SELECT r.user_id, r.bucket, r.node_client_id, $1, r.raw_upload, r.raw_download, \
         r.factored_upload, r.factored_download, r.last_used_at \
         FROM unnest($2::uuid[], $3::timestamptz[], $4::int[], $5::text[]::numeric[], \
         $6::text[]::numeric[], $7::text[]::numeric[], $8::text[]::numeric[], $9::timestamptz[]) \
         AS r (user_id, bucket, node_client_id, raw_upload, raw_download, factored_upload, \
         factored_download, last_used_at) \
         ORDER BY r.user_id, r.bucket, r.node_client_id \
         ON CONFLICT (user_id, bucket, node_client_id, node_server_id) DO UPDATE SET \
         raw_upload = q.raw_upload + excluded.raw_upload, \
         raw_download = q.raw_download + excluded.raw_download, \
         factored_upload = q.factored_upload + excluded.factored_upload, \
         factored_download = q.factored_download + excluded.factored_download, \
         last_used_at = greatest(q.last_used_at, excluded.last_used_at)",
        node.0,
        &users,
        &buckets,
        &node_clients,
        &raw_upload,
        &raw_download,
        &factored_upload,
        &factored_download,
        &last,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

fn texts<T: ToString>(quarters: &[Quarter], of: impl Fn(&Quarter) -> T) -> Vec<String> {
    quarters.iter().map(|sum| of(sum).to_string()).collect()
}
