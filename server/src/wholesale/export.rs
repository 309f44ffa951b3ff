//! Rows of the ledger as exports write them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::{Charge, SideName, micro_decimal, nano_decimal};
use crate::calls::CallKey;
use crate::exports::{Field, Line, opaque};
use crate::pbxs::PbxId;

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeRow {
    /// When it was added, by the database's clock.
    pub booked_at: DateTime<Utc>,
    /// The call.
    pub key: CallKey,
    /// Its side.
    pub side: SideName,
    /// Its place among the rows of the side.
    pub seq: i32,
    /// Whether it takes back the charge before it.
    pub reversal: bool,
    /// What it says; seconds and amount are negative when it takes them back.
    pub charge: Charge,
}

/// A place in the order of the ledger; by its parts from the first to the last. The times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeCursor(i64, i64, i32, String, String, i32);

impl ChargeCursor {
    /// Before everything that was added at or after a moment.
    pub fn before(booked_at: DateTime<Utc>) -> Self {
        let first = String::new();
        Self(booked_at.timestamp_micros(), 0, 0, first.clone(), first, 0)
    }

    /// When the row was added; `None` when no row can have been.
    pub fn booked_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0)
    }

    /// When its call began; `None` when no call can have.
    pub fn start_time(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.1)
    }

    /// The PBX of its call.
    pub fn pbx(&self) -> PbxId {
        PbxId(self.2)
    }

    /// Its call.
    pub fn call_id(&self) -> &str {
        &self.3
    }

    /// The side of its call.
    pub fn side(&self) -> &str {
        &self.4
    }

    /// Its place among the rows of the side.
    pub fn seq(&self) -> i32 {
        self.5
    }
}

impl From<&ChargeRow> for ChargeCursor {
    fn from(row: &ChargeRow) -> Self {
        Self(
            row.booked_at.timestamp_micros(),
            row.key.start_time.timestamp_micros(),
            row.key.pbx.0,
            row.key.call_id.clone(),
            row.side.as_str().to_owned(),
            row.seq,
        )
    }
}

impl Line for ChargeRow {
    const COLUMNS: &'static [&'static str] = &[
        "booked_at",
        "start_time",
        "pbx_id",
        "call_id",
        "side",
        "seq",
        "kind",
        "trunk_id",
        "deck_id",
        "prefix",
        "rate_per_minute",
        "minimum_seconds",
        "increment_seconds",
        "billable_seconds",
        "amount",
        "currency",
    ];

    fn fields(self) -> Vec<Field> {
        let time = |at: DateTime<Utc>| Field::Text(at.to_rfc3339_opts(SecondsFormat::Micros, true));
        let text = |text: &str| Field::Text(text.to_owned());
        let charge = self.charge;
        vec![
            time(self.booked_at),
            time(self.key.start_time),
            Field::Number(self.key.pbx.0.into()),
            Field::Text(self.key.call_id),
            text(self.side.as_str()),
            Field::Number(self.seq.into()),
            text(if self.reversal { "reversal" } else { "charge" }),
            Field::Text(charge.trunk_id),
            Field::Number(charge.deck.0.into()),
            text(charge.prefix.as_str()),
            Field::Text(nano_decimal(charge.price.rate_nano)),
            Field::Number(charge.price.minimum_seconds.into()),
            Field::Number(charge.price.increment_seconds.into()),
            Field::Number(charge.billable_seconds),
            Field::Text(micro_decimal(charge.amount_micro)),
            text(charge.currency.as_str()),
        ]
    }

    fn cursor(&self) -> String {
        opaque(&ChargeCursor::from(self))
    }
}
