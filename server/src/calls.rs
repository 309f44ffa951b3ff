//! The vocabulary of calls: records of them as PBXs push them, checked.
//!
//! Values only; a value that exists is valid. Nothing here knows SQL or gRPC.

mod draft;
mod history;
pub mod mask;
mod record_result;
mod rejection;
mod statistics;

use chrono::{DateTime, Utc};

use crate::pbxs::PbxId;

pub use draft::CallDraft;
pub use history::{CallFilter, CallPage, CallPeriod, KeptCall, PeriodDraft};
pub use rejection::{Outcome, Reason, Rejected, Rejection};
pub use statistics::{GroupKey, Grouping, Statistics, StatisticsRow};

/// What a record is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey {
    /// When the call, or the leg, began; whole microseconds, as PostgreSQL keeps them.
    pub start_time: DateTime<Utc>,
    /// The PBX that it was recorded by.
    pub pbx: PbxId,
    /// The PBX's own name for it: the Call-ID of RFC 3261, 1 to 256 characters.
    pub call_id: String,
}

/// Which way a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From outside.
    Inbound,
    /// To outside.
    Outbound,
    /// Between two who are both at the PBX.
    Internal,
}

impl Direction {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Inbound, Self::Outbound, Self::Internal];

    /// The name in SQL, JSON, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Internal => "internal",
        }
    }

    /// The direction of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallResult {
    /// It was answered.
    Completed,
    /// Nobody answered: busy, declined, given up, or it rang in vain.
    Missed,
    /// It did not get that far.
    Failed,
}

impl CallResult {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Completed, Self::Missed, Self::Failed];

    /// The name in SQL, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Missed => "missed",
            Self::Failed => "failed",
        }
    }

    /// The result of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// A record of a call or of a leg of one, that can be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// What it is known by.
    pub key: CallKey,
    /// The call id of the root that it belongs to; that of the record itself when it is the root.
    pub session_id: String,
    /// When it rang first.
    pub ring_time: Option<DateTime<Utc>>,
    /// When it was answered; not before the start nor after the end.
    pub answer_time: Option<DateTime<Utc>>,
    /// When it ended; not before the start.
    pub end_time: DateTime<Utc>,
    /// Which way it went.
    pub direction: Direction,
    /// What came of it.
    pub result: CallResult,
    /// RFC 3261, 21; 0 when none was said.
    pub status_code: u16,
    /// Why it ended, in the PBX's word; may be empty, as all texts below.
    pub hangup_reason: String,
    /// Who called: a URI.
    pub caller: String,
    /// Who was called: a URI.
    pub callee: String,
    /// The caller's number.
    pub from_number: String,
    /// The number that was called.
    pub to_number: String,
    /// The caller's name.
    pub caller_name: String,
    /// Who took it in the call centre.
    pub agent_name: String,
    /// The queue of the call centre that it went through.
    pub queue: String,
    /// The trunk that it came in by: the customer's.
    pub sip_trunk_id: String,
    /// The trunk that it went out by: the carrier's.
    pub outbound_sip_trunk_id: String,
    /// What else the PBX said, by its own names.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl CallRecord {
    /// Whether it is of a call as a whole: legs of queues, transfers and consultations have another root.
    pub fn is_root(&self) -> bool {
        self.session_id == self.key.call_id
    }

    /// Whether it went over a trunk: in or out, and not between two at the PBX.
    pub fn is_on_trunk(&self) -> bool {
        let has_trunk = !self.sip_trunk_id.is_empty() || !self.outbound_sip_trunk_id.is_empty();
        has_trunk && self.direction != Direction::Internal
    }

    /// Milliseconds from the answer to the end, cut off; 0 without an answer.
    pub fn talk_ms(&self) -> i64 {
        self.answer_time
            .map_or(0, |answered| (self.end_time - answered).num_milliseconds())
    }

    /// Milliseconds from the start to the end, cut off.
    pub fn duration_ms(&self) -> i64 {
        (self.end_time - self.key.start_time).num_milliseconds()
    }
}
