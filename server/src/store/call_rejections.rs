//! Statements on `call_record_rejected`: what came and was not stored.

use chrono::{DateTime, Utc};

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::auth::Digest;
use crate::calls::Rejected;
use crate::pbxs::PbxId;

/// Bytes of a record that are kept.
const MAX_BODY: usize = 64 << 10;

/// A record that is not stored, and what came.
#[derive(Debug, Clone)]
pub struct NewRejection<'a> {
    /// The PBX that sent it.
    pub pbx: PbxId,
    /// Why.
    pub rejected: &'a Rejected,
    /// What came.
    pub body: &'a str,
}

/// Keeps records that are not stored; a repetition counts the one that was kept before.
pub async fn insert(
    transaction: &mut Transaction,
    rejections: &[NewRejection<'_>],
) -> Result<(), StoreError> {
    // In one order, so that two who reject the same records do not wait for each other. Each once: a statement
    // may not meet its own row.
    let mut sorted: Vec<_> = rejections
        .iter()
        .map(|rejection| (Digest::of(rejection.body).as_bytes().to_vec(), rejection))
        .collect();
    sorted.sort_by(|(a, left), (b, right)| (left.pbx, a).cmp(&(right.pbx, b)));
    sorted.dedup_by(|(a, left), (b, right)| {
        (left.pbx, a, left.reason()) == (right.pbx, b, right.reason())
    });
    macro_rules! column {
        ($item:pat => $value:expr) => {
            &sorted.iter().map(|$item| $value).collect::<Vec<_>>()
        };
    }
    sqlx::query!(
        "INSERT INTO call_record_rejected (digest, pbx_id, reason, field, description, start_time, call_id, body) \
         SELECT * FROM unnest($1::bytea[], $2::int[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], \
         $7::text[], $8::text[]) \
         ON CONFLICT ON CONSTRAINT call_record_rejected_once \
         DO UPDATE SET times = call_record_rejected.times + 1",
        column!((digest, _) => digest.clone()),
        column!((_, one) => one.pbx.0),
        column!((_, one) => one.reason().to_owned()),
        column!((_, one) => one.rejected.rejection.field.clone()),
        column!((_, one) => one.rejected.rejection.description.clone()),
        column!((_, one) => one.rejected.key.as_ref().map(|key| key.start_time))
            as &[Option<DateTime<Utc>>],
        column!((_, one) => one.call_id()),
        column!((_, one) => kept(one.body)),
    )
    .execute(transaction)
    .await?;
    Ok(())
}

impl NewRejection<'_> {
    fn reason(&self) -> &'static str {
        self.rejected.rejection.reason.as_str()
    }

    fn call_id(&self) -> String {
        let key = self.rejected.key.as_ref();
        key.map(|key| key.call_id.clone()).unwrap_or_default()
    }
}

/// As much of what came as is kept; PostgreSQL takes no NUL.
fn kept(body: &str) -> String {
    body[..body.floor_char_boundary(MAX_BODY)].replace('\0', "\u{fffd}")
}

/// Which records that were not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Only those of this PBX.
    pub pbx: Option<PbxId>,
    /// Only those with this reason.
    pub reason: Option<String>,
    /// Rows at most.
    pub limit: u32,
    /// Only those with a smaller id.
    pub before_id: Option<i64>,
}

/// A record that was not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRejection {
    /// Its number.
    pub id: i64,
    /// The PBX that sent it.
    pub pbx: PbxId,
    /// Why.
    pub reason: String,
    /// The field at fault.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
    /// When the call began, as far as that was understood.
    pub start_time: Option<DateTime<Utc>>,
    /// Its call id; may be empty.
    pub call_id: String,
    /// What came.
    pub body: String,
    /// How often.
    pub times: u64,
    /// When first.
    pub received_at: DateTime<Utc>,
}

/// Lists one page, the newest first.
pub async fn list(
    transaction: &mut Transaction,
    page: &Page,
) -> Result<Vec<StoredRejection>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, pbx_id, reason, field, description, start_time, call_id, body, times, received_at \
         FROM call_record_rejected WHERE ($1::int IS NULL OR pbx_id = $1) \
         AND ($2::text IS NULL OR reason = $2) AND ($3::bigint IS NULL OR id < $3) \
         ORDER BY id DESC LIMIT $4",
        page.pbx.map(|pbx| pbx.0),
        page.reason,
        page.before_id,
        i64::from(page.limit),
    )
    .fetch_all(transaction)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(StoredRejection {
                id: row.id,
                pbx: PbxId(row.pbx_id),
                reason: row.reason,
                field: row.field,
                description: row.description,
                start_time: row.start_time,
                call_id: row.call_id,
                body: row.body,
                times: unsigned(row.times, "times")?,
                received_at: row.received_at,
            })
        })
        .collect()
}
