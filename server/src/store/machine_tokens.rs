//! Statements on `node_token` and `pbx_token`, which differ in nothing but whose they are.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{StoreError, Transaction};
use crate::auth::{Digest, Machine, MachineToken};

/// Runs a statement on the table of a machine; the pieces stand around the table and the column of its number, which is
/// the first argument.
macro_rules! of {
    ($machine:expr, $run:ident($transaction:expr), $query:ident!($($row:ty,)? $start:literal, $table:literal, $end:literal
     $(, $argument:expr)* $(,)?)) => {
        match $machine {
            Machine::Node(id) => sqlx::$query!(
                $($row,)?
                $start + "node_token" + $table + "node_server_id" + $end,
                id.0 $(, $argument)*
            )
            .$run($transaction)
            .await,
            Machine::Pbx(id) => sqlx::$query!(
                $($row,)?
                $start + "pbx_token" + $table + "pbx_id" + $end,
                id.0 $(, $argument)*
            )
            .$run($transaction)
            .await,
        }
    };
}

/// Adds the current token of a machine; there must be none.
pub async fn insert(
    transaction: &mut Transaction,
    machine: Machine,
    digest: &Digest,
) -> Result<(), StoreError> {
    of!(
        machine,
        execute(transaction),
        query!(
            "INSERT INTO ",
            " (",
            ", digest) VALUES ($1, $2)",
            digest.as_bytes(),
        )
    )?;
    Ok(())
}

/// Lets the current token end after `grace`, and those replaced before it at once. Gives the end of
/// the one that was current.
pub async fn retire(
    transaction: &mut Transaction,
    machine: Machine,
    grace: Duration,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    of!(
        machine,
        execute(&mut *transaction),
        query!(
            "DELETE FROM ",
            " WHERE ",
            " = $1 AND expires_at IS NOT NULL",
        )
    )?;
    let end = of!(
        machine,
        fetch_optional(transaction),
        query_scalar!(
            "UPDATE ",
            " SET expires_at = now() + $2::bigint * interval '1 microsecond' WHERE ",
            " = $1 AND expires_at IS NULL RETURNING expires_at",
            i64::try_from(grace.as_micros()).unwrap_or(i64::MAX),
        )
    )?;
    Ok(end.flatten())
}

/// The tokens that work now, the current one first.
pub async fn list(
    transaction: &mut Transaction,
    machine: Machine,
) -> Result<Vec<MachineToken>, StoreError> {
    Ok(of!(
        machine,
        fetch_all(transaction),
        query_as!(
            MachineToken,
            "SELECT created_at, expires_at FROM ",
            " WHERE ",
            " = $1 AND (expires_at IS NULL OR expires_at > now()) \
             ORDER BY expires_at DESC NULLS FIRST",
        )
    )?)
}

/// The digests of the tokens that work now.
pub async fn digests(
    transaction: &mut Transaction,
    machine: Machine,
) -> Result<Vec<Digest>, StoreError> {
    let rows = of!(
        machine,
        fetch_all(transaction),
        query_scalar!(
            "SELECT digest FROM ",
            " WHERE ",
            " = $1 AND (expires_at IS NULL OR expires_at > now())",
        )
    )?;
    rows.iter()
        .map(|bytes| Digest::from_stored(bytes).ok_or(StoreError::Corrupt("digest")))
        .collect()
}
