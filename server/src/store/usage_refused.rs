//! Statements on `usage_refused`: rows of reports that were not taken, as the nodes sent them.

use chrono::{DateTime, Utc};

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::nodes::NodeServerId;
use crate::usage::{Refusal, RefusedRow, RefusedUsage, RefusedUsageFilter, Report, RowDraft};

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

macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT id, node_server_id, boot_id, seq, place, reason, user_id, node_client_id, \
             used_at, upload, download, refused_at, readmitted_at FROM usage_refused "
                + $rest,
            $($argument),+
        )
    };
}

/// The newest refused rows that pass the filter, at most `limit`.
pub async fn list(
    transaction: &mut Transaction,
    filter: &RefusedUsageFilter,
    limit: u32,
) -> Result<Vec<RefusedUsage>, StoreError> {
    let rows = rows!(
        "WHERE ($1::int IS NULL OR node_server_id = $1) AND ($2::text IS NULL OR reason = $2) \
         AND ($3 OR readmitted_at IS NULL) AND id < $4 ORDER BY id DESC LIMIT $5",
        filter.node_server.map(|node| node.0),
        filter.reason.map(Refusal::as_str),
        filter.with_readmitted,
        filter.before_id.unwrap_or(i64::MAX),
        i64::from(limit),
    );
    let rows = rows.fetch_all(transaction).await?.into_iter();
    rows.map(RefusedUsage::try_from).collect()
}

/// Those of the rows that there are and that this node server reported, by ascending id, held against
/// whoever would readmit them as well.
pub async fn lock(
    transaction: &mut Transaction,
    node: NodeServerId,
    ids: &[i64],
) -> Result<Vec<RefusedUsage>, StoreError> {
    let rows = rows!(
        "WHERE id = ANY($2::bigint[]) AND node_server_id = $1 ORDER BY id FOR UPDATE",
        node.0,
        ids,
    );
    let rows = rows.fetch_all(transaction).await?.into_iter();
    rows.map(RefusedUsage::try_from).collect()
}

/// Notes that rows were taken after all.
pub async fn readmitted(transaction: &mut Transaction, ids: &[i64]) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE usage_refused SET readmitted_at = now() WHERE id = ANY($1::bigint[])",
        ids,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

struct Row {
    id: i64,
    node_server_id: i32,
    boot_id: String,
    seq: i64,
    place: i32,
    reason: String,
    user_id: String,
    node_client_id: i32,
    used_at: Option<DateTime<Utc>>,
    upload: i64,
    download: i64,
    refused_at: DateTime<Utc>,
    readmitted_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for RefusedUsage {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            node_server: NodeServerId(row.node_server_id),
            boot_id: row.boot_id,
            seq: unsigned(row.seq, "seq")?,
            place: unsigned(row.place, "place")?,
            reason: Refusal::from_name(&row.reason).ok_or(StoreError::Corrupt("reason"))?,
            row: RowDraft {
                user_id: row.user_id,
                node_client_id: row.node_client_id,
                used_at: row.used_at,
                upload: row.upload,
                download: row.download,
            },
            refused_at: row.refused_at,
            readmitted_at: row.readmitted_at,
        })
    }
}
