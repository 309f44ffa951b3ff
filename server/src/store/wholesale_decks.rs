//! Statements on `wholesale_deck`.

use chrono::{DateTime, Utc};

use super::number::unsigned;
use super::wholesale_rates::currency;
use super::{StoreError, Transaction};
use crate::revision::Revision;
use crate::wholesale::{Currency, Deck, DeckConfig, DeckId};

/// The constraint that keeps names unique.
pub const UNIQUE_NAME: &str = "wholesale_deck_name_key";

macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT id, name, currency, revision, created_at, updated_at, \
             (SELECT count(*) FROM wholesale_rate r WHERE r.deck_id = d.id) AS \"rates!\" \
             FROM wholesale_deck d " + $rest,
            $($argument),+
        )
    };
}

/// Lists one page by ascending id, and how many there are over all pages.
pub async fn list(
    transaction: &mut Transaction,
    limit: u32,
    offset: u32,
) -> Result<(Vec<Deck>, u64), StoreError> {
    let total = sqlx::query_scalar!("SELECT count(*) AS \"count!\" FROM wholesale_deck")
        .fetch_one(&mut *transaction)
        .await?;
    let rows = rows!(
        "ORDER BY id LIMIT $1 OFFSET $2",
        i64::from(limit),
        i64::from(offset)
    )
    .fetch_all(transaction)
    .await?;
    let decks: Result<_, _> = rows.into_iter().map(Deck::try_from).collect();
    Ok((decks?, unsigned(total, "count")?))
}

/// One deck.
pub async fn find(transaction: &mut Transaction, id: DeckId) -> Result<Option<Deck>, StoreError> {
    let row = rows!("WHERE id = $1", id.0).fetch_optional(transaction);
    row.await?.map(Deck::try_from).transpose()
}

/// One deck, which with its rates nobody else can write, nor give to a trunk, until the transaction ends.
pub async fn lock(transaction: &mut Transaction, id: DeckId) -> Result<Option<Deck>, StoreError> {
    sqlx::query!("SELECT FROM wholesale_deck WHERE id = $1 FOR UPDATE", id.0)
        .fetch_optional(&mut *transaction)
        .await?;
    // Read anew: before the wait, it may have been another.
    find(transaction, id).await
}

/// Whether there is the deck, which then stays until the transaction ends.
pub async fn hold(transaction: &mut Transaction, id: DeckId) -> Result<bool, StoreError> {
    let held = sqlx::query!(
        "SELECT FROM wholesale_deck WHERE id = $1 FOR KEY SHARE",
        id.0
    );
    Ok(held.fetch_optional(transaction).await?.is_some())
}

/// Adds a deck and gives it its number.
pub async fn insert(
    transaction: &mut Transaction,
    config: &DeckConfig,
) -> Result<DeckId, StoreError> {
    let currency = config.currency();
    let id = sqlx::query_scalar!(
        "INSERT INTO wholesale_deck (name, currency) VALUES ($1, $2) RETURNING id",
        config.name(),
        currency.as_str(),
    )
    .fetch_one(transaction)
    .await?;
    Ok(DeckId(id))
}

/// Gives it another name.
pub async fn rename(
    transaction: &mut Transaction,
    id: DeckId,
    name: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE wholesale_deck SET name = $2, revision = revision + 1, updated_at = now() WHERE id = $1",
        id.0,
        name,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Counts a write to its rates.
pub async fn touch(transaction: &mut Transaction, id: DeckId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE wholesale_deck SET revision = revision + 1, updated_at = now() WHERE id = $1",
        id.0,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Removes a deck and its rates.
pub async fn delete(transaction: &mut Transaction, id: DeckId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM wholesale_deck WHERE id = $1", id.0)
        .execute(transaction)
        .await?;
    Ok(())
}

/// The currencies of all decks.
pub async fn currencies(transaction: &mut Transaction) -> Result<Vec<Currency>, StoreError> {
    let names =
        sqlx::query_scalar!("SELECT DISTINCT currency FROM wholesale_deck ORDER BY currency")
            .fetch_all(transaction)
            .await?;
    names.iter().map(|name| currency(name)).collect()
}

struct Row {
    id: i32,
    name: String,
    currency: String,
    revision: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    rates: i64,
}

impl TryFrom<Row> for Deck {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: DeckId(row.id),
            config: DeckConfig {
                name: row.name,
                currency: currency(&row.currency)?,
            },
            revision: Revision(row.revision),
            rates: unsigned(row.rates, "count")?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
