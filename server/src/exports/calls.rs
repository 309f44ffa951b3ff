//! Records of calls as they are exported: in the order in which they were stored.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{ExportDays, Field, Line, opaque, understood};
use crate::calls::{CallKey, KeptCall};
use crate::pbxs::PbxId;

/// After which record an export goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCursor {
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
    /// What it is known by.
    pub key: CallKey,
}

/// Tells cursors of different exports apart.
const KIND: &str = "calls";

impl CallCursor {
    /// Before all that was stored at the moment or later.
    pub fn at(stored_at: DateTime<Utc>) -> Self {
        let key = CallKey {
            start_time: DateTime::UNIX_EPOCH,
            pbx: PbxId(0),
            call_id: String::new(),
        };
        Self { stored_at, key }
    }

    /// As callers see it.
    pub fn opaque(&self) -> String {
        opaque(&(
            KIND,
            self.stored_at.timestamp_micros(),
            self.key.start_time.timestamp_micros(),
            self.key.pbx.0,
            &self.key.call_id,
        ))
    }

    /// The cursor that a caller has, if it is one of an export of these days.
    pub fn understood(text: &str, days: ExportDays) -> Option<Self> {
        let (kind, stored, start, pbx, call_id): (String, _, _, _, String) = understood(text)?;
        let cursor = Self {
            stored_at: DateTime::from_timestamp_micros(stored)?,
            key: CallKey {
                start_time: DateTime::from_timestamp_micros(start)?,
                pbx: PbxId(pbx),
                call_id,
            },
        };
        // PostgreSQL takes no NUL.
        let good = kind == KIND
            && (days.start()..days.end()).contains(&cursor.stored_at)
            && cursor.key.start_time >= DateTime::UNIX_EPOCH
            && !cursor.key.call_id.contains('\0');
        good.then_some(cursor)
    }
}

fn time(moment: DateTime<Utc>) -> Field {
    Field::Text(moment.to_rfc3339_opts(SecondsFormat::Micros, true))
}

impl Line for KeptCall {
    // Nothing that changes after a record was stored, but for what erasing removes.
    const COLUMNS: &'static [&'static str] = &[
        "stored_at",
        "start_time",
        "pbx_id",
        "root",
        "ring_time",
        "answer_time",
        "end_time",
        "duration_ms",
        "talk_ms",
        "direction",
        "result",
        "status_code",
        "call_id",
        "session_id",
        "hangup_reason",
        "caller",
        "callee",
        "from_number",
        "to_number",
        "caller_name",
        "agent_name",
        "queue",
        "sip_trunk_id",
        "outbound_sip_trunk_id",
        "extra",
        "erased",
    ];

    fn fields(self) -> Vec<Field> {
        let Self {
            record,
            erased,
            stored_at,
            ..
        } = self;
        let moment = |at: Option<DateTime<Utc>>| at.map_or(Field::Absent, time);
        vec![
            time(stored_at),
            time(record.key.start_time),
            Field::Number(record.key.pbx.0.into()),
            Field::Flag(record.is_root()),
            moment(record.ring_time),
            moment(record.answer_time),
            time(record.end_time),
            Field::Number(record.duration_ms()),
            Field::Number(record.talk_ms()),
            Field::Text(record.direction.as_str().to_owned()),
            Field::Text(record.result.as_str().to_owned()),
            Field::Number(record.status_code.into()),
            Field::Text(record.key.call_id),
            Field::Text(record.session_id),
            Field::Text(record.hangup_reason),
            Field::Text(record.caller),
            Field::Text(record.callee),
            Field::Text(record.from_number),
            Field::Text(record.to_number),
            Field::Text(record.caller_name),
            Field::Text(record.agent_name),
            Field::Text(record.queue),
            Field::Text(record.sip_trunk_id),
            Field::Text(record.outbound_sip_trunk_id),
            Field::Object(record.extra),
            Field::Flag(erased),
        ]
    }

    fn cursor(&self) -> String {
        let cursor = CallCursor {
            stored_at: self.stored_at,
            key: self.record.key.clone(),
        };
        cursor.opaque()
    }
}
