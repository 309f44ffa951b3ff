//! Cron expressions on the clocks of a time zone.
//!
//! Five fields as in crontab(5); a day matches when the day of the month or the day of the week does, if both
//! are restricted. Where clocks are set forward or back, times of fixed hours (`30 2 * * *`) come once on
//! each day: at the jump when it leaves them out, at the first of the two when there are two. Hours by a
//! wildcard or a step (`*/15 * * * *`, `0 */6 * * *`) come as often as clocks really show them. Kubernetes'
//! `CronJob` leaves the former out and doubles them.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

mod syntax;
#[cfg(test)]
mod tests;

pub use syntax::CronError;

/// No expression that comes at all waits longer: 29 February around 2100 does so for eight years.
const HORIZON: SignedDuration = SignedDuration::from_hours(9 * 366 * 24);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A cron expression on the clocks of a time zone.
#[derive(Debug, Clone)]
pub struct CronSchedule {
    cron: Cron,
    zone: TimeZone,
    /// Its hours are fixed: it comes once a day whatever clocks do.
    fixed: bool,
}

/// A stretch of time in which the clocks run evenly.
struct Stretch {
    /// Its first moment; `None`: the beginning of time.
    start: Option<Timestamp>,
    /// The first moment after it; `None`: the end of time.
    end: Option<Timestamp>,
    /// What the clocks show beyond UTC.
    offset: SignedDuration,
    /// How far the clocks jumped at its start: forward, or back when below zero.
    jump: SignedDuration,
}

impl CronSchedule {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is not five fields of lists of numbers, names, ranges and steps, each within its bounds, or
    /// when no date fits it.
    pub fn parse(expression: &str, zone: TimeZone) -> Result<Self, CronError> {
        syntax::check(expression)?;
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed);
        let cron = parser.build().parse(expression);
        let cron = cron.map_err(|error| CronError::Other(error.to_string()))?;
        let fixed = syntax::has_fixed_hours(expression);
        let this = Self { cron, zone, fixed };
        if this.comes() {
            Ok(this)
        } else {
            Err(CronError::NeverComes)
        }
    }

    /// The last slot that is no later than `at`, if there was one within nine years.
    pub fn latest(&self, at: Timestamp) -> Option<Timestamp> {
        let at = whole(at);
        let mut upto = at;
        while at.duration_since(upto) < HORIZON {
            let stretch = self.stretch(upto)?;
            let clock = civil(upto, stretch.offset)?;
            let found = self.cron.find_previous_occurrence(&clock, true).ok();
            let slot = found.and_then(|clock| instant(clock, stretch.offset));
            if let Some(slot) = slot.filter(|slot| *slot >= self.first(&stretch)) {
                return Some(slot);
            }
            let start = stretch.start?;
            if self.comes_in_gap(&stretch, start) {
                return Some(start);
            }
            upto = start.checked_sub(SECOND).ok()?;
        }
        None
    }

    /// The first slot that is later than `after`, if there is one within nine years.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = whole(after);
        let mut from = after.checked_add(SECOND).ok()?;
        while from.duration_since(after) < HORIZON {
            let stretch = self.stretch(from)?;
            if stretch.start == Some(from) && self.comes_in_gap(&stretch, from) {
                return Some(from);
            }
            let from_clock = civil(from.max(self.first(&stretch)), stretch.offset)?;
            let found = self.cron.find_next_occurrence(&from_clock, true).ok()?;
            let slot = instant(found, stretch.offset)?;
            match stretch.end {
                Some(end) if slot >= end => from = end,
                _ => return Some(slot),
            }
        }
        None
    }

    /// Whether any date fits.
    fn comes(&self) -> bool {
        let pattern = &self.cron.pattern;
        let days = pattern.days.values();
        let longest = |month: u16| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        !pattern.is_dow_wildcard()
            || pattern.months.values().into_iter().any(|month| {
                days.iter()
                    .min()
                    .is_some_and(|first| *first <= longest(month))
            })
    }

    /// The stretch that holds a moment.
    fn stretch(&self, at: Timestamp) -> Option<Stretch> {
        let offset = |at| {
            let seconds = self.zone.to_offset(at).seconds();
            SignedDuration::from_secs(i64::from(seconds))
        };
        let here = offset(at);
        // Changes that leave the clocks alone, such as of a zone's short name, are none.
        let mut start = None;
        let mut before = here;
        for change in self.zone.preceding(at.checked_add(SECOND).ok()?) {
            before = offset(change.timestamp().checked_sub(SECOND).ok()?);
            if before != here {
                start = Some(change.timestamp());
                break;
            }
        }
        let later = self.zone.following(at).map(|change| change.timestamp());
        let limit = at.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
        let end = later
            .take_while(|at| *at <= limit)
            .find(|at| offset(*at) != here);
        Some(Stretch {
            start,
            end,
            offset: here,
            jump: here - before,
        })
    }

    /// The first moment of a stretch at which fixed hours may come: after the repeated ones.
    fn first(&self, stretch: &Stretch) -> Timestamp {
        let start = stretch.start.unwrap_or(Timestamp::MIN);
        if self.fixed && stretch.jump.is_negative() {
            start.checked_sub(stretch.jump).unwrap_or(Timestamp::MAX)
        } else {
            start
        }
    }

    /// Whether fixed hours lie in the gap at the start of a stretch.
    fn comes_in_gap(&self, stretch: &Stretch, start: Timestamp) -> bool {
        if !self.fixed || !stretch.jump.is_positive() {
            return false;
        }
        let gap = civil(start, stretch.offset - stretch.jump);
        gap.zip(civil(start, stretch.offset))
            .is_some_and(|(gap, over)| {
                let found = self.cron.find_next_occurrence(&gap, true);
                found.is_ok_and(|clock| clock < over)
            })
    }
}

/// Slots are whole seconds.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(
        at.as_nanosecond()
            .div_euclid(1_000_000_000)
            .try_into()
            .unwrap_or(i64::MAX),
    )
    .unwrap_or(at)
}

/// What clocks this far beyond UTC show.
fn civil(at: Timestamp, offset: SignedDuration) -> Option<DateTime> {
    let clock = TimeZone::UTC.to_datetime(at);
    clock.checked_add(offset).ok()
}

/// When clocks this far beyond UTC show this.
fn instant(clock: DateTime, offset: SignedDuration) -> Option<Timestamp> {
    let utc = clock.checked_sub(offset).ok()?;
    TimeZone::UTC.to_timestamp(utc).ok()
}
