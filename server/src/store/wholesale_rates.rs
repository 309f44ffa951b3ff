//! Statements on `wholesale_rate`: here those that rate, the others in the files below.

mod list;
mod write;

use chrono::{DateTime, Utc};

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::pbxs::PbxId;
use crate::wholesale::{Currency, DeckId, Mapping, Prefix, Price, Terms, TrunkRole};

pub use list::{Page, at_start, list, next_start, of_prefixes};
pub use write::{delete, end_from, insert, remove_from, set_end};

/// One side of a call, as far as its price needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<'a> {
    /// The PBX.
    pub pbx: PbxId,
    /// The trunk of the side.
    pub trunk: &'a str,
    /// Who is at its other end.
    pub role: TrunkRole,
    /// The number; `None` when no rate is needed.
    pub digits: Option<&'a str>,
    /// When it was answered.
    pub at: DateTime<Utc>,
}

/// What the trunks of some sides are mapped to, and the rates of the longest prefixes then; in the order of the sides.
pub async fn of_sides(
    transaction: &mut Transaction,
    sides: &[Ask<'_>],
) -> Result<Vec<Mapping>, StoreError> {
    if sides.is_empty() {
        return Ok(Vec::new());
    }
    macro_rules! column {
        ($of:expr) => {
            &sides.iter().map($of).collect::<Vec<_>>()
        };
    }
    // The lengths are listed, so that PostgreSQL knows how few they are. One row of each: so each prefix is looked up in the
    // index, also in a deck that came a moment ago and of which it has no statistics.
    let rows = sqlx::query!(
        "SELECT n.place AS \"place!\", d.id AS \"deck_id?\", d.currency AS \"currency?\", \
             r.prefix AS \"prefix?\", r.rate_nano AS \"rate_nano?\", \
             r.minimum_seconds AS \"minimum_seconds?\", r.increment_seconds AS \"increment_seconds?\" \
         FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) \
             WITH ORDINALITY AS n (pbx_id, trunk_id, role, digits, at, place) \
         JOIN wholesale_trunk t \
             ON t.pbx_id = n.pbx_id AND t.trunk_id = n.trunk_id AND t.role = n.role \
         LEFT JOIN wholesale_deck d ON d.id = t.deck_id \
         LEFT JOIN LATERAL (SELECT w.prefix, w.rate_nano, w.minimum_seconds, w.increment_seconds \
             FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15)) \
                 AS l (digits) \
             CROSS JOIN LATERAL (SELECT o.prefix, o.rate_nano, o.minimum_seconds, o.increment_seconds \
                 FROM wholesale_rate o WHERE o.deck_id = t.deck_id AND o.prefix = left(n.digits, l.digits) \
                 AND o.valid_from <= n.at AND (o.valid_to IS NULL OR o.valid_to > n.at) LIMIT 1) w \
             WHERE l.digits <= length(n.digits) ORDER BY l.digits DESC LIMIT 1) r ON true",
        column!(|side| side.pbx.0),
        column!(|side| side.trunk) as &[&str],
        column!(|side| side.role.as_str()) as &[&str],
        column!(|side| side.digits) as &[Option<&str>],
        column!(|side| side.at),
    )
    .fetch_all(transaction)
    .await?;
    let mut mappings = vec![Mapping::Unknown; sides.len()];
    for row in rows {
        let place = usize::try_from(row.place - 1).ok();
        let mapping = place.and_then(|place| mappings.get_mut(place));
        let mapping = mapping.ok_or(StoreError::Corrupt("place"))?;
        let Some(deck) = row.deck_id else {
            *mapping = Mapping::WithoutDeck;
            continue;
        };
        *mapping = Mapping::Deck(Terms {
            deck: DeckId(deck),
            currency: currency(&row.currency.unwrap_or_default())?,
            rate: rate(
                row.prefix,
                row.rate_nano,
                row.minimum_seconds,
                row.increment_seconds,
            )?,
        });
    }
    Ok(mappings)
}

/// What a deck says of a number at a moment; `None` when there is no such deck.
pub async fn of_deck(
    transaction: &mut Transaction,
    deck: DeckId,
    digits: Option<&str>,
    at: DateTime<Utc>,
) -> Result<Option<Terms>, StoreError> {
    let row = sqlx::query!(
        "SELECT d.currency, r.prefix AS \"prefix?\", r.rate_nano AS \"rate_nano?\", \
             r.minimum_seconds AS \"minimum_seconds?\", r.increment_seconds AS \"increment_seconds?\" \
         FROM wholesale_deck d LEFT JOIN LATERAL (SELECT w.* FROM wholesale_rate w \
             WHERE w.deck_id = d.id \
                 AND w.prefix = ANY (ARRAY(SELECT left($2::text, n) FROM generate_series(0, 15) n)) \
                 AND w.valid_from <= $3 AND (w.valid_to IS NULL OR w.valid_to > $3) \
             ORDER BY length(w.prefix) DESC LIMIT 1) r ON true \
         WHERE d.id = $1",
        deck.0,
        digits,
        at,
    )
    .fetch_optional(transaction)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Terms {
        deck,
        currency: currency(&row.currency)?,
        rate: rate(
            row.prefix,
            row.rate_nano,
            row.minimum_seconds,
            row.increment_seconds,
        )?,
    }))
}

/// A rate, where one was found.
fn rate(
    prefix: Option<String>,
    rate_nano: Option<i64>,
    minimum: Option<i32>,
    increment: Option<i32>,
) -> Result<Option<(Prefix, Price)>, StoreError> {
    match (prefix, rate_nano, minimum, increment) {
        (Some(prefix), Some(rate_nano), Some(minimum), Some(increment)) => {
            let price = price(rate_nano, minimum, increment)?;
            Ok(Some((Prefix::from_stored(prefix), price)))
        }
        _ => Ok(None),
    }
}

pub(super) fn price(rate_nano: i64, minimum: i32, increment: i32) -> Result<Price, StoreError> {
    Ok(Price {
        rate_nano,
        minimum_seconds: unsigned(minimum, "minimum_seconds")?,
        increment_seconds: unsigned(increment, "increment_seconds")?,
    })
}

pub(super) fn currency(name: &str) -> Result<Currency, StoreError> {
    Currency::new(name).ok_or(StoreError::Corrupt("currency"))
}
