//! Calls as they are kept, and which of them are looked for.

use chrono::{DateTime, TimeDelta, Utc};

use super::{CallKey, CallRecord, CallResult, Direction, mask};
use crate::pbxs::PbxId;
use crate::violation::{Violation, Violations};

/// Longest period that can be asked for.
const MAX_PERIOD: TimeDelta = TimeDelta::days(92);
/// The period when the caller names no beginning.
const LATELY: TimeDelta = TimeDelta::days(1);

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCall {
    /// What the PBX said.
    pub record: CallRecord,
    /// Whether it came in by a trunk whose side has no charge.
    pub unrated_sell: bool,
    /// Whether it went out by a trunk whose side has no charge.
    pub unrated_buy: bool,
    /// Whether numbers were erased from it.
    pub erased: bool,
    /// When it was stored, by the database's clock.
    pub stored_at: DateTime<Utc>,
}

impl KeptCall {
    /// The same for those who may not see numbers: what else the PBX said can hold any, so it is left out.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let record = &mut self.record;
        for uri in [&mut record.caller, &mut record.callee] {
            *uri = mask::uri(uri);
        }
        for number in [&mut record.from_number, &mut record.to_number] {
            *number = mask::number(number);
        }
        record.caller_name = mask::name(&record.caller_name);
        record.extra.clear();
        self
    }
}

/// When calls began: from a moment to before another, at most 92 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallPeriod {
    /// The first moment.
    pub start: DateTime<Utc>,
    /// The first moment after it.
    pub end: DateTime<Utc>,
}

/// A period as a caller says it; what is left out depends on the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodDraft {
    /// `None`: a day before the end.
    pub start: Option<DateTime<Utc>>,
    /// `None`: now.
    pub end: Option<DateTime<Utc>>,
}

impl PeriodDraft {
    /// The period at `now`.
    pub fn check(self, now: DateTime<Utc>) -> Result<CallPeriod, Vec<Violation>> {
        let end = self.end.unwrap_or(now);
        let start = self.start.unwrap_or(end - LATELY);
        let mut violations = Violations::default();
        violations.require(end > start, "end", "must be after start");
        violations.require(
            end - start <= MAX_PERIOD,
            "end",
            "must be at most 92 days after start",
        );
        violations.into_result(CallPeriod { start, end })
    }
}

/// Which records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Only those of this PBX.
    pub pbx: Option<PbxId>,
    /// Only those of this direction.
    pub direction: Option<Direction>,
    /// Only those with this result.
    pub result: Option<CallResult>,
    /// Only those of this queue.
    pub queue: Option<String>,
    /// Only those that came in or went out by this trunk.
    pub trunk: Option<String>,
    /// Only those from or to this number.
    pub number: Option<String>,
    /// Only those of this session.
    pub session_id: Option<String>,
    /// Legs too.
    pub with_legs: bool,
}

/// A page of records.
#[derive(Debug, Clone)]
pub struct CallPage {
    /// The latest start first.
    pub calls: Vec<KeptCall>,
    /// After which record the next page begins; none when this was the last one.
    pub next: Option<CallKey>,
    /// When the calls began that were looked for.
    pub period: CallPeriod,
    /// Whether numbers and names are masked.
    pub masked: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_is_the_last_day_unless_it_is_said() {
        let now = at("2026-11-28T12:00:00Z");
        // (start, end, what comes of it)
        for (start, end, expected) in [
            (
                None,
                None,
                Some(("2026-11-27T12:00:00Z", "2026-11-28T12:00:00Z")),
            ),
            (
                Some("2026-11-28T11:00:00Z"),
                None,
                Some(("2026-11-28T11:00:00Z", "2026-11-28T12:00:00Z")),
            ),
            (
                None,
                Some("2026-03-02T00:00:00Z"),
                Some(("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")),
            ),
            (
                Some("2026-01-01T00:00:00Z"),
                Some("2026-04-03T00:00:00Z"),
                Some(("2026-01-01T00:00:00Z", "2026-04-03T00:00:00Z")),
            ),
            (
                Some("2026-01-01T00:00:00Z"),
                Some("2026-04-03T00:00:00.000001Z"),
                None,
            ),
            (Some("2026-11-28T12:00:00Z"), None, None),
            (Some("2026-08-01T00:00:00Z"), None, None),
        ] {
            let draft = PeriodDraft {
                start: start.map(at),
                end: end.map(at),
            };
            let period = draft.check(now).ok();
            let expected = expected.map(|(start, end)| CallPeriod {
                start: at(start),
                end: at(end),
            });
            assert_eq!(period, expected, "{start:?} {end:?}");
        }
    }
}
