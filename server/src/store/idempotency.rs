//! Statements on `idempotency_key`: creates that were done, by the key their caller gave them.

use super::{StoreError, Transaction};
use crate::auth::Digest;

/// Whether a key is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is; it is this transaction's now, and nobody else's until it ends.
    New,
    /// It was used.
    Before {
        /// Whether the request was the same.
        same: bool,
        /// The id of what it made.
        target: String,
    },
}

/// Takes a key. Waits for another transaction that has just taken it.
pub async fn claim(
    transaction: &mut Transaction,
    actor: &str,
    method: &str,
    key: &str,
    fingerprint: &Digest,
) -> Result<Claim, StoreError> {
    let inserted = sqlx::query!(
        "INSERT INTO idempotency_key (actor, method, key, fingerprint, target) \
         VALUES ($1, $2, $3, $4, '') ON CONFLICT DO NOTHING",
        actor,
        method,
        key,
        fingerprint.as_bytes(),
    )
    .execute(&mut *transaction)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Claim::New);
    }
    let before = sqlx::query!(
        "SELECT fingerprint, target FROM idempotency_key \
         WHERE actor = $1 AND method = $2 AND key = $3",
        actor,
        method,
        key,
    )
    .fetch_one(transaction)
    .await?;
    Ok(Claim::Before {
        same: before.fingerprint == fingerprint.as_bytes(),
        target: before.target,
    })
}

/// Notes what the request of a key made.
pub async fn done(
    transaction: &mut Transaction,
    actor: &str,
    method: &str,
    key: &str,
    target: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE idempotency_key SET target = $4 WHERE actor = $1 AND method = $2 AND key = $3",
        actor,
        method,
        key,
        target,
    )
    .execute(transaction)
    .await?;
    Ok(())
}
