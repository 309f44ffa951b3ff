//! What rating needs to know of a call.

use chrono::{DateTime, Utc};

use super::TrunkRole;
use crate::calls::CallRecord;
use crate::pbxs::PbxId;

/// A call, as far as rating needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallFacts<'a> {
    /// The PBX.
    pub pbx: PbxId,
    /// When it began.
    pub start_time: DateTime<Utc>,
    /// When it was answered.
    pub answer_time: Option<DateTime<Utc>>,
    /// Milliseconds from the answer to the end.
    pub talk_ms: i64,
    /// The number that was called.
    pub to_number: &'a str,
    /// Who was called: a URI.
    pub callee: &'a str,
    /// The trunk that it came in by; empty: none.
    pub sip_trunk_id: &'a str,
    /// The trunk that it went out by; empty: none.
    pub outbound_sip_trunk_id: &'a str,
}

impl<'a> CallFacts<'a> {
    /// The trunks of both sides, those that are sold first; empty where there is none.
    pub fn trunks(&self) -> [(TrunkRole, &'a str); 2] {
        [
            (TrunkRole::Customer, self.sip_trunk_id),
            (TrunkRole::Carrier, self.outbound_sip_trunk_id),
        ]
    }

    /// The moment whose rates count: of the answer.
    pub fn rated_at(&self) -> DateTime<Utc> {
        self.answer_time.unwrap_or(self.start_time)
    }

    /// Milliseconds of talk; `None` when nobody answered.
    pub fn answered_ms(&self) -> Option<i64> {
        self.answer_time.map(|_| self.talk_ms)
    }
}

impl<'a> From<&'a CallRecord> for CallFacts<'a> {
    fn from(record: &'a CallRecord) -> Self {
        Self {
            pbx: record.key.pbx,
            start_time: record.key.start_time,
            answer_time: record.answer_time,
            talk_ms: record.talk_ms(),
            to_number: &record.to_number,
            callee: &record.callee,
            sip_trunk_id: &record.sip_trunk_id,
            outbound_sip_trunk_id: &record.outbound_sip_trunk_id,
        }
    }
}
