//! Statements that add to `call_record`: rows are only added.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{StoreError, Transaction};
use crate::auth::Digest;
use crate::calls::{CallKey, CallRecord};
use crate::pbxs::PbxId;

/// A record with what is to be kept beside it.
#[derive(Debug, Clone)]
pub struct NewCall<'a> {
    /// The record.
    pub record: &'a CallRecord,
    /// What recognizes a repetition.
    pub digest: &'a Digest,
    /// Why the side of the customer has no charge, if it should.
    pub unrated_sell: Option<&'static str>,
    /// Why the side of the carrier has none.
    pub unrated_buy: Option<&'static str>,
}

/// Adds records, each key of them once; gives the keys of those that were not there.
pub async fn insert(
    transaction: &mut Transaction,
    calls: &[NewCall<'_>],
) -> Result<Vec<CallKey>, StoreError> {
    macro_rules! column {
        ($call:ident => $value:expr) => {
            &calls.iter().map(|$call| $value).collect::<Vec<_>>()
        };
    }
    let rows = sqlx::query!(
        "INSERT INTO call_record (start_time, pbx_id, call_id, session_id, ring_time, answer_time, end_time, \
         talk_ms, duration_ms, direction, result, status_code, hangup_reason, caller, callee, from_number, \
         to_number, caller_name, agent_name, queue, sip_trunk_id, outbound_sip_trunk_id, extra, digest, \
         unrated_sell, unrated_buy) \
         SELECT * FROM unnest($1::timestamptz[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], \
         $6::timestamptz[], $7::timestamptz[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], \
         $12::int[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], \
         $19::text[], $20::text[], $21::text[], $22::text[], $23::jsonb[], $24::bytea[], $25::text[], \
         $26::text[]) ON CONFLICT DO NOTHING RETURNING start_time, pbx_id, call_id",
        column!(call => call.record.key.start_time),
        column!(call => call.record.key.pbx.0),
        column!(call => call.record.key.call_id.as_str()) as &[&str],
        column!(call => call.record.session_id.as_str()) as &[&str],
        column!(call => call.record.ring_time) as &[Option<DateTime<Utc>>],
        column!(call => call.record.answer_time) as &[Option<DateTime<Utc>>],
        column!(call => call.record.end_time),
        column!(call => call.record.talk_ms()),
        column!(call => call.record.duration_ms()),
        column!(call => call.record.direction.as_str()) as &[&str],
        column!(call => call.record.result.as_str()) as &[&str],
        column!(call => i32::from(call.record.status_code)),
        column!(call => call.record.hangup_reason.as_str()) as &[&str],
        column!(call => call.record.caller.as_str()) as &[&str],
        column!(call => call.record.callee.as_str()) as &[&str],
        column!(call => call.record.from_number.as_str()) as &[&str],
        column!(call => call.record.to_number.as_str()) as &[&str],
        column!(call => call.record.caller_name.as_str()) as &[&str],
        column!(call => call.record.agent_name.as_str()) as &[&str],
        column!(call => call.record.queue.as_str()) as &[&str],
        column!(call => call.record.sip_trunk_id.as_str()) as &[&str],
        column!(call => call.record.outbound_sip_trunk_id.as_str()) as &[&str],
        column!(call => Value::Object(call.record.extra.clone())),
        column!(call => call.digest.as_bytes()) as &[&[u8]],
        column!(call => call.unrated_sell) as &[Option<&str>],
        column!(call => call.unrated_buy) as &[Option<&str>],
    )
    .fetch_all(transaction)
    .await?;
    let keys = rows.into_iter().map(|row| CallKey {
        start_time: row.start_time,
        pbx: PbxId(row.pbx_id),
        call_id: row.call_id,
    });
    Ok(keys.collect())
}

/// The digests of those of the records that are there.
pub async fn digests(
    transaction: &mut Transaction,
    keys: &[&CallKey],
) -> Result<Vec<(CallKey, Digest)>, StoreError> {
    let starts: Vec<_> = keys.iter().map(|key| key.start_time).collect();
    let pbxs: Vec<_> = keys.iter().map(|key| key.pbx.0).collect();
    let ids: Vec<_> = keys.iter().map(|key| key.call_id.clone()).collect();
    let rows = sqlx::query!(
        // Each by the key, in the partitions between the first and the last.
        "SELECT k.start_time AS \"start_time!\", k.pbx_id AS \"pbx_id!\", k.call_id AS \"call_id!\", \
         c.digest AS \"digest!\" \
         FROM unnest($1::timestamptz[], $2::int[], $3::text[]) AS k (start_time, pbx_id, call_id), \
         LATERAL (SELECT digest FROM call_record c WHERE c.start_time = k.start_time \
         AND c.pbx_id = k.pbx_id AND c.call_id = k.call_id AND c.start_time BETWEEN $4 AND $5 LIMIT 1) c",
        &starts,
        &pbxs,
        &ids,
        starts.iter().min(),
        starts.iter().max(),
    )
    .fetch_all(transaction)
    .await?;
    rows.into_iter()
        .map(|row| {
            let key = CallKey {
                start_time: row.start_time,
                pbx: PbxId(row.pbx_id),
                call_id: row.call_id,
            };
            let digest = Digest::from_stored(&row.digest);
            Ok((key, digest.ok_or(StoreError::Corrupt("digest"))?))
        })
        .collect()
}
