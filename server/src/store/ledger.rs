//! The ledger: every account of the same bytes, compared.

use super::{StoreError, Transaction};

/// Two accounts that differ.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Difference {
    /// Which accounts.
    pub between: String,
    /// Where: a user, an hour and more.
    pub key: String,
    /// What the one says.
    pub one: String,
    /// What the other says.
    pub other: String,
}

/// The sums of all accounts, in bytes as text, in the order in which bytes go through them.
pub async fn sums(transaction: &mut Transaction) -> Result<Vec<(String, String)>, StoreError> {
    let rows = sqlx::query_as(include_str!("ledger/sums.sql"));
    Ok(rows.fetch_all(transaction).await?)
}

/// The first 20 differences. Reads all usage there is: for a person or a test, not for a request.
pub async fn differences(transaction: &mut Transaction) -> Result<Vec<Difference>, StoreError> {
    let rows = sqlx::query_as(include_str!("ledger/differences.sql"));
    Ok(rows.fetch_all(transaction).await?)
}
