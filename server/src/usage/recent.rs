//! The hours and days of the recent past, by the clocks of a time zone.

use chrono::{DateTime, TimeDelta, Utc};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::nodes::NodeClientId;
use crate::packages::Traffic;

/// How far back, and how finely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecentRange {
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
}

/// Hours or days that follow each other without a gap; the last one holds the present moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    starts: Vec<DateTime<Utc>>,
    now: DateTime<Utc>,
}

impl Buckets {
    /// The last `count` hours. One begins whenever the clocks show a whole hour, and when they are put
    /// forward or back: no hour is mixed with another of the same name.
    pub fn hours(now: DateTime<Utc>, zone: &TimeZone, count: usize) -> Self {
        Self::back(now, count, |moment| hour_of(moment, zone))
    }

    /// The last `count` days of the calendar, which clocks that are put forward or back make shorter or
    /// longer.
    pub fn days(now: DateTime<Utc>, zone: &TimeZone, count: usize) -> Self {
        Self::back(now, count, |moment| day_of(moment, zone))
    }

    /// When the hours begin that have a part of the time from `start` to `end`, the oldest first.
    pub fn hours_between(
        start: DateTime<Utc>,
        end: DateTime<Utc>,
        zone: &TimeZone,
    ) -> Vec<DateTime<Utc>> {
        between(start, end, |moment| hour_of(moment, zone))
    }

    /// The same for days of the calendar.
    pub fn days_between(
        start: DateTime<Utc>,
        end: DateTime<Utc>,
        zone: &TimeZone,
    ) -> Vec<DateTime<Utc>> {
        between(start, end, |moment| day_of(moment, zone))
    }

    fn back(now: DateTime<Utc>, count: usize, begin: impl Fn(Timestamp) -> Timestamp) -> Self {
        let mut starts: Vec<_> = backwards(timestamp(now), begin).take(count).collect();
        starts.reverse();
        Self { starts, now }
    }

    /// When each begins, the oldest first.
    pub fn starts(&self) -> &[DateTime<Utc>] {
        &self.starts
    }

    /// When the first begins.
    pub fn start(&self) -> DateTime<Utc> {
        self.starts.first().copied().unwrap_or(self.now)
    }

    /// The present moment.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The hours of UTC in whose midst one begins: of these, sums by the hour are too coarse.
    pub fn split_hours(&self) -> Vec<DateTime<Utc>> {
        const HOUR: i64 = 3600;
        let mut hours: Vec<_> = self
            .starts
            .iter()
            .map(|start| (start, start.timestamp().rem_euclid(HOUR)))
            .filter(|(_, into)| *into != 0)
            .map(|(start, into)| *start - TimeDelta::seconds(into))
            .collect();
        hours.dedup();
        hours
    }
}

/// What a subscriber used in an hour or a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrafficBucket {
    /// When it begins.
    pub start: DateTime<Utc>,
    /// Bytes as they went through the nodes; `i64::MAX` stands for more.
    pub raw: Traffic,
    /// Bytes that were billed of it; `i64::MAX` stands for more.
    pub billed: Traffic,
}

/// What a subscriber used lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentTrafficUsage {
    /// Hours or days, the oldest first.
    pub buckets: Vec<TrafficBucket>,
    /// All that was used before, of what is in the buckets, has been billed.
    pub billed_through: DateTime<Utc>,
}

impl RecentTrafficUsage {
    /// Nothing in each of the buckets.
    pub fn none(buckets: &Buckets) -> Self {
        let none = |start| TrafficBucket {
            start,
            raw: Traffic::default(),
            billed: Traffic::default(),
        };
        Self {
            buckets: buckets.starts.iter().copied().map(none).collect(),
            billed_through: buckets.now,
        }
    }
}

/// A node client as a subscriber used it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsuallyUsedNode {
    /// Its number.
    pub node_client: NodeClientId,
    /// Its name; empty when it has been deleted.
    pub name: String,
    /// Bytes as they went through it; `i64::MAX` stands for more.
    pub traffic: Traffic,
    /// Bytes that were billed, of both directions; `i64::MAX` stands for more.
    pub billed: u64,
}

/// When buckets begin, from that of a moment on backwards.
fn backwards(
    moment: Timestamp,
    begin: impl Fn(Timestamp) -> Timestamp,
) -> impl Iterator<Item = DateTime<Utc>> {
    let mut moment = moment;
    std::iter::repeat_with(move || {
        let start = begin(moment);
        moment = just_before(start);
        utc(start)
    })
}

fn between(
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    begin: impl Fn(Timestamp) -> Timestamp,
) -> Vec<DateTime<Utc>> {
    let first = utc(begin(timestamp(start)));
    let starts = backwards(just_before(timestamp(end)), begin);
    let mut starts: Vec<_> = starts.take_while(|bucket| *bucket > first).collect();
    starts.push(first);
    starts.reverse();
    starts
}

/// When the day of a moment begins.
fn day_of(moment: Timestamp, zone: &TimeZone) -> Timestamp {
    let day = moment.to_zoned(zone.clone()).start_of_day();
    day.as_ref().map_or(moment, Zoned::timestamp)
}

/// When the hour of a moment begins.
fn hour_of(moment: Timestamp, zone: &TimeZone) -> Timestamp {
    let local = moment.to_zoned(zone.clone());
    let into_it = SignedDuration::from_mins(local.minute().into())
        + SignedDuration::from_secs(local.second().into())
        + SignedDuration::from_nanos(local.subsec_nanosecond().into());
    let whole = moment.saturating_sub(into_it).unwrap_or(moment);
    // Of transitions, those before a moment are given.
    let just_after = moment
        .saturating_add(SignedDuration::from_nanos(1))
        .unwrap_or(moment);
    let changed = zone.preceding(just_after).next();
    let changed = changed.map(|change| change.timestamp()).filter(|changed| {
        let before = just_before(*changed);
        // Others change names only.
        zone.to_offset(before) != zone.to_offset(*changed)
    });
    changed.map_or(whole, |changed| whole.max(changed))
}

fn just_before(moment: Timestamp) -> Timestamp {
    moment
        .saturating_sub(SignedDuration::from_nanos(1))
        .unwrap_or(moment)
}

/// The database's clock has microseconds.
fn timestamp(moment: DateTime<Utc>) -> Timestamp {
    Timestamp::from_microsecond(moment.timestamp_micros()).unwrap_or_default()
}

fn utc(moment: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(moment.as_microsecond()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
