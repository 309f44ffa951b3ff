//! Rates as administrators look at them.

use chrono::{DateTime, Utc};

use super::price;
use crate::store::number::unsigned;
use crate::store::{StoreError, Transaction};
use crate::wholesale::{DeckId, Period, Prefix, Rate};

macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT prefix, valid_from, valid_to, rate_nano, minimum_seconds, increment_seconds \
             FROM wholesale_rate " + $rest,
            $($argument),+
        )
    };
}

/// A page of the rates of a deck.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The deck.
    pub deck: DeckId,
    /// Only prefixes that begin so.
    pub prefix: &'a Prefix,
    /// Only those that count at this moment.
    pub at: Option<DateTime<Utc>>,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// Lists one page by prefix, then time, and how many there are over all pages.
pub async fn list(
    transaction: &mut Transaction,
    page: Page<'_>,
) -> Result<(Vec<Rate>, u64), StoreError> {
    let (deck, prefix) = (page.deck.0, page.prefix.as_str());
    let total = sqlx::query_scalar!(
        "SELECT count(*) AS \"count!\" FROM wholesale_rate WHERE deck_id = $1 AND starts_with(prefix, $2) \
         AND ($3::timestamptz IS NULL OR (valid_from <= $3 AND (valid_to IS NULL OR valid_to > $3)))",
        deck,
        prefix,
        page.at,
    )
    .fetch_one(&mut *transaction)
    .await?;
    let rows = rows!(
        "WHERE deck_id = $1 AND starts_with(prefix, $2) \
         AND ($3::timestamptz IS NULL OR (valid_from <= $3 AND (valid_to IS NULL OR valid_to > $3))) \
         ORDER BY prefix, valid_from LIMIT $4 OFFSET $5",
        deck,
        prefix,
        page.at,
        i64::from(page.limit),
        i64::from(page.offset),
    )
    .fetch_all(transaction)
    .await?;
    let rates: Result<_, _> = rows.into_iter().map(Rate::try_from).collect();
    Ok((rates?, unsigned(total, "count")?))
}

/// The times of the rates that a deck has of some prefixes.
pub async fn of_prefixes(
    transaction: &mut Transaction,
    deck: DeckId,
    prefixes: &[&str],
) -> Result<Vec<(Prefix, Period)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT prefix, valid_from, valid_to FROM wholesale_rate WHERE deck_id = $1 AND prefix = ANY ($2::text[])",
        deck.0,
        prefixes as &[&str],
    )
    .fetch_all(transaction)
    .await?;
    let periods = rows.into_iter().map(|row| {
        let period = Period {
            from: row.valid_from,
            to: row.valid_to,
        };
        (Prefix::from_stored(row.prefix), period)
    });
    Ok(periods.collect())
}

/// The rate of a prefix that begins at a moment.
pub async fn at_start(
    transaction: &mut Transaction,
    deck: DeckId,
    prefix: &Prefix,
    from: DateTime<Utc>,
) -> Result<Option<Rate>, StoreError> {
    let row = rows!(
        "WHERE deck_id = $1 AND prefix = $2 AND valid_from = $3",
        deck.0,
        prefix.as_str(),
        from,
    );
    let row = row.fetch_optional(transaction).await?;
    row.map(Rate::try_from).transpose()
}

/// The next rate of a prefix that begins after a moment.
pub async fn next_start(
    transaction: &mut Transaction,
    deck: DeckId,
    prefix: &Prefix,
    after: DateTime<Utc>,
) -> Result<Option<Rate>, StoreError> {
    let row = rows!(
        "WHERE deck_id = $1 AND prefix = $2 AND valid_from > $3 ORDER BY valid_from LIMIT 1",
        deck.0,
        prefix.as_str(),
        after,
    );
    let row = row.fetch_optional(transaction).await?;
    row.map(Rate::try_from).transpose()
}

struct Row {
    prefix: String,
    valid_from: DateTime<Utc>,
    valid_to: Option<DateTime<Utc>>,
    rate_nano: i64,
    minimum_seconds: i32,
    increment_seconds: i32,
}

impl TryFrom<Row> for Rate {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            prefix: Prefix::from_stored(row.prefix),
            period: Period {
                from: row.valid_from,
                to: row.valid_to,
            },
            price: price(row.rate_nano, row.minimum_seconds, row.increment_seconds)?,
        })
    }
}
