//! Rates as files bring them: CSV of RFC 4180, every line checked, every problem with its place.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use csv::{ReaderBuilder, StringRecord, Trim};

use super::{Period, Prefix, Price, Rate, parse_nano};

/// The largest file, in bytes.
pub const MAX_CSV_BYTES: usize = 4 << 20;
/// Problems that are told; the others are counted.
const MAX_TOLD: usize = 100;

/// A place in a file that has to be corrected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// The column; empty for the line as a whole.
    pub column: String,
    /// What is wrong and what would be right.
    pub description: String,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    told: Vec<Problem>,
    count: u64,
}

impl Problems {
    pub(super) fn add(&mut self, line: u64, column: &str, description: impl Into<String>) {
        self.count += 1;
        if self.told.len() < MAX_TOLD {
            self.told.push(Problem {
                line,
                column: column.to_owned(),
                description: description.into(),
            });
        }
    }

    /// These and those of another look at the same file, by line.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.told.extend(other.told);
        self.told.sort();
        self.told.truncate(MAX_TOLD);
        self.count += other.count;
        self
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How much is wrong in all.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first of them, 100 at most.
    pub fn told(&self) -> &[Problem] {
        &self.told
    }
}

/// A rate and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its line, from 1.
    pub line: u64,
    /// The rate.
    pub rate: Rate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Prefix,
    Rate,
    Minimum,
    Increment,
    From,
    To,
}

impl Column {
    const ALL: [Self; 6] = [
        Self::Prefix,
        Self::Rate,
        Self::Minimum,
        Self::Increment,
        Self::From,
        Self::To,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Rate => "rate",
            Self::Minimum => "minimum_seconds",
            Self::Increment => "increment_seconds",
            Self::From => "valid_from",
            Self::To => "valid_to",
        }
    }
}

/// The good lines of a file, and what is wrong with the others. Rates that do not say when they begin do so at `from`,
/// and none may begin before `earliest`.
pub fn parse(
    csv: &[u8],
    from: DateTime<Utc>,
    earliest: Option<DateTime<Utc>>,
) -> (Vec<Imported>, Problems) {
    let mut problems = Problems::default();
    let text = match std::str::from_utf8(csv.strip_prefix(b"\xef\xbb\xbf").unwrap_or(csv)) {
        Ok(text) => text,
        Err(error) => {
            let good = csv.iter().take(error.valid_up_to());
            let line = 1 + good.filter(|byte| **byte == b'\n').count() as u64;
            problems.add(line, "", "must be UTF-8");
            return (Vec::new(), problems);
        }
    };
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let Some(Ok(header)) = records.next() else {
        problems.add(0, "", "must begin with a line that names the columns");
        return (Vec::new(), problems);
    };
    let columns = columns(&header, &mut problems);
    if !problems.is_empty() {
        return (Vec::new(), problems);
    }
    let mut rates = Vec::new();
    for record in records {
        let Ok(record) = record else {
            problems.add(0, "", "cannot be read as CSV");
            break;
        };
        let line = line_of(&record, text);
        let mut row = Row {
            line,
            columns: &columns,
            record: &record,
            problems: &mut problems,
        };
        if let Some(rate) = row.rate(from, earliest) {
            rates.push(Imported { line, rate });
        }
    }
    if rates.is_empty() && problems.is_empty() {
        problems.add(0, "", "must have a rate");
    }
    (rates, problems)
}

/// The line that a record begins on. The reader says where it began to look: empty lines come before it.
fn line_of(record: &StringRecord, text: &str) -> u64 {
    record.position().map_or(0, |position| {
        let rest = usize::try_from(position.byte())
            .ok()
            .and_then(|byte| text.get(byte..));
        let empty = rest
            .unwrap_or_default()
            .bytes()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'));
        position.line() + empty.filter(|byte| *byte == b'\n').count() as u64
    })
}

fn columns(header: &StringRecord, problems: &mut Problems) -> Vec<Column> {
    let mut columns = Vec::new();
    for name in header {
        match Column::ALL.into_iter().find(|column| column.name() == name) {
            Some(column) if !columns.contains(&column) => columns.push(column),
            Some(column) => problems.add(1, column.name(), "is there twice"),
            None => {
                let known: Vec<_> = Column::ALL.into_iter().map(Column::name).collect();
                let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
                let description = format!("is no column: there are {}", known.join(", "));
                problems.add(1, &shown, description);
            }
        }
    }
    for column in [Column::Prefix, Column::Rate] {
        if !columns.contains(&column) {
            problems.add(1, column.name(), "is missing");
        }
    }
    columns
}

struct Row<'a> {
    line: u64,
    columns: &'a [Column],
    record: &'a StringRecord,
    problems: &'a mut Problems,
}

impl Row<'_> {
    fn rate(&mut self, from: DateTime<Utc>, earliest: Option<DateTime<Utc>>) -> Option<Rate> {
        let (needed, found) = (self.columns.len(), self.record.len());
        if needed != found {
            let description = format!("has {found} fields, of {needed} columns");
            self.problems.add(self.line, "", description);
            return None;
        }
        let prefix = self.read(Column::Prefix, "must be up to 15 digits", |text| {
            Prefix::new(text.to_owned())
        });
        let description = "must be a decimal of up to nine places, 0 to 1000000, such as 0.03";
        let rate_nano = self.read(Column::Rate, description, |text| {
            parse_nano(text).filter(|nano| *nano <= Price::MAX_RATE_NANO)
        });
        let minimum_seconds = self.seconds(Column::Minimum, 0);
        let increment_seconds = self.seconds(Column::Increment, 1);
        let valid_from = self.time(Column::From, from);
        let valid_to = match self.text(Column::To) {
            "" => Some(None),
            _ => self.time(Column::To, from).map(Some),
        };
        let rate = Rate {
            prefix: prefix?,
            period: Period {
                from: valid_from?,
                to: valid_to?,
            },
            price: Price {
                rate_nano: rate_nano?,
                minimum_seconds: minimum_seconds?,
                increment_seconds: increment_seconds?,
            },
        };
        self.in_order(rate, earliest)
    }

    fn in_order(&mut self, rate: Rate, earliest: Option<DateTime<Utc>>) -> Option<Rate> {
        let Period { from, to } = rate.period;
        if earliest.is_some_and(|earliest| from < earliest) {
            let description = "must not be before replace_from";
            self.problems
                .add(self.line, Column::From.name(), description);
            return None;
        }
        if to.is_some_and(|to| to <= from) {
            let description = "must be after valid_from";
            self.problems.add(self.line, Column::To.name(), description);
            return None;
        }
        Some(rate)
    }

    /// Empty when there is no such column.
    fn text(&self, column: Column) -> &str {
        let place = self.columns.iter().position(|one| *one == column);
        place
            .and_then(|place| self.record.get(place))
            .unwrap_or_default()
    }

    fn read<T>(
        &mut self,
        column: Column,
        description: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = read(self.text(column));
        if value.is_none() {
            self.problems.add(self.line, column.name(), description);
        }
        value
    }

    fn seconds(&mut self, column: Column, least: u32) -> Option<u32> {
        let description = format!("must be whole seconds, {least} to {}", Price::MAX_SECONDS);
        self.read(column, &description, |text| match text {
            "" => Some(least),
            text => whole(text).filter(|seconds| (least..=Price::MAX_SECONDS).contains(seconds)),
        })
    }

    fn time(&mut self, column: Column, missing: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let description = "must be a time such as 2026-11-28T12:00:00Z or a day such as 2026-11-28, of the years \
            1970 to 9999";
        self.read(column, description, |text| match text {
            "" => Some(missing),
            text => moment(text),
        })
    }
}

/// Digits alone: no sign.
fn whole(text: &str) -> Option<u32> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    const YEAR_10000: i64 = 253_402_300_800;
    let day = || {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    };
    let at = text.parse::<DateTime<Utc>>().ok().or_else(day)?;
    (0..YEAR_10000).contains(&at.timestamp()).then_some(at)
}

#[cfg(test)]
mod tests;
