//! Rates as administrators change them. Whoever does holds the deck.

use chrono::{DateTime, Utc};

use crate::store::{StoreError, Transaction};
use crate::wholesale::{DeckId, Prefix, Rate};

/// Adds rates.
pub async fn insert(
    transaction: &mut Transaction,
    deck: DeckId,
    rates: &[&Rate],
) -> Result<(), StoreError> {
    macro_rules! column {
        ($of:expr) => {
            &rates.iter().map($of).collect::<Vec<_>>()
        };
    }
    let seconds = |seconds: u32| i32::try_from(seconds).unwrap_or(i32::MAX);
    sqlx::query!(
        "INSERT INTO wholesale_rate (deck_id, prefix, valid_from, valid_to, rate_nano, minimum_seconds, \
             increment_seconds) \
         SELECT $1, * FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::integer[], \
             $7::integer[])",
        deck.0,
        column!(|rate| rate.prefix.as_str()) as &[&str],
        column!(|rate| rate.period.from),
        column!(|rate| rate.period.to) as &[Option<_>],
        column!(|rate| rate.price.rate_nano),
        column!(|rate| seconds(rate.price.minimum_seconds)),
        column!(|rate| seconds(rate.price.increment_seconds)),
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Removes the rates of a deck that begin at a moment or later; gives their number.
pub async fn remove_from(
    transaction: &mut Transaction,
    deck: DeckId,
    from: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let removed = sqlx::query!(
        "DELETE FROM wholesale_rate WHERE deck_id = $1 AND valid_from >= $2",
        deck.0,
        from,
    );
    Ok(removed.execute(transaction).await?.rows_affected())
}

/// Ends the rates of a deck at a moment that began before and would go on; gives their number.
pub async fn end_from(
    transaction: &mut Transaction,
    deck: DeckId,
    from: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let ended = sqlx::query!(
        "UPDATE wholesale_rate SET valid_to = $2 \
         WHERE deck_id = $1 AND valid_from < $2 AND (valid_to IS NULL OR valid_to > $2)",
        deck.0,
        from,
    );
    Ok(ended.execute(transaction).await?.rows_affected())
}

/// Ends one rate at another moment.
pub async fn set_end(
    transaction: &mut Transaction,
    deck: DeckId,
    prefix: &Prefix,
    from: DateTime<Utc>,
    to: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE wholesale_rate SET valid_to = $4 WHERE deck_id = $1 AND prefix = $2 AND valid_from = $3",
        deck.0,
        prefix.as_str(),
        from,
        to,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Removes one rate.
pub async fn delete(
    transaction: &mut Transaction,
    deck: DeckId,
    prefix: &Prefix,
    from: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM wholesale_rate WHERE deck_id = $1 AND prefix = $2 AND valid_from = $3",
        deck.0,
        prefix.as_str(),
        from,
    )
    .execute(transaction)
    .await?;
    Ok(())
}
