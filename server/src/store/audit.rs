//! Statements on `audit_log`: rows are added and read, nothing else.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{StoreError, Transaction};
use crate::audit::{AuditEntry, AuditFilter};
use crate::users::UserId;

/// After everything that can be asked for: the start of the year 10000.
const END_OF_TIME: DateTime<Utc> = match DateTime::from_timestamp_secs(253_402_300_800) {
    Some(end) => end,
    None => DateTime::<Utc>::MAX_UTC,
};

/// One write by an administrator.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// Who wrote.
    pub actor: &'a str,
    /// The method, without its service's package.
    pub method: &'a str,
    /// What was written.
    pub target: String,
    /// What it was before; absent when it was not.
    pub before: Option<Value>,
    /// What it is now; absent when it is gone.
    pub after: Option<Value>,
    /// The trace of the request.
    pub trace_id: &'a str,
}

/// Adds a row, in the transaction of the write itself.
pub async fn append(transaction: &mut Transaction, entry: &Entry<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO audit_log (actor, method, target, before, after, trace_id) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        entry.actor,
        entry.method,
        entry.target,
        entry.before,
        entry.after,
        entry.trace_id,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            AuditEntry,
            "SELECT id, at, actor, method, target, before, after, trace_id FROM audit_log " + $rest,
            $($argument),+
        )
    };
}

/// The newest entries that pass the filter, at most `limit`.
pub async fn list(
    transaction: &mut Transaction,
    filter: &AuditFilter,
    limit: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let before_id = filter.before_id.unwrap_or(i64::MAX);
    let start = filter.start.unwrap_or(DateTime::UNIX_EPOCH);
    let end = filter.end.unwrap_or(END_OF_TIME);
    let limit = i64::from(limit);
    // One statement for each index that may lead, so that a filter never has to walk the whole log:
    // of a target there are the fewest entries, of a method the most.
    let rows = match filter {
        AuditFilter {
            target: Some(target),
            ..
        } => {
            rows!(
                "WHERE target = $1 AND ($2::text IS NULL OR actor = $2) \
                 AND ($3::text IS NULL OR method = $3) AND at >= $4 AND at < $5 AND id < $6 \
                 ORDER BY id DESC LIMIT $7",
                target,
                filter.actor,
                filter.method,
                start,
                end,
                before_id,
                limit,
            )
            .fetch_all(transaction)
            .await?
        }
        AuditFilter {
            actor: Some(actor), ..
        } => {
            rows!(
                "WHERE actor = $1 AND ($2::text IS NULL OR method = $2) \
                 AND at >= $3 AND at < $4 AND id < $5 ORDER BY id DESC LIMIT $6",
                actor,
                filter.method,
                start,
                end,
                before_id,
                limit,
            )
            .fetch_all(transaction)
            .await?
        }
        AuditFilter {
            method: Some(method),
            ..
        } => {
            rows!(
                "WHERE method = $1 AND at >= $2 AND at < $3 AND id < $4 \
                 ORDER BY id DESC LIMIT $5",
                method,
                start,
                end,
                before_id,
                limit,
            )
            .fetch_all(transaction)
            .await?
        }
        AuditFilter { .. } => {
            rows!(
                "WHERE at >= $1 AND at < $2 AND id < $3 ORDER BY id DESC LIMIT $4",
                start,
                end,
                before_id,
                limit,
            )
            .fetch_all(transaction)
            .await?
        }
    };
    Ok(rows)
}

/// What was done to a subscriber and to their packages, the oldest first, after the entry `after_id`.
pub async fn of_user(
    transaction: &mut Transaction,
    id: UserId,
    after_id: i64,
    limit: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let rows = rows!(
        "WHERE target IN (SELECT 'user/' || $1::uuid UNION ALL \
         SELECT 'queued_package/' || q.id FROM queued_package q WHERE q.user_id = $1 UNION ALL \
         SELECT 'usage_adjustment/' || a.id FROM usage_adjustment a WHERE a.user_id = $1) \
         AND id > $2 ORDER BY id LIMIT $3",
        id.0,
        after_id,
        i64::from(limit),
    )
    .fetch_all(transaction)
    .await?;
    Ok(rows)
}
