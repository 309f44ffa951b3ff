//! Exports of whole days: which days, in which form, and where a reader goes on.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

mod calls;
mod lines;
mod usage;

pub use calls::CallCursor;
pub use lines::{Field, Line, Lines, Unwritable};
pub use usage::{DailySum, UsageCursor};

/// Most days of an export.
pub const MAX_DAYS: u64 = 92;

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// RFC 4180.
    Csv,
    /// One JSON object on each line.
    JsonLines,
}

impl ExportFormat {
    /// The name in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "json_lines",
        }
    }
}

/// Days of UTC that follow each other; at least one, at most [`MAX_DAYS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportDays {
    first: NaiveDate,
    last: NaiveDate,
}

impl ExportDays {
    /// From the first to the last one; `None` when there are none or too many, or not after 1969 and before December 9999.
    pub fn new(first: NaiveDate, last: NaiveDate) -> Option<Self> {
        let (earliest, latest) = (
            NaiveDate::from_ymd_opt(1970, 1, 1)?,
            NaiveDate::from_ymd_opt(9999, 12, 1)?,
        );
        let limit = first.checked_add_days(Days::new(MAX_DAYS))?;
        let fits = first >= earliest && last <= latest && first <= last && last < limit;
        fits.then_some(Self { first, last })
    }

    /// The first day.
    pub fn first(self) -> NaiveDate {
        self.first
    }

    /// The last day.
    pub fn last(self) -> NaiveDate {
        self.last
    }

    /// When the first day begins.
    pub fn start(self) -> DateTime<Utc> {
        midnight(self.first)
    }

    /// When the last day ends.
    pub fn end(self) -> DateTime<Utc> {
        midnight(self.last) + Days::new(1)
    }

    /// The first of the days that is not before `open`, the first moment that may still change.
    pub fn first_open(self, open: DateTime<Utc>) -> Option<NaiveDate> {
        (open < self.end()).then(|| open.date_naive().max(self.first))
    }
}

/// A day as exports write it: `2026-11-28`, and nothing else.
pub fn day(text: &str) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (day.to_string() == text).then_some(day)
}

/// When a day begins.
pub fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Lines that belong together, and where they end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportPiece {
    /// Whole lines.
    pub data: Vec<u8>,
    /// After which row they end, for whoever goes on from there.
    pub cursor: String,
}

/// A place in an order of rows, as text that callers need not understand.
pub fn opaque(place: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

/// The place that [`opaque`] wrote.
pub fn understood<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(first: &str, last: &str) -> Option<ExportDays> {
        ExportDays::new(day(first)?, day(last)?)
    }

    #[test]
    fn days_are_whole_and_not_too_many() {
        for (first, last, good) in [
            ("2026-11-28", "2026-11-28", true),
            ("2026-01-01", "2026-04-02", true),
            ("2026-01-01", "2026-04-03", false),
            ("2026-11-28", "2026-11-27", false),
            ("2026-11-31", "2026-12-01", false),
            ("2026-1-1", "2026-01-01", false),
            ("+2026-01-01", "2026-01-01", false),
            ("1969-12-31", "1970-01-01", false),
            ("", "", false),
        ] {
            assert_eq!(days(first, last).is_some(), good, "{first} {last}");
        }
    }

    #[test]
    fn the_first_open_day_is_named() {
        let days = days("2026-11-20", "2026-11-22").unwrap();
        for (open, named) in [
            ("2026-11-23T00:00:00Z", None),
            ("2026-11-22T00:00:00Z", Some("2026-11-22")),
            ("2026-11-21T00:00:00Z", Some("2026-11-21")),
            ("2026-11-01T00:00:00Z", Some("2026-11-20")),
        ] {
            let first = days.first_open(open.parse().unwrap());
            assert_eq!(first, named.and_then(day), "{open}");
        }
    }
}
