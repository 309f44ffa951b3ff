//! Rates: a prefix, a time, and a price.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

/// The beginning of numbers, up to 15 digits as in E.164; empty for any number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Prefix(String);

impl Prefix {
    /// The most digits of one.
    pub const MAX_DIGITS: usize = 15;

    /// The prefix of those digits, if they are some.
    pub fn new(digits: String) -> Option<Self> {
        let good = digits.len() <= Self::MAX_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        good.then_some(Self(digits))
    }

    /// A prefix that was checked before it was stored.
    pub(crate) fn from_stored(digits: String) -> Self {
        Self(digits)
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a minute costs, and how seconds are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Price {
    /// Nano-currency for 60 seconds, 0 to [`Self::MAX_RATE_NANO`].
    pub rate_nano: i64,
    /// The fewest seconds that an answered call is charged.
    pub minimum_seconds: u32,
    /// Seconds are charged in steps of so many, 1 or more.
    pub increment_seconds: u32,
}

impl Price {
    /// A million of the currency for a minute.
    pub const MAX_RATE_NANO: i64 = 1_000_000_000_000_000;
    /// A day: the longest minimum and the longest step.
    pub const MAX_SECONDS: u32 = 86_400;

    /// What a call that nobody answered is charged by.
    pub const ZERO: Self = Self {
        rate_nano: 0,
        minimum_seconds: 0,
        increment_seconds: 1,
    };
}

/// From a moment to another, which is no longer part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first moment.
    pub from: DateTime<Utc>,
    /// The first moment after it; `None`: it goes on.
    pub to: Option<DateTime<Utc>>,
}

impl Period {
    /// Whether the two have a moment in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.to.is_none_or(|to| other.from < to) && other.to.is_none_or(|to| self.from < to)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        match self.to {
            Some(to) => write!(f, "from {} to {}", text(self.from), text(to)),
            None => write!(f, "from {} on", text(self.from)),
        }
    }
}

/// A price for the numbers that begin with a prefix, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Which numbers.
    pub prefix: Prefix,
    /// When.
    pub period: Period,
    /// For how much.
    pub price: Price,
}
