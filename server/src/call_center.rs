//! The vocabulary of the call centre: its queues, and what a call through one of them was like.
//!
//! Values only. Nothing here knows SQL or gRPC.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;

use crate::calls::CallRecord;

/// A caller who gives up sooner than this has not waited for anybody.
pub const SHORT_ABANDON: Duration = Duration::from_secs(5);
/// The service level is that of the calls that ended so lately.
pub const WINDOW: Duration = Duration::from_mins(30);

/// What is asked of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueRules {
    /// A call is answered in time when it waited no longer; whole seconds.
    pub sla: Duration,
    /// The share of calls that should be answered in time, in per cent; 1 to 100.
    pub target_percent: u32,
    /// Whether callers who gave up within [`SHORT_ABANDON`] are left out.
    pub exclude_short_abandons: bool,
}

/// The queues of the call centre, by the name that PBXs give them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallCenter(pub BTreeMap<String, QueueRules>);

/// A call that was offered to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// It was answered in time.
    pub in_sla: bool,
}

impl CallCenter {
    /// What a record says of the queue it names; `None` when that is none of these, or the record does not count: that of
    /// a leg, whose root has it, or of a caller who gave up at once where such are left out.
    ///
    /// A call waits from when it rang, or from its start when it did not.
    pub fn offered<'a>(&self, record: &'a CallRecord) -> Option<(&'a str, Offered)> {
        let rules = self.0.get(&record.queue).filter(|_| record.is_root())?;
        let since = record.ring_time.unwrap_or(record.key.start_time);
        let within = |waited: TimeDelta, limit: Duration| {
            TimeDelta::from_std(limit).is_ok_and(|limit| waited <= limit)
        };
        let in_sla = match record.answer_time {
            Some(answered) => within(answered - since, rules.sla),
            None if rules.exclude_short_abandons && record.end_time - since < short_abandon() => {
                return None;
            }
            None => false,
        };
        Some((&record.queue, Offered { in_sla }))
    }
}

fn short_abandon() -> TimeDelta {
    TimeDelta::from_std(SHORT_ABANDON).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::calls::{CallKey, CallResult, Direction};
    use crate::pbxs::PbxId;

    fn center(exclude_short_abandons: bool) -> CallCenter {
        let rules = QueueRules {
            sla: Duration::from_secs(20),
            target_percent: 80,
            exclude_short_abandons,
        };
        CallCenter([("support".to_owned(), rules)].into())
    }

    /// In milliseconds after the start.
    fn record(queue: &str, rang: Option<i64>, answered: Option<i64>, ended: i64) -> CallRecord {
        let start = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let at = |ms: i64| start + TimeDelta::milliseconds(ms);
        CallRecord {
            key: CallKey {
                start_time: start,
                pbx: PbxId(1),
                call_id: "a".to_owned(),
            },
            session_id: "a".to_owned(),
            ring_time: rang.map(at),
            answer_time: answered.map(at),
            end_time: at(ended),
            direction: Direction::Inbound,
            result: CallResult::of(answered.is_some(), 487, "abandoned"),
            status_code: 0,
            hangup_reason: String::new(),
            caller: String::new(),
            callee: String::new(),
            from_number: String::new(),
            to_number: String::new(),
            caller_name: String::new(),
            agent_name: String::new(),
            queue: queue.to_owned(),
            sip_trunk_id: String::new(),
            outbound_sip_trunk_id: String::new(),
            extra: serde_json::Map::new(),
        }
    }

    #[test]
    fn a_call_waits_from_its_ringing_and_is_in_time_up_to_the_limit() {
        for (rang, answered, ended, in_sla) in [
            (None, Some(20_000), 60_000, true),
            (None, Some(20_001), 60_000, false),
            (Some(10_000), Some(30_000), 60_000, true),
            (Some(10_000), Some(30_001), 60_000, false),
            (None, None, 60_000, false),
            (None, None, 4_999, false),
        ] {
            let record = record("support", rang, answered, ended);
            let found = center(false).offered(&record);
            assert_eq!(
                found,
                Some(("support", Offered { in_sla })),
                "{rang:?} {answered:?}"
            );
        }
    }

    #[test]
    fn who_gives_up_at_once_is_left_out_on_request() {
        for (rang, answered, ended, counts) in [
            (None, None, 4_999, false),
            (None, None, 5_000, true),
            (Some(10_000), None, 14_999, false),
            (Some(10_000), None, 15_000, true),
            // Whoever was answered has not given up.
            (None, Some(1_000), 2_000, true),
        ] {
            let record = record("support", rang, answered, ended);
            let found = center(true).offered(&record);
            assert_eq!(found.is_some(), counts, "{rang:?} {ended}");
        }
    }

    #[test]
    fn legs_and_other_queues_do_not_count() {
        let mut leg = record("support", None, Some(1_000), 2_000);
        leg.session_id = "root".to_owned();
        assert_eq!(center(false).offered(&leg), None);
        for queue in ["", "sales"] {
            let record = record(queue, None, Some(1_000), 2_000);
            assert_eq!(center(false).offered(&record), None);
        }
    }
}
