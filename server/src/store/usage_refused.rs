//! Statements on `usage_refused`: rows of reports that were not taken, as the nodes sent them.

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::nodes::NodeServerId;
use crate::usage::{Refusal, RefusedRow, Report, RowDraft};

/// Most characters of what stands for a subscriber's id.
const MAX_USER_CHARS: usize = 64;

/// Keeps rows of a report that were refused.
pub async fn insert(
    transaction: &mut Transaction,
    node: NodeServerId,
    report: &Report,
    refused: &[RefusedRow],
) -> Result<(), StoreError> {
    if refused.is_empty() {
        return Ok(());
    }
    let empty = RowDraft::default();
    let rows: Vec<_> = refused
        .iter()
        .map(|refused| {
            let place = usize::try_from(refused.place).unwrap_or(usize::MAX);
            report.rows().get(place).unwrap_or(&empty)
        })
        .collect();
    let places: Vec<_> = refused.iter().map(|row| row.place.cast_signed()).collect();
    let reasons: Vec<_> = refused.iter().map(|row| row.reason.as_str()).collect();
    let users: Vec<_> = rows.iter().map(|row| storable(&row.user_id)).collect();
    let node_clients: Vec<_> = rows.iter().map(|row| row.node_client_id).collect();
    let times: Vec<_> = rows.iter().map(|row| row.used_at).collect();
    let uploads: Vec<_> = rows.iter().map(|row| row.upload).collect();
    let downloads: Vec<_> = rows.iter().map(|row| row.download).collect();
    sqlx::query!(
        "INSERT INTO usage_refused (node_server_id, boot_id, seq, place, reason, user_id, \
         node_client_id, used_at, upload, download) \
         SELECT $1, $2, $3, r.* FROM unnest($4::int[], $5::text[], $6::text[], $7::int[], \
         $8::timestamptz[], $9::bigint[], $10::bigint[]) AS r",
        node.0,
        report.boot_id(),
        report.seq(),
        &places,
        &reasons as &[&str],
        &users,
        &node_clients,
        &times as _,
        &uploads,
        &downloads,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// What stands for a subscriber's id, as far as PostgreSQL can keep it.
fn storable(user_id: &str) -> String {
    let kept = user_id.chars().filter(|c| *c != '\0');
    kept.take(MAX_USER_CHARS).collect()
}

/// Which rows of a report were refused when it came, by their places.
pub async fn of_report(
    transaction: &mut Transaction,
    node: NodeServerId,
    report: &Report,
) -> Result<Vec<RefusedRow>, StoreError> {
    let rows = sqlx::query!(
        "SELECT place, reason FROM usage_refused \
         WHERE node_server_id = $1 AND boot_id = $2 AND seq = $3 ORDER BY place",
        node.0,
        report.boot_id(),
        report.seq(),
    )
    .fetch_all(transaction)
    .await?;
    let refused = rows.into_iter().map(|row| {
        Ok(RefusedRow {
            place: unsigned(row.place, "place")?,
            reason: Refusal::from_name(&row.reason).ok_or(StoreError::Corrupt("reason"))?,
        })
    });
    refused.collect()
}
