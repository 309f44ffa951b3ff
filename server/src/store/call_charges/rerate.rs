//! Stored calls with what the ledger has of them, to be rated again.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::charge_of;
use crate::calls::CallKey;
use crate::pbxs::PbxId;
use crate::store::{StoreError, Transaction};
use crate::wholesale::{CallFacts, SideName, Standing};

/// Which calls.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Those after this one, by start, PBX, call id.
    pub after: &'a CallKey,
    /// Those that began before this moment.
    pub end: DateTime<Utc>,
    /// Only of this PBX.
    pub pbx: Option<PbxId>,
    /// Only with this trunk on either side.
    pub trunk: Option<&'a str>,
    /// Calls at most.
    pub limit: u32,
}

/// A stored call with a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCall {
    /// What it is known by.
    pub key: CallKey,
    /// When it was answered.
    pub answer_time: Option<DateTime<Utc>>,
    /// Milliseconds of talk.
    pub talk_ms: i64,
    /// The number that was called.
    pub to_number: String,
    /// Who was called.
    pub callee: String,
    /// The trunk that it came in by.
    pub sip_trunk_id: String,
    /// The trunk that it went out by.
    pub outbound_sip_trunk_id: String,
    /// Whether its numbers are gone.
    pub erased: bool,
    /// Why it had no charge for the customer.
    pub unrated_sell: Option<String>,
    /// Why it had no charge of the carrier.
    pub unrated_buy: Option<String>,
}

impl StoredCall {
    /// What rating needs to know of it.
    pub fn facts(&self) -> CallFacts<'_> {
        CallFacts {
            pbx: self.key.pbx,
            start_time: self.key.start_time,
            answer_time: self.answer_time,
            talk_ms: self.talk_ms,
            to_number: &self.to_number,
            callee: &self.callee,
            sip_trunk_id: &self.sip_trunk_id,
            outbound_sip_trunk_id: &self.outbound_sip_trunk_id,
        }
    }
}

/// The next calls, which nobody else rates again until the transaction ends.
pub async fn lock_page(
    transaction: &mut Transaction,
    page: Page<'_>,
) -> Result<Vec<StoredCall>, StoreError> {
    // The first condition says nothing new, but lets PostgreSQL pass over the days before.
    let rows = sqlx::query!(
        "SELECT start_time, pbx_id, call_id, answer_time, talk_ms, to_number, callee, sip_trunk_id, \
             outbound_sip_trunk_id, erased, unrated_sell, unrated_buy \
         FROM call_record WHERE start_time >= $1 AND (start_time, pbx_id, call_id) > ($1, $2, $3) \
             AND start_time < $4 AND (sip_trunk_id <> '' OR outbound_sip_trunk_id <> '') \
             AND ($5::integer IS NULL OR pbx_id = $5) \
             AND ($6::text IS NULL OR $6 IN (sip_trunk_id, outbound_sip_trunk_id)) \
         ORDER BY start_time, pbx_id, call_id LIMIT $7 FOR NO KEY UPDATE",
        page.after.start_time,
        page.after.pbx.0,
        page.after.call_id,
        page.end,
        page.pbx.map(|pbx| pbx.0),
        page.trunk,
        i64::from(page.limit),
    )
    .fetch_all(transaction)
    .await?;
    let calls = rows.into_iter().map(|row| StoredCall {
        key: CallKey {
            start_time: row.start_time,
            pbx: PbxId(row.pbx_id),
            call_id: row.call_id,
        },
        answer_time: row.answer_time,
        talk_ms: row.talk_ms,
        to_number: row.to_number,
        callee: row.callee,
        sip_trunk_id: row.sip_trunk_id,
        outbound_sip_trunk_id: row.outbound_sip_trunk_id,
        erased: row.erased,
        unrated_sell: row.unrated_sell,
        unrated_buy: row.unrated_buy,
    });
    Ok(calls.collect())
}

/// The last row of each side of some calls.
pub async fn standing(
    transaction: &mut Transaction,
    keys: &[&CallKey],
) -> Result<HashMap<(CallKey, SideName), Standing>, StoreError> {
    let (Some(first), Some(last)) = (keys.iter().min(), keys.iter().max()) else {
        return Ok(HashMap::new());
    };
    macro_rules! column {
        ($of:expr) => {
            &keys.iter().map($of).collect::<Vec<_>>()
        };
    }
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (c.start_time, c.pbx_id, c.call_id, c.side) c.start_time, c.pbx_id, c.call_id, \
             c.side, c.seq, c.kind, c.trunk_id, c.deck_id, c.prefix, c.rate_nano, c.minimum_seconds, \
             c.increment_seconds, c.billable_seconds, c.amount_micro, c.currency \
         FROM unnest($1::timestamptz[], $2::integer[], $3::text[]) AS k (start_time, pbx_id, call_id) \
         JOIN call_charge c ON c.start_time = k.start_time AND c.pbx_id = k.pbx_id AND c.call_id = k.call_id \
             AND c.start_time BETWEEN $4 AND $5 \
         ORDER BY c.start_time, c.pbx_id, c.call_id, c.side, c.seq DESC",
        column!(|key| key.start_time),
        column!(|key| key.pbx.0),
        column!(|key| key.call_id.as_str()) as &[&str],
        first.start_time,
        last.start_time,
    )
    .fetch_all(transaction)
    .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let key = CallKey {
            start_time: row.start_time,
            pbx: PbxId(row.pbx_id),
            call_id: row.call_id,
        };
        let side = SideName::from_name(&row.side).ok_or(StoreError::Corrupt("side"))?;
        let charge = (row.kind == "charge").then(|| charge_of!(row));
        let standing = Standing {
            seq: row.seq,
            charge: charge.transpose()?,
        };
        found.insert((key, side), standing);
    }
    Ok(found)
}

/// Why sides of a call have no charge now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reasons<'a> {
    /// The call.
    pub key: &'a CallKey,
    /// For the side that is sold.
    pub sell: Option<&'static str>,
    /// For the side that is bought.
    pub buy: Option<&'static str>,
}

/// Writes down why sides of calls have no charge.
pub async fn set_reasons(
    transaction: &mut Transaction,
    reasons: &[Reasons<'_>],
) -> Result<(), StoreError> {
    let times = || reasons.iter().map(|one| one.key.start_time);
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return Ok(());
    };
    macro_rules! column {
        ($of:expr) => {
            &reasons.iter().map($of).collect::<Vec<_>>()
        };
    }
    sqlx::query!(
        "UPDATE call_record r SET unrated_sell = n.sell, unrated_buy = n.buy \
         FROM unnest($1::timestamptz[], $2::integer[], $3::text[], $4::text[], $5::text[]) \
             AS n (start_time, pbx_id, call_id, sell, buy) \
         WHERE r.start_time = n.start_time AND r.pbx_id = n.pbx_id AND r.call_id = n.call_id \
             AND r.start_time BETWEEN $6 AND $7",
        &times().collect::<Vec<_>>(),
        column!(|one| one.key.pbx.0),
        column!(|one| one.key.call_id.as_str()) as &[&str],
        column!(|one| one.sell) as &[Option<&str>],
        column!(|one| one.buy) as &[Option<&str>],
        first,
        last,
    )
    .execute(transaction)
    .await?;
    Ok(())
}
