//! The ledger as it is summed and given out.

use chrono::{DateTime, NaiveDate, Utc};

use super::charge_of;
use crate::calls::CallKey;
use crate::pbxs::PbxId;
use crate::store::wholesale_rates::currency;
use crate::store::{StoreError, Transaction};
use crate::wholesale::{Amount, ChargeCursor, ChargeGroup, ChargeRow, ChargeSum, SideName};

/// What is summed.
#[derive(Debug, Clone, Copy)]
pub struct Sums {
    /// Of calls that began at this moment or later.
    pub start: DateTime<Utc>,
    /// Of calls that began before this moment.
    pub end: DateTime<Utc>,
    /// Only of this PBX.
    pub pbx: Option<PbxId>,
    /// What for.
    pub group: ChargeGroup,
    /// Sums at most.
    pub limit: u32,
}

/// Sums charges: those added less those taken back; by day, PBX, trunk, side, currency.
pub async fn sums(transaction: &mut Transaction, sums: Sums) -> Result<Vec<ChargeSum>, StoreError> {
    let ChargeGroup { pbx, trunk, day } = sums.group;
    let rows = sqlx::query!(
        "SELECT CASE WHEN $1 THEN pbx_id END AS pbx_id, CASE WHEN $2 THEN trunk_id END AS trunk_id, \
             CASE WHEN $3 THEN (start_time AT TIME ZONE 'UTC')::date END AS day, side, currency, \
             sum(CASE kind WHEN 'charge' THEN 1 ELSE -1 END)::bigint AS \"charges!\", \
             sum(billable_seconds)::text AS \"billable_seconds!\", sum(amount_micro)::text AS \"amount_micro!\" \
         FROM call_charge \
         WHERE start_time >= $4 AND start_time < $5 AND ($6::integer IS NULL OR pbx_id = $6) \
         GROUP BY 1, 2, 3, 4, 5 ORDER BY 3, 1, 2, 4 DESC, 5 LIMIT $7",
        pbx || trunk,
        trunk,
        day,
        sums.start,
        sums.end,
        sums.pbx.map(|pbx| pbx.0),
        i64::from(sums.limit),
    )
    .fetch_all(transaction)
    .await?;
    let found = rows.into_iter().map(|row| {
        let whole = |text: &str, column| {
            text.parse()
                .map(Amount)
                .or(Err(StoreError::Corrupt(column)))
        };
        Ok(ChargeSum {
            pbx: row.pbx_id.map(PbxId),
            trunk: row.trunk_id,
            day: row.day,
            side: SideName::from_name(&row.side).ok_or(StoreError::Corrupt("side"))?,
            currency: currency(&row.currency)?,
            charges: row.charges,
            billable_seconds: whole(&row.billable_seconds, "billable_seconds")?.clamped(),
            amount: whole(&row.amount_micro, "amount_micro")?,
        })
    });
    found.collect()
}

/// The first day that rows may still be added to, by the database's clock: a transaction books by the time at which it
/// began, and none goes on for five minutes.
pub async fn open_from(transaction: &mut Transaction) -> Result<NaiveDate, StoreError> {
    let day = sqlx::query_scalar!(
        "SELECT ((now() - interval '5 minutes') AT TIME ZONE 'UTC')::date AS \"day!\""
    );
    Ok(day.fetch_one(transaction).await?)
}

/// The rows that follow a place in the order in which they were added, and were added before a moment.
pub async fn booked(
    transaction: &mut Transaction,
    after: &ChargeCursor,
    end: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<ChargeRow>, StoreError> {
    // The first condition says nothing new, but lets PostgreSQL take the index.
    let rows = sqlx::query!(
        "SELECT booked_at, start_time, pbx_id, call_id, side, seq, kind, trunk_id, deck_id, prefix, rate_nano, \
             minimum_seconds, increment_seconds, billable_seconds, amount_micro, currency \
         FROM call_charge WHERE booked_at >= $1 AND booked_at < $2 \
             AND (booked_at, start_time, pbx_id, call_id COLLATE \"C\", side COLLATE \"C\", seq) \
             > ($1, $3, $4, $5, $6, $7) \
         ORDER BY booked_at, start_time, pbx_id, call_id COLLATE \"C\", side COLLATE \"C\", seq LIMIT $8",
        after.booked_at().unwrap_or_default(),
        end,
        after.start_time().unwrap_or_default(),
        after.pbx().0,
        after.call_id(),
        after.side(),
        after.seq(),
        i64::from(limit),
    )
    .fetch_all(transaction)
    .await?;
    let rows = rows.into_iter().map(|row| {
        Ok(ChargeRow {
            booked_at: row.booked_at,
            key: CallKey {
                start_time: row.start_time,
                pbx: PbxId(row.pbx_id),
                call_id: row.call_id,
            },
            side: SideName::from_name(&row.side).ok_or(StoreError::Corrupt("side"))?,
            seq: row.seq,
            reversal: row.kind == "reversal",
            charge: charge_of!(row)?,
        })
    });
    rows.collect()
}
