//! Which partitions there should be at a moment, and which of them, and which rows of other tables,
//! have had their time.

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::config::raw::Retention;

/// A partitioned table and how long its rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What one partition spans.
    pub span: Span,
    /// Days after its end when a partition is dropped.
    pub keep_days: u32,
    /// What must not be lost with a partition.
    pub guard: Guard,
}

/// What one partition spans, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// A day.
    Day,
    /// A calendar month.
    Month,
}

/// What keeps a partition past its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Nothing.
    Nothing,
    /// Rows of its own that are not billed to the end.
    OwnRows,
    /// Rows of `usage_quarter` of the same time that are not billed to the end.
    QuartersOfItsTime,
    /// Calls of its own that can still be rated, of PBXs that have a trunk in wholesale.
    Unrated,
}

/// From a moment to another, which is no longer part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first moment.
    pub from: DateTime<Utc>,
    /// The first moment after it.
    pub to: DateTime<Utc>,
}

/// Reports of usage are taken this late, so partitions that far back have to be there.
pub const LATEST_REPORT: TimeDelta = TimeDelta::days(7);
/// Days that are made ahead: a maintenance that fails for as long stops nobody.
const DAYS_AHEAD: Days = Days::new(2);

/// A repeated report is known as one this long: a row of it may be dated a day ahead of its arrival, and
/// would be taken again as long as it is not too old.
const REPEATED_REPORT: TimeDelta = TimeDelta::days(7 + 1);

/// Events that could not be taken up are kept this long.
const DEAD_LETTER: TimeDelta = TimeDelta::days(30);
/// A repetition of an event is known as one this long: as long as it can lie among the dead letters,
/// and a week for whoever sends it.
const CONSUMED: TimeDelta = TimeDelta::days(30 + 7);

/// Of the runs of a job, the last one, the last that succeeded and the one of the latest slot stay, so that no slot
/// up to that one is run again and what is told of the job stays true.
const NO_LONGER_NEEDED: &str = "state <> 'running' \
    AND EXISTS (SELECT FROM job_run l WHERE l.job = job_run.job AND l.id > job_run.id) \
    AND (state <> 'succeeded' OR EXISTS (SELECT FROM job_run l WHERE l.job = job_run.job \
        AND l.state = 'succeeded' AND l.id > job_run.id)) \
    AND (scheduled_at IS NULL OR EXISTS (SELECT FROM job_run l WHERE l.job = job_run.job \
        AND l.scheduled_at > job_run.scheduled_at AND l.scheduled_at <= now()))";

/// All partitioned tables.
pub fn tables(retention: &Retention) -> [Table; 7] {
    [
        Table {
            name: "traffic_usage",
            span: Span::Day,
            keep_days: retention.raw_usage_days,
            guard: Guard::QuartersOfItsTime,
        },
        Table {
            name: "usage_quarter",
            span: Span::Day,
            keep_days: retention.quarter_hour_days,
            guard: Guard::OwnRows,
        },
        Table {
            name: "usage_hourly",
            span: Span::Month,
            keep_days: retention.hourly_days,
            guard: Guard::Nothing,
        },
        Table {
            name: "usage_daily",
            span: Span::Month,
            keep_days: retention.daily_days,
            guard: Guard::Nothing,
        },
        Table {
            name: "user_package_usage",
            span: Span::Month,
            keep_days: retention.daily_days,
            guard: Guard::Nothing,
        },
        Table {
            name: "call_record",
            span: Span::Day,
            keep_days: retention.call_record_days,
            guard: Guard::Unrated,
        },
        Table {
            name: "call_charge",
            span: Span::Month,
            // A call that has lost its charge would be charged again.
            keep_days: retention.daily_days.max(retention.call_record_days),
            guard: Guard::Nothing,
        },
    ]
}

/// Rows that are removed when their time is over, of a table without partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// The table.
    pub table: &'static str,
    /// The column from which their time counts.
    pub time: &'static str,
    /// How long they are kept.
    pub keep: TimeDelta,
    /// Which rows, as a condition.
    pub only: &'static str,
}

/// What is removed row by row.
pub fn pruned(retention: &Retention) -> [Rows; 8] {
    let rows = |table, time, keep| Rows {
        table,
        time,
        keep,
        only: "true",
    };
    let raw = TimeDelta::days(retention.raw_usage_days.into());
    [
        // No retry can mean it any more.
        rows("idempotency_key", "created_at", TimeDelta::days(1)),
        rows("usage_report", "received_at", raw.max(REPEATED_REPORT)),
        rows("usage_refused", "refused_at", raw.max(REPEATED_REPORT)),
        rows("outbox_event", "published_at", TimeDelta::days(1)),
        rows("consumed_event", "consumed_at", CONSUMED),
        Rows {
            // Bytes that nobody has decided on stay.
            only: "NOT (source = 'telecom' AND route = 'telecom.user_usage_billing')",
            ..rows("dead_letter", "died_at", DEAD_LETTER)
        },
        rows(
            "call_record_rejected",
            "received_at",
            TimeDelta::days(retention.call_record_days.into()),
        ),
        Rows {
            only: NO_LONGER_NEEDED,
            ..rows(
                "job_run",
                "started_at",
                TimeDelta::days(retention.job_run_days.into()),
            )
        },
    ]
}

impl Table {
    /// The partitions that have to be there at `now`, oldest first.
    pub fn wanted(&self, now: DateTime<Utc>) -> Vec<Range> {
        let last = match self.span {
            Span::Day => self.start(now) + DAYS_AHEAD,
            Span::Month => self.next(self.start(now)),
        };
        let first = self.start(now - LATEST_REPORT);
        std::iter::successors(Some(first), |from| Some(self.next(*from)))
            .take_while(|from| *from <= last)
            .map(|from| Range {
                from,
                to: self.next(from),
            })
            .collect()
    }

    /// Whether what lies in `range` has been kept long enough at `now`.
    pub fn is_past(&self, range: Range, now: DateTime<Utc>) -> bool {
        range.to + Days::new(self.keep_days.into()) <= now
    }

    /// The name of the partition of `range`.
    pub fn partition(&self, range: Range) -> String {
        let format = match self.span {
            Span::Day => "%Y%m%d",
            Span::Month => "%Y%m",
        };
        format!("{}_{}", self.name, range.from.format(format))
    }

    fn start(&self, moment: DateTime<Utc>) -> DateTime<Utc> {
        let day = moment.date_naive();
        midnight(match self.span {
            Span::Day => day,
            Span::Month => day.with_day(1).unwrap_or(day),
        })
    }

    fn next(&self, start: DateTime<Utc>) -> DateTime<Utc> {
        match self.span {
            Span::Day => start + Days::new(1),
            Span::Month => start + Months::new(1),
        }
    }
}

impl Range {
    /// Whether the two have a moment in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn table(name: &str) -> Table {
        let tables = tables(&Retention::default());
        *tables.iter().find(|table| table.name == name).unwrap()
    }

    #[test]
    fn partitions_reach_from_the_latest_report_into_the_future() {
        // (table, now, the first, the last, how many)
        for (name, now, first, last, count) in [
            (
                "traffic_usage",
                "2026-11-22T16:00:00Z",
                "traffic_usage_20261115",
                "traffic_usage_20261124",
                10,
            ),
            (
                "usage_quarter",
                "2026-03-01T00:00:00Z",
                "usage_quarter_20260222",
                "usage_quarter_20260303",
                10,
            ),
            (
                "usage_quarter",
                "2027-12-31T23:59:59Z",
                "usage_quarter_20271224",
                "usage_quarter_20280102",
                10,
            ),
            (
                "usage_hourly",
                "2026-11-22T16:00:00Z",
                "usage_hourly_202611",
                "usage_hourly_202612",
                2,
            ),
            (
                "usage_daily",
                "2026-12-07T23:59:59Z",
                "usage_daily_202611",
                "usage_daily_202701",
                3,
            ),
            (
                "usage_daily",
                "2026-12-08T00:00:00Z",
                "usage_daily_202612",
                "usage_daily_202701",
                2,
            ),
        ] {
            let table = table(name);
            let wanted = table.wanted(at(now));
            let names: Vec<_> = wanted.iter().map(|range| table.partition(*range)).collect();
            assert_eq!(names.first().unwrap(), first, "{now}");
            assert_eq!(names.last().unwrap(), last, "{now}");
            assert_eq!(names.len(), count, "{names:?}");
            let gaps = wanted.windows(2).filter(|pair| pair[0].to != pair[1].from);
            assert_eq!(gaps.count(), 0, "{wanted:?}");
        }
    }

    #[test]
    fn a_partition_goes_when_all_of_it_has_been_kept_long_enough() {
        // (table, from, to, now, whether its time is over)
        for (name, from, to, now, past) in [
            (
                "traffic_usage",
                "2026-11-01",
                "2026-11-02",
                "2026-11-15T23:59:59Z",
                false,
            ),
            (
                "traffic_usage",
                "2026-11-01",
                "2026-11-02",
                "2026-11-16T00:00:00Z",
                true,
            ),
            (
                "usage_hourly",
                "2026-11-01",
                "2026-12-01",
                "2027-03-10T23:59:59Z",
                false,
            ),
            (
                "usage_hourly",
                "2026-11-01",
                "2026-12-01",
                "2027-03-11T00:00:00Z",
                true,
            ),
        ] {
            let range = Range {
                from: at(&format!("{from}T00:00:00Z")),
                to: at(&format!("{to}T00:00:00Z")),
            };
            assert_eq!(table(name).is_past(range, at(now)), past, "{name} {now}");
        }
    }

    #[test]
    fn nothing_wanted_is_past_whatever_the_retention() {
        let shortest = Retention {
            job_run_days: 1,
            call_record_days: 7,
            raw_usage_days: 7,
            quarter_hour_days: 32,
            hourly_days: 32,
            daily_days: 32,
            status_history_days: 93,
        };
        for table in tables(&shortest) {
            for hours in 0..24 * 60 {
                let now = at("2028-02-01T00:00:00Z") + TimeDelta::hours(hours);
                for range in table.wanted(now) {
                    assert!(!table.is_past(range, now), "{table:?} {now} {range:?}");
                }
            }
        }
    }
}
