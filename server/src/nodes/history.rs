//! How many node servers were doing what, hour by hour.

use chrono::{DateTime, TimeDelta, Utc};

use crate::violation::{Violation, Violations};

/// Longest period that can be asked for.
const MAX_PERIOD: TimeDelta = TimeDelta::days(92);
const HOUR: i64 = 3600;

/// A period of whole hours of UTC, not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl Period {
    /// The hours that have a part of the time from `start` to `end`; at most 92 days.
    pub fn of(start: DateTime<Utc>, end: DateTime<Utc>) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        let field = "end";
        violations.require(end > start, field, "must be after start");
        violations.require(
            end - start <= MAX_PERIOD,
            field,
            "must be at most 92 days after start",
        );
        let first = hour_of(start);
        let last = hour_of(end);
        let whole = last == end;
        violations.into_result(Self {
            start: first,
            end: if whole {
                last
            } else {
                last + TimeDelta::seconds(HOUR)
            },
        })
    }

    /// When the first hour begins.
    pub fn start(self) -> DateTime<Utc> {
        self.start
    }

    /// When the last hour ends.
    pub fn end(self) -> DateTime<Utc> {
        self.end
    }
}

/// When the hour of a moment begins, UTC.
fn hour_of(moment: DateTime<Utc>) -> DateTime<Utc> {
    let into_it = TimeDelta::seconds(moment.timestamp().rem_euclid(HOUR))
        + TimeDelta::nanoseconds(moment.timestamp_subsec_nanos().into());
    moment - into_it
}

/// How many node servers were doing what in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourStatus {
    /// When the hour begins.
    pub start: DateTime<Utc>,
    /// How many were online.
    pub online: u32,
    /// How many were offline.
    pub offline: u32,
    /// How many were in maintenance.
    pub maintenance: u32,
}

impl HourStatus {
    /// Whether nothing was recorded.
    pub fn is_missing(&self) -> bool {
        self.online == 0 && self.offline == 0 && self.maintenance == 0
    }
}

/// Each hour of the period once, the oldest first, from the hours in which something was recorded.
pub fn filled(period: Period, recorded: &[HourStatus]) -> Vec<HourStatus> {
    let mut recorded = recorded.iter().copied().peekable();
    let mut hours = Vec::new();
    let mut start = period.start;
    while start < period.end {
        while recorded.next_if(|hour| hour.start < start).is_some() {}
        let known = recorded.next_if(|hour| hour.start == start);
        hours.push(known.unwrap_or(HourStatus {
            start,
            online: 0,
            offline: 0,
            maintenance: 0,
        }));
        start += TimeDelta::seconds(HOUR);
    }
    hours
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_is_whole_hours() {
        for (start, end, expected) in [
            (
                "2026-03-01T10:00:00Z",
                "2026-03-01T11:00:00Z",
                Some(("2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z")),
            ),
            (
                "2026-03-01T10:59:59.999999999Z",
                "2026-03-01T11:00:00.000000001Z",
                Some(("2026-03-01T10:00:00Z", "2026-03-01T12:00:00Z")),
            ),
            (
                "2026-01-01T00:30:00Z",
                "2026-04-03T00:30:00Z",
                Some(("2026-01-01T00:00:00Z", "2026-04-03T01:00:00Z")),
            ),
            (
                "9999-12-31T23:30:00Z",
                "9999-12-31T23:59:59Z",
                Some(("9999-12-31T23:00:00Z", "+10000-01-01T00:00:00Z")),
            ),
            (
                "2026-01-01T00:00:00Z",
                "2026-04-03T00:00:00.000000001Z",
                None,
            ),
            ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z", None),
            ("2026-03-01T10:00:00Z", "2026-03-01T09:00:00Z", None),
            ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", None),
        ] {
            let period = Period::of(at(start), at(end)).ok();
            let expected = expected.map(|(start, end)| Period {
                start: at(start),
                end: at(end),
            });
            assert_eq!(period, expected, "{start} {end}");
        }
    }

    proptest! {
        #[test]
        fn each_hour_is_there_once_and_the_known_ones_are_kept(
            first in 0_i64..1_000_000,
            seconds in 1_i64..=92 * 86_400,
            known in proptest::collection::btree_map(-10_i64..2_300, 1_u32..9, 0..50),
        ) {
            let start = DateTime::from_timestamp(first, 0).unwrap();
            let period = Period::of(start, start + TimeDelta::seconds(seconds)).unwrap();
            let hour = |n: i64| period.start() + TimeDelta::hours(n);
            let known: Vec<_> = known.into_iter().map(|(n, online)| HourStatus {
                start: hour(n), online, offline: 0, maintenance: 1,
            }).collect();
            let hours = filled(period, &known);
            let starts: Vec<_> = (0..i64::try_from(hours.len()).unwrap()).map(hour).collect();
            prop_assert_eq!(hours.iter().map(|hour| hour.start).collect::<Vec<_>>(), starts);
            prop_assert!(hours.len() <= 92 * 24 + 1);
            prop_assert_eq!(hours.last().unwrap().start + TimeDelta::hours(1), period.end());
            let inside = |at: DateTime<Utc>| at >= period.start() && at < period.end();
            let expected: Vec<_> = known.into_iter().filter(|hour| inside(hour.start)).collect();
            let kept: Vec<_> = hours.into_iter().filter(|hour| !hour.is_missing()).collect();
            prop_assert_eq!(kept, expected);
        }
    }
}
