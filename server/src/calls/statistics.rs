//! How calls went: counts and sums, and the ratios that are made of them.
//!
//! Counted are roots on a trunk; internal calls are on no trunk's account.

use chrono::{DateTime, Utc};

use super::Direction;
use crate::pbxs::PbxId;
use crate::usage::Buckets;
use crate::users::TimeZone;

/// What calls are put together by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// All in one.
    None,
    /// Direction.
    Direction,
    /// The trunk that a call came in by, where it did.
    TrunkIn,
    /// The trunk that a call went out by, where it did.
    TrunkOut,
    /// The hour in which a call began, by these clocks.
    Hour(TimeZone),
    /// The day in which a call began, by these clocks.
    Day(TimeZone),
}

impl Grouping {
    /// When the hours or days from `start` to before `end` begin, the oldest first; of other groupings `start` alone.
    pub fn buckets(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        match self {
            Self::None | Self::Direction | Self::TrunkIn | Self::TrunkOut => vec![start],
            Self::Hour(zone) => Buckets::hours_between(start, end, zone.rules()),
            Self::Day(zone) => Buckets::days_between(start, end, zone.rules()),
        }
    }
}

/// What the calls of a row have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupKey {
    /// That they were counted.
    All,
    /// Their direction.
    Direction(Direction),
    /// A trunk, which is one of a PBX.
    Trunk(PbxId, String),
    /// The hour or the day that begins here.
    Bucket(DateTime<Utc>),
}

/// How calls went. Sums are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Calls.
    pub seizures: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those that the network brought to where they were meant to go: answered, busy (486, 600), rung in vain (480, 408,
    /// 487 after ringing), declined (603, 607). The mapping follows RFC 6076, 4.7 (SEER).
    pub delivered: u64,
    /// Those that rang.
    pub rung: u64,
    /// From the answer to the end, over all that were answered; milliseconds.
    pub talk_ms: i64,
    /// From the start to the ringing, over all that rang; microseconds.
    pub ring_delay_us: i64,
}

impl Statistics {
    /// Answer-seizure ratio (ITU-T E.411): answered / seizures; none without calls.
    pub fn asr(&self) -> Option<f64> {
        ratio(self.answered, self.seizures)
    }

    /// Network effectiveness ratio (ITU-T E.425): delivered / seizures; none without calls.
    pub fn ner(&self) -> Option<f64> {
        ratio(self.delivered, self.seizures)
    }

    /// Average call duration in seconds: talk / answered; none when nothing was answered.
    pub fn acd_seconds(&self) -> Option<f64> {
        ratio(self.talk_ms.unsigned_abs(), self.answered).map(|ms| ms / 1e3)
    }

    /// Post-dial delay in seconds, the average: from the start to the ringing / rung; none when nothing rang.
    pub fn pdd_seconds(&self) -> Option<f64> {
        ratio(self.ring_delay_us.unsigned_abs(), self.rung).map(|us| us / 1e6)
    }
}

/// A quotient, unless there is nothing to divide by.
#[allow(
    clippy::cast_precision_loss,
    reason = "of a ratio, fifteen digits are enough"
)]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Statistics of calls that have a key in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatisticsRow {
    /// What they have in common.
    pub key: GroupKey,
    /// How they went.
    pub statistics: Statistics,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_calls_there_is_no_ratio() {
        let none = Statistics::default();
        let ratios = [
            none.asr(),
            none.ner(),
            none.acd_seconds(),
            none.pdd_seconds(),
        ];
        assert_eq!(ratios, [None; 4]);
        // Calls that nobody answered and that did not ring have a rate of answers, and nothing to average.
        let vain = Statistics {
            seizures: 3,
            ..none
        };
        let ratios = [
            vain.asr(),
            vain.ner(),
            vain.acd_seconds(),
            vain.pdd_seconds(),
        ];
        assert_eq!(ratios, [Some(0.0), Some(0.0), None, None]);
    }

    #[test]
    fn ratios_are_those_of_the_definitions() {
        let calls = Statistics {
            seizures: 8,
            answered: 3,
            delivered: 6,
            rung: 4,
            talk_ms: 90_300,
            ring_delay_us: 5_000_000,
        };
        assert_eq!(calls.asr(), Some(0.375));
        assert_eq!(calls.ner(), Some(0.75));
        assert_eq!(calls.acd_seconds(), Some(30.1));
        assert_eq!(calls.pdd_seconds(), Some(1.25));
    }
}
