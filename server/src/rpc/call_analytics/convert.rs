//! Calls and how they went to their messages.

use prost_types::Duration;
use serde_json::Value;
use telecom_proto::v1 as proto;

use crate::calls::{CallResult, Direction, GroupKey, KeptCall, StatisticsRow};
use crate::rpc::convert::{micros, timestamp};

pub(super) fn record(call: KeptCall) -> proto::CallRecord {
    let record = call.record;
    let start = record.key.start_time;
    let delay = record.ring_time.map(|ring| ring - start);
    let delay = delay.and_then(|delay| delay.num_microseconds());
    let is_root = record.is_root();
    let (duration, talk) = (record.duration_ms(), record.talk_ms());
    let extra = if record.extra.is_empty() {
        String::new()
    } else {
        Value::Object(record.extra).to_string()
    };
    proto::CallRecord {
        pbx_id: record.key.pbx.0,
        root: is_root,
        start_time: Some(timestamp(start)),
        ring_time: record.ring_time.map(timestamp),
        answer_time: record.answer_time.map(timestamp),
        end_time: Some(timestamp(record.end_time)),
        duration: Some(millis(duration)),
        talk_time: Some(millis(talk)),
        post_dial_delay: delay.filter(|delay| *delay >= 0).map(micros),
        direction: direction(record.direction).into(),
        result: result(record.result).into(),
        status_code: record.status_code.into(),
        call_id: record.key.call_id,
        session_id: record.session_id,
        hangup_reason: record.hangup_reason,
        caller: record.caller,
        callee: record.callee,
        from_number: record.from_number,
        to_number: record.to_number,
        caller_name: record.caller_name,
        agent_name: record.agent_name,
        queue: record.queue,
        sip_trunk_id: record.sip_trunk_id,
        outbound_sip_trunk_id: record.outbound_sip_trunk_id,
        extra,
        unrated_sell: call.unrated_sell,
        unrated_buy: call.unrated_buy,
        erased: call.erased,
        stored_at: Some(timestamp(call.stored_at)),
    }
}

pub(super) fn statistics(row: StatisticsRow) -> proto::CallStatistics {
    let of = row.statistics;
    let counted = proto::CallStatistics {
        seizures: of.seizures,
        answered: of.answered,
        delivered: of.delivered,
        rung: of.rung,
        talk_time: Some(millis(of.talk_ms)),
        ring_delay: Some(micros(of.ring_delay_us)),
        asr: of.asr(),
        ner: of.ner(),
        acd_seconds: of.acd_seconds(),
        pdd_seconds: of.pdd_seconds(),
        ..Default::default()
    };
    match row.key {
        GroupKey::All => counted,
        GroupKey::Direction(of) => proto::CallStatistics {
            direction: direction(of).into(),
            ..counted
        },
        GroupKey::Trunk(pbx, trunk) => proto::CallStatistics {
            pbx_id: pbx.0,
            trunk,
            ..counted
        },
        GroupKey::Bucket(start) => proto::CallStatistics {
            bucket_start: Some(timestamp(start)),
            ..counted
        },
    }
}

fn direction(direction: Direction) -> proto::CallDirection {
    match direction {
        Direction::Inbound => proto::CallDirection::Inbound,
        Direction::Outbound => proto::CallDirection::Outbound,
        Direction::Internal => proto::CallDirection::Internal,
    }
}

fn result(result: CallResult) -> proto::CallResult {
    match result {
        CallResult::Completed => proto::CallResult::Completed,
        CallResult::Missed => proto::CallResult::Missed,
        CallResult::Failed => proto::CallResult::Failed,
    }
}

fn millis(millis: i64) -> Duration {
    let nanos = i32::try_from(millis % 1000).unwrap_or_default() * 1_000_000;
    Duration {
        seconds: millis / 1000,
        nanos,
    }
}
