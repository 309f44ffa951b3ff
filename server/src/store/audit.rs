//! Statements on `audit_log`: rows are added, nothing else.

use serde_json::Value;

use super::{StoreError, Transaction};

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
