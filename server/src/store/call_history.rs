//! Statements that read `call_record`, and that erase numbers from it.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::calls::{CallFilter, CallKey, CallRecord, CallResult, Direction, KeptCall};
use crate::pbxs::PbxId;

mod days;
mod erase;
mod statistics;

pub use days::{open_since, stored};
pub use erase::{days_of_numbers, erase_numbers, erase_rejected};
pub use statistics::statistics;

macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            crate::store::call_history::Row,
            "SELECT start_time, pbx_id, call_id, session_id, ring_time, answer_time, end_time, direction, \
             result, status_code, hangup_reason, caller, callee, from_number, to_number, caller_name, \
             agent_name, queue, sip_trunk_id, outbound_sip_trunk_id, \
             extra AS \"extra: Json<serde_json::Map<String, serde_json::Value>>\", \
             unrated_sell IS NOT NULL AS \"unrated_sell!\", unrated_buy IS NOT NULL AS \"unrated_buy!\", \
             erased, stored_at FROM call_record "
                + $rest,
            $($argument),+
        )
    };
}
use rows;

/// Records of calls that began at `start` or later and come before `before`, the latest start first.
pub async fn list(
    transaction: &mut Transaction,
    start: DateTime<Utc>,
    before: &CallKey,
    filter: &CallFilter,
    limit: u32,
) -> Result<Vec<KeptCall>, StoreError> {
    let pbx = filter.pbx.map(|pbx| pbx.0);
    let direction = filter.direction.map(Direction::as_str);
    let result = filter.result.map(CallResult::as_str);
    let with_legs = filter.with_legs || filter.session_id.is_some();
    // One statement for each index that may lead. The bare bound on the start lets PostgreSQL leave out the
    // partitions after it, and the bare conditions on numbers are those of their indexes.
    let rows = if let Some(number) = &filter.number {
        rows!(
            "WHERE start_time >= $1 AND start_time <= $2 AND (start_time, pbx_id, call_id) < ($2, $3, $4) \
             AND ($5::int IS NULL OR pbx_id = $5) AND ($6::text IS NULL OR direction = $6) \
             AND ($7::text IS NULL OR result = $7) AND ($8::text IS NULL OR queue = $8) \
             AND ($9::text IS NULL OR sip_trunk_id = $9 OR outbound_sip_trunk_id = $9) \
             AND ($10::text IS NULL OR session_id = $10) AND ($11::boolean OR root) \
             AND (from_number = $12 AND from_number <> '' OR to_number = $12 AND to_number <> '') \
             ORDER BY start_time DESC, pbx_id DESC, call_id DESC LIMIT $13",
            start,
            before.start_time,
            before.pbx.0,
            before.call_id,
            pbx,
            direction,
            result,
            filter.queue.as_deref(),
            filter.trunk.as_deref(),
            filter.session_id.as_deref(),
            with_legs,
            number,
            i64::from(limit),
        )
        .fetch_all(transaction)
        .await?
    } else {
        rows!(
            "WHERE start_time >= $1 AND start_time <= $2 AND (start_time, pbx_id, call_id) < ($2, $3, $4) \
             AND ($5::int IS NULL OR pbx_id = $5) AND ($6::text IS NULL OR direction = $6) \
             AND ($7::text IS NULL OR result = $7) AND ($8::text IS NULL OR queue = $8) \
             AND ($9::text IS NULL OR sip_trunk_id = $9 OR outbound_sip_trunk_id = $9) \
             AND ($10::text IS NULL OR session_id = $10) AND ($11::boolean OR root) \
             ORDER BY start_time DESC, pbx_id DESC, call_id DESC LIMIT $12",
            start,
            before.start_time,
            before.pbx.0,
            before.call_id,
            pbx,
            direction,
            result,
            filter.queue.as_deref(),
            filter.trunk.as_deref(),
            filter.session_id.as_deref(),
            with_legs,
            i64::from(limit),
        )
        .fetch_all(transaction)
        .await?
    };
    rows.into_iter().map(KeptCall::try_from).collect()
}

struct Row {
    start_time: DateTime<Utc>,
    pbx_id: i32,
    call_id: String,
    session_id: String,
    ring_time: Option<DateTime<Utc>>,
    answer_time: Option<DateTime<Utc>>,
    end_time: DateTime<Utc>,
    direction: String,
    result: String,
    status_code: i32,
    hangup_reason: String,
    caller: String,
    callee: String,
    from_number: String,
    to_number: String,
    caller_name: String,
    agent_name: String,
    queue: String,
    sip_trunk_id: String,
    outbound_sip_trunk_id: String,
    extra: Json<serde_json::Map<String, serde_json::Value>>,
    unrated_sell: bool,
    unrated_buy: bool,
    erased: bool,
    stored_at: DateTime<Utc>,
}

impl TryFrom<Row> for KeptCall {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let direction = Direction::from_name(&row.direction);
        let result = CallResult::from_name(&row.result);
        Ok(Self {
            record: CallRecord {
                key: CallKey {
                    start_time: row.start_time,
                    pbx: PbxId(row.pbx_id),
                    call_id: row.call_id,
                },
                session_id: row.session_id,
                ring_time: row.ring_time,
                answer_time: row.answer_time,
                end_time: row.end_time,
                direction: direction.ok_or(StoreError::Corrupt("direction"))?,
                result: result.ok_or(StoreError::Corrupt("result"))?,
                status_code: unsigned(row.status_code, "status_code")?,
                hangup_reason: row.hangup_reason,
                caller: row.caller,
                callee: row.callee,
                from_number: row.from_number,
                to_number: row.to_number,
                caller_name: row.caller_name,
                agent_name: row.agent_name,
                queue: row.queue,
                sip_trunk_id: row.sip_trunk_id,
                outbound_sip_trunk_id: row.outbound_sip_trunk_id,
                extra: row.extra.0,
            },
            unrated_sell: row.unrated_sell,
            unrated_buy: row.unrated_buy,
            erased: row.erased,
            stored_at: row.stored_at,
        })
    }
}
