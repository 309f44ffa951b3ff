//! Statements on `dead_letter`: events that could not be taken up, listed, sent on their way again,
//! given up.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Uuid;

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::events::DeadLetter;

macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT id, event_id, source, source_id, route, payload, trace_id, reason, detail, \
             attempts, created_at, died_at FROM dead_letter " + $rest,
            $($argument),+
        )
    };
}

/// The newest ones, at most `limit`.
pub async fn list(
    transaction: &mut Transaction,
    route: Option<&str>,
    before_id: Option<i64>,
    limit: u32,
) -> Result<Vec<DeadLetter>, StoreError> {
    let before_id = before_id.unwrap_or(i64::MAX);
    let limit = i64::from(limit);
    let rows = match route {
        Some(route) => {
            rows!(
                "WHERE route = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                route,
                before_id,
                limit,
            )
            .fetch_all(transaction)
            .await?
        }
        None => {
            rows!("WHERE id < $1 ORDER BY id DESC LIMIT $2", before_id, limit)
                .fetch_all(transaction)
                .await?
        }
    };
    rows.into_iter().map(DeadLetter::try_from).collect()
}

/// Those of the numbers that there are, by ascending number, held against other writers.
pub async fn lock(
    transaction: &mut Transaction,
    ids: &[i64],
) -> Result<Vec<DeadLetter>, StoreError> {
    let rows = rows!("WHERE id = ANY ($1) ORDER BY id FOR UPDATE", ids);
    let rows = rows.fetch_all(transaction).await?;
    rows.into_iter().map(DeadLetter::try_from).collect()
}

/// Puts them back among the events that are pending, where they may still be from the first time.
pub async fn redrive(transaction: &mut Transaction, ids: &[i64]) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH letter AS (DELETE FROM dead_letter WHERE id = ANY ($1) RETURNING *) \
         INSERT INTO outbox_event (event_id, source, source_id, route, payload, trace_id, created_at) \
         SELECT event_id, source, source_id, route, payload, trace_id, created_at \
         FROM letter ORDER BY event_id \
         ON CONFLICT (event_id) DO UPDATE SET published_at = NULL, attempts = 0, retry_at = NULL",
        ids,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Removes one.
pub async fn delete(transaction: &mut Transaction, id: i64) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM dead_letter WHERE id = $1", id)
        .execute(transaction)
        .await?;
    Ok(())
}

struct Row {
    id: i64,
    event_id: Uuid,
    source: String,
    source_id: Option<String>,
    route: String,
    payload: Value,
    trace_id: String,
    reason: String,
    detail: String,
    attempts: i16,
    created_at: DateTime<Utc>,
    died_at: DateTime<Utc>,
}

impl TryFrom<Row> for DeadLetter {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            event_id: row.event_id,
            source: row.source,
            source_id: row.source_id,
            route: row.route,
            payload: row.payload,
            trace_id: row.trace_id,
            reason: row.reason,
            detail: row.detail,
            attempts: unsigned(row.attempts, "attempts")?,
            created_at: row.created_at,
            died_at: row.died_at,
        })
    }
}
