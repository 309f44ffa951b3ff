//! Checks what PBXs send as far as the message alone can tell. A record becomes what the HTTP route would have read, so
//! that both know a repetition of the other.

use std::collections::BTreeSet;
use std::time::Duration;

use prost_types::value::Kind;
use prost_types::{Struct, Timestamp};
use serde_json::{Map, Number, Value};
use telecom_proto::v1 as proto;
use telecom_proto::v1::{CallRecordPush, IngestCallRecordsRequest, ReportPbxStateRequest};

use crate::calls::{CallDraft, Direction};
use crate::domain::{Incoming, ReceivePbxReport};
use crate::pbxs::{PbxId, PbxReport, QueueState};
use crate::rpc::convert::{span, time};
use crate::rpc::status::Refusal;
use crate::violation::Violations;

/// Most records of one request, most queues of one report.
const MAX_RECORDS: usize = 1000;
const MAX_QUEUES: usize = 1000;
const MAX_ACTIVE_CALLS: u32 = 10_000_000;
/// How long a report holds when the PBX does not say, and at most.
const DEFAULT_TTL: Duration = Duration::from_secs(30);
const MAX_TTL: Duration = Duration::from_hours(1);

pub(super) fn records(
    pbx: PbxId,
    request: IngestCallRecordsRequest,
) -> Result<Vec<Incoming>, Refusal> {
    if !(1..=MAX_RECORDS).contains(&request.records.len()) {
        return Err(Refusal::field("records", "must be 1 to 1000"));
    }
    let records = request.records.into_iter().map(|record| {
        let draft = draft(record);
        Incoming {
            pbx,
            body: draft.to_json(),
            draft: Ok(draft),
        }
    });
    Ok(records.collect())
}

fn draft(record: CallRecordPush) -> CallDraft {
    let mut fields = record.extra.map(object).unwrap_or_default();
    let direction = match proto::CallDirection::try_from(record.direction) {
        Ok(proto::CallDirection::Inbound) => Direction::Inbound.as_str(),
        Ok(proto::CallDirection::Outbound) => Direction::Outbound.as_str(),
        Ok(proto::CallDirection::Internal) => Direction::Internal.as_str(),
        Ok(proto::CallDirection::Unspecified) | Err(_) => "",
    };
    for (name, text) in [
        ("callId", record.call_id),
        ("sessionId", record.session_id),
        ("startTime", rfc3339(record.start_time)),
        ("ringTime", rfc3339(record.ring_time)),
        ("answerTime", rfc3339(record.answer_time)),
        ("endTime", rfc3339(record.end_time)),
        ("caller", record.caller),
        ("callee", record.callee),
        ("hangupReason", record.hangup_reason),
        ("direction", direction.to_owned()),
        ("fromNumber", record.from_number),
        ("toNumber", record.to_number),
        ("callerName", record.caller_name),
        ("agentName", record.agent_name),
        ("queue", record.queue),
        ("sipTrunkId", record.sip_trunk_id),
        ("outboundSipTrunkId", record.outbound_sip_trunk_id),
    ] {
        if text.is_empty() {
            fields.remove(name);
        } else {
            fields.insert(name.to_owned(), Value::String(text));
        }
    }
    fields.insert("statusCode".to_owned(), record.status_code.into());
    CallDraft::new(fields)
}

/// A time that there is not becomes a text that is none, and is told as such with its field.
fn rfc3339(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| {
        time(at).map_or_else(|| "no time".to_owned(), |time| time.to_rfc3339())
    })
}

fn object(fields: Struct) -> Map<String, Value> {
    let fields = fields.fields.into_iter();
    fields.map(|(name, field)| (name, value(field))).collect()
}

/// How deep the gRPC library decodes is limited, so this is too.
fn value(value: prost_types::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::NumberValue(number)) => number_value(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::StructValue(fields)) => Value::Object(object(fields)),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(self::value).collect(),
    }
}

/// A whole number stays one, as JSON would have it.
fn number_value(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        #[allow(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

pub(super) fn report(request: ReportPbxStateRequest) -> Result<ReceivePbxReport, Refusal> {
    let mut violations = Violations::default();
    violations.require(
        request.active_calls <= MAX_ACTIVE_CALLS,
        "active_calls",
        "must be at most 10 000 000",
    );
    violations.text("version", &request.version, 100);
    violations.require(
        request.queues.len() <= MAX_QUEUES,
        "queues",
        "must be up to 1000",
    );
    let mut names = BTreeSet::new();
    for (place, queue) in request.queues.iter().take(MAX_QUEUES).enumerate() {
        let (field, name) = (format!("queues[{place}].queue"), &queue.queue);
        violations.require(!name.is_empty(), &field, "must be the name of a queue");
        violations.text(&field, name, 256);
        violations.require(names.insert(name), &field, "must be there once");
        for (part, count) in [
            ("length", queue.length),
            ("agents_available", queue.agents_available),
        ] {
            let field = format!("queues[{place}].{part}");
            violations.require(
                count <= MAX_ACTIVE_CALLS,
                &field,
                "must be at most 10 000 000",
            );
        }
    }
    let ttl = request.ttl.map_or(Some(DEFAULT_TTL), |ttl| {
        span(ttl).filter(|ttl| (Duration::from_secs(1)..=MAX_TTL).contains(ttl))
    });
    violations.require(ttl.is_some(), "ttl", "must be between 1 second and 1 hour");
    let queues = request.queues.into_iter().map(|queue| QueueState {
        queue: queue.queue,
        length: queue.length,
        agents_available: queue.agents_available,
    });
    let report = ttl.map(|ttl| PbxReport {
        active_calls: request.active_calls,
        queues: queues.collect(),
        version: request.version,
        ttl,
    });
    let report = violations.into_checked(report).map_err(Refusal::Invalid)?;
    Ok(ReceivePbxReport(report))
}
