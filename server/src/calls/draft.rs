//! A record as a PBX sends it: JSON by the names of RustPBX's `callrecord` push, and the rules for each of its fields.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::rejection::{Reason, Rejection};
use super::{CallKey, CallRecord, CallResult, Direction};
use crate::auth::Digest;
use crate::partitions::LATEST_REPORT;
use crate::pbxs::PbxId;

/// A record may be dated this far ahead: a PBX's clock is not the database's.
const AHEAD: TimeDelta = TimeDelta::days(1);
/// Characters of ids and most texts, of URIs, of trunks.
const MAX_TEXT: usize = 256;
const MAX_URI: usize = 512;
const MAX_TRUNK: usize = 64;
/// Bytes of all that has no column.
const MAX_EXTRA: usize = 256 << 10;

/// A record that is yet to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallDraft(Map<String, Value>);

impl CallDraft {
    /// A record of these fields.
    pub fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// Reads one from JSON.
    pub fn read(json: &[u8]) -> Result<Self, Rejection> {
        match serde_json::from_slice(json) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Rejection::new(
                Reason::NotAnObject,
                "",
                "a record is a JSON object",
            )),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let description = format!("is no JSON from line {line}, column {column} on");
                Err(Rejection::new(Reason::NotJson, "", description))
            }
        }
    }

    /// The same for one and the same record, in whatever order and layout its fields come: the map is ordered.
    pub fn digest(&self) -> Digest {
        Digest::of_bytes(&serde_json::to_vec(&self.0).unwrap_or_default())
    }

    /// The record as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// Its key, as far as it has one.
    pub fn key(&self, pbx: PbxId) -> Option<CallKey> {
        let mut fields = Fields(self.0.clone());
        Some(CallKey {
            start_time: fields.needed_time("startTime").ok()?,
            pbx,
            call_id: fields.id("callId").ok()?,
        })
    }

    /// The record, if it can be stored by the database's clock.
    pub fn check(self, pbx: PbxId, now: DateTime<Utc>) -> Result<CallRecord, Rejection> {
        let mut fields = Fields(self.0);
        let call_id = fields.id("callId")?;
        let start_time = fields.needed_time("startTime")?;
        check_age(start_time, now)?;
        let end_time = fields.needed_time("endTime")?;
        let ring_time = fields.time("ringTime")?;
        let answer_time = fields.time("answerTime")?;
        check_order(start_time, ring_time, answer_time, end_time)?;
        let session_id = fields.text("sessionId", MAX_TEXT)?;
        let status_code = fields.status_code()?;
        let hangup_reason = fields.text("hangupReason", MAX_TEXT)?;
        let record = CallRecord {
            session_id: if session_id.is_empty() {
                call_id.clone()
            } else {
                session_id
            },
            key: CallKey {
                start_time,
                pbx,
                call_id,
            },
            ring_time,
            answer_time,
            end_time,
            direction: fields.direction()?,
            result: CallResult::of(answer_time.is_some(), status_code, &hangup_reason),
            status_code,
            hangup_reason,
            caller: fields.text("caller", MAX_URI)?,
            callee: fields.text("callee", MAX_URI)?,
            from_number: fields.text("fromNumber", MAX_TEXT)?,
            to_number: fields.text("toNumber", MAX_TEXT)?,
            caller_name: fields.text("callerName", MAX_TEXT)?,
            agent_name: fields.text("agentName", MAX_TEXT)?,
            queue: fields.text("queue", MAX_TEXT)?,
            sip_trunk_id: fields.trunk("sipTrunkId")?,
            outbound_sip_trunk_id: fields.trunk("outboundSipTrunkId")?,
            extra: fields.extra()?,
        };
        Ok(record)
    }
}

fn check_age(start: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Rejection> {
    let reject = |reason, description| Err(Rejection::new(reason, "startTime", description));
    if start < now - LATEST_REPORT {
        reject(Reason::TooOld, "began more than 7 days ago")
    } else if start > now + AHEAD {
        reject(Reason::TooNew, "begins more than 24 hours from now")
    } else {
        Ok(())
    }
}

fn check_order(
    start: DateTime<Utc>,
    ring: Option<DateTime<Utc>>,
    answer: Option<DateTime<Utc>>,
    end: DateTime<Utc>,
) -> Result<(), Rejection> {
    let reject = |reason, field, description| Err(Rejection::new(reason, field, description));
    if end < start {
        reject(Reason::EndBeforeStart, "endTime", "is before startTime")
    } else if answer.is_some_and(|answer| answer < start) {
        reject(
            Reason::AnswerBeforeStart,
            "answerTime",
            "is before startTime",
        )
    } else if answer.is_some_and(|answer| answer > end) {
        reject(Reason::AnswerAfterEnd, "answerTime", "is after endTime")
    } else if ring.is_some_and(|ring| ring < start || ring > end) {
        let description = "is not between startTime and endTime";
        reject(Reason::RingOutside, "ringTime", description)
    } else {
        Ok(())
    }
}

/// The fields that nobody has taken yet. A null is as good as none.
struct Fields(Map<String, Value>);

impl Fields {
    fn take(&mut self, field: &str) -> Option<Value> {
        self.0.remove(field).filter(|value| !value.is_null())
    }

    fn text(&mut self, field: &str, max_chars: usize) -> Result<String, Rejection> {
        match self.take(field) {
            None => Ok(String::new()),
            Some(Value::String(text)) => checked_text(field, text, max_chars),
            Some(_) => Err(invalid(field, "must be a text")),
        }
    }

    fn id(&mut self, field: &str) -> Result<String, Rejection> {
        let id = self.text(field, MAX_TEXT)?;
        if id.is_empty() {
            return Err(missing(field));
        }
        Ok(id)
    }

    /// A number or a word.
    fn trunk(&mut self, field: &str) -> Result<String, Rejection> {
        match self.take(field) {
            Some(Value::Number(number)) if number.is_i64() || number.is_u64() => {
                Ok(number.to_string())
            }
            Some(Value::String(text)) => checked_text(field, text, MAX_TRUNK),
            None => Ok(String::new()),
            Some(_) => Err(invalid(field, "must be a whole number or a text")),
        }
    }

    /// Cut to microseconds, as PostgreSQL keeps times.
    fn time(&mut self, field: &str) -> Result<Option<DateTime<Utc>>, Rejection> {
        let text = self.text(field, MAX_TEXT)?;
        if text.is_empty() {
            return Ok(None);
        }
        let description = "must be a time as in RFC 3339: 2026-11-28T10:00:00.123Z";
        let time = DateTime::parse_from_rfc3339(&text).map_err(|_| invalid(field, description))?;
        Ok(Some(time.with_timezone(&Utc).trunc_subsecs(6)))
    }

    fn needed_time(&mut self, field: &str) -> Result<DateTime<Utc>, Rejection> {
        self.time(field)?.ok_or_else(|| missing(field))
    }

    fn status_code(&mut self) -> Result<u16, Rejection> {
        let field = "statusCode";
        let code = match self.take(field) {
            None => return Ok(0),
            Some(code) => code.as_u64(),
        };
        code.and_then(|code| u16::try_from(code).ok())
            .filter(|code| *code <= 999)
            .ok_or_else(|| invalid(field, "must be a whole number from 0 to 999"))
    }

    fn direction(&mut self) -> Result<Direction, Rejection> {
        let field = "direction";
        let name = self.text(field, MAX_TEXT)?;
        if name.is_empty() {
            return Err(missing(field));
        }
        let description = "must be inbound, outbound or internal";
        Direction::from_name(&name).ok_or_else(|| invalid(field, description))
    }

    /// What is left, but for nulls.
    fn extra(self) -> Result<Map<String, Value>, Rejection> {
        let extra: Map<_, _> = self
            .0
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect();
        if let Some(field) = extra
            .iter()
            .find(|(name, value)| name.contains('\0') || has_nul(value))
        {
            let name = field.0.replace('\0', "");
            return Err(invalid(&name, "must have no NUL character"));
        }
        let size = serde_json::to_vec(&extra).map_or(usize::MAX, |bytes| bytes.len());
        if size > MAX_EXTRA {
            let description = "all fields that are not known are more than 256 KiB";
            return Err(Rejection::new(Reason::FieldTooLong, "", description));
        }
        Ok(extra)
    }
}

/// PostgreSQL takes no NUL in texts nor in JSON.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn checked_text(field: &str, text: String, max_chars: usize) -> Result<String, Rejection> {
    if text.chars().any(char::is_control) {
        Err(invalid(field, "must have no control characters"))
    } else if text.chars().count() > max_chars {
        let description = format!("must be up to {max_chars} characters");
        Err(Rejection::new(Reason::FieldTooLong, field, description))
    } else {
        Ok(text)
    }
}

fn missing(field: &str) -> Rejection {
    Rejection::new(Reason::FieldMissing, field, "is needed")
}

fn invalid(field: &str, description: &str) -> Rejection {
    // Names that a sender made up are told only as far as they are short.
    let field: String = field.chars().take(MAX_FIELD).collect();
    Rejection::new(Reason::FieldInvalid, &field, description)
}

/// Characters of the name of a field that are told.
const MAX_FIELD: usize = 100;

#[cfg(test)]
mod tests;
