//! Statements on `call_charge`: rows are added and read, nothing else.

mod read;
mod rerate;

use super::wholesale_rates::{currency, price};
use super::{StoreError, Transaction};
use crate::calls::CallKey;
use crate::wholesale::{Charge, DeckId, Prefix, SideName};

pub use read::{Sums, booked, open_from, sums};
pub use rerate::{Page, Reasons, StoredCall, lock_page, set_reasons, standing};

/// What a row of the ledger does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Adds a charge.
    Charge(&'a Charge),
    /// Takes one back.
    Reversal(&'a Charge),
}

impl<'a> Entry<'a> {
    fn charge(self) -> &'a Charge {
        match self {
            Self::Charge(charge) | Self::Reversal(charge) => charge,
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Charge(_) => "charge",
            Self::Reversal(_) => "reversal",
        }
    }

    /// With the sign that it has in the ledger.
    fn signed(self, value: i64) -> i64 {
        match self {
            Self::Charge(_) => value,
            Self::Reversal(_) => -value,
        }
    }
}

/// A row to add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booking<'a> {
    /// The call.
    pub key: &'a CallKey,
    /// Its side.
    pub side: SideName,
    /// Counts the rows of one side of a call, from 0.
    pub seq: i32,
    /// What it does.
    pub entry: Entry<'a>,
}

/// Adds rows.
pub async fn insert(
    transaction: &mut Transaction,
    bookings: &[Booking<'_>],
) -> Result<(), StoreError> {
    if bookings.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        ($of:expr) => {
            &bookings.iter().map($of).collect::<Vec<_>>()
        };
    }
    let seconds = |seconds: u32| i32::try_from(seconds).unwrap_or(i32::MAX);
    sqlx::query!(
        "INSERT INTO call_charge (start_time, pbx_id, call_id, side, seq, kind, trunk_id, deck_id, \
             prefix, rate_nano, minimum_seconds, increment_seconds, billable_seconds, amount_micro, currency) \
         SELECT * FROM unnest($1::timestamptz[], $2::integer[], $3::text[], $4::text[], $5::integer[], \
             $6::text[], $7::text[], $8::integer[], $9::text[], $10::bigint[], $11::integer[], $12::integer[], \
             $13::bigint[], $14::bigint[], $15::text[])",
        column!(|row| row.key.start_time),
        column!(|row| row.key.pbx.0),
        column!(|row| row.key.call_id.as_str()) as &[&str],
        column!(|row| row.side.as_str()) as &[&str],
        column!(|row| row.seq),
        column!(|row| row.entry.kind()) as &[&str],
        column!(|row| row.entry.charge().trunk_id.as_str()) as &[&str],
        column!(|row| row.entry.charge().deck.0),
        column!(|row| row.entry.charge().prefix.as_str()) as &[&str],
        column!(|row| row.entry.charge().price.rate_nano),
        column!(|row| seconds(row.entry.charge().price.minimum_seconds)),
        column!(|row| seconds(row.entry.charge().price.increment_seconds)),
        column!(|row| row.entry.signed(row.entry.charge().billable_seconds)),
        column!(|row| row.entry.signed(row.entry.charge().amount_micro)),
        column!(|row| row.entry.charge().currency.as_str()) as &[&str],
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// The charge that a row says. Rows of different statements have different types, but these columns alike.
macro_rules! charge_of {
    ($row:ident) => {
        crate::wholesale::Charge::try_from(crate::store::call_charges::ChargeColumns {
            trunk_id: $row.trunk_id,
            deck_id: $row.deck_id,
            prefix: $row.prefix,
            rate_nano: $row.rate_nano,
            minimum_seconds: $row.minimum_seconds,
            increment_seconds: $row.increment_seconds,
            billable_seconds: $row.billable_seconds,
            amount_micro: $row.amount_micro,
            currency: $row.currency,
        })
    };
}
use charge_of;

/// What a row says of the charge, with its signs.
struct ChargeColumns {
    trunk_id: String,
    deck_id: i32,
    prefix: String,
    rate_nano: i64,
    minimum_seconds: i32,
    increment_seconds: i32,
    billable_seconds: i64,
    amount_micro: i64,
    currency: String,
}

impl TryFrom<ChargeColumns> for Charge {
    type Error = StoreError;

    fn try_from(row: ChargeColumns) -> Result<Self, StoreError> {
        Ok(Self {
            trunk_id: row.trunk_id,
            deck: DeckId(row.deck_id),
            prefix: Prefix::from_stored(row.prefix),
            price: price(row.rate_nano, row.minimum_seconds, row.increment_seconds)?,
            billable_seconds: row.billable_seconds,
            amount_micro: row.amount_micro,
            currency: currency(&row.currency)?,
        })
    }
}
