//! When a job is due: by a cron expression, or every so many seconds.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::cron::CronSchedule;

/// More slots than this are not counted.
pub const COUNTED: u32 = 100;

/// The moments at which a job is due, its slots: whole seconds.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// By the clocks of a time zone.
    Cron(Box<CronSchedule>),
    /// Evenly.
    Interval(Interval),
}

/// Every so many seconds since the epoch, at a place that differs from cluster to cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    seconds: i64,
    offset: i64,
}

impl Interval {
    /// Every `seconds`, one at least. The place within them follows from the cluster's uid and the job's
    /// name, so that it is the same for every leader and the load of many clusters is spread.
    pub fn new(seconds: u32, uid: &str, job: &str) -> Self {
        let seconds = i64::from(seconds.max(1));
        let mut hash = Sha256::new();
        hash.update(uid);
        hash.update([0]);
        hash.update(job);
        let digest: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, ..] = digest;
        Self {
            seconds,
            offset: i64::from(u32::from_be_bytes([a, b, c, d])) % seconds,
        }
    }

    fn latest(self, at: Timestamp) -> Option<Timestamp> {
        let passed = (at.as_second() - self.offset).div_euclid(self.seconds);
        // Before the epoch a second that has begun is counted up.
        let slot = Timestamp::from_second(passed * self.seconds + self.offset).ok()?;
        if slot <= at {
            Some(slot)
        } else {
            Timestamp::from_second(slot.as_second() - self.seconds).ok()
        }
    }

    fn next(self, after: Timestamp) -> Option<Timestamp> {
        let latest = self.latest(after)?;
        Timestamp::from_second(latest.as_second() + self.seconds).ok()
    }
}

/// How many slots there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// So many.
    Exactly(u32),
    /// More than [`COUNTED`].
    More,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(count) => write!(f, "{count}"),
            Self::More => write!(f, ">{COUNTED}"),
        }
    }
}

impl Schedule {
    /// The last slot that is no later than `at`.
    pub fn latest(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.latest(at),
            Self::Interval(interval) => interval.latest(at),
        }
    }

    /// The first slot that is later than `after`.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.next(after),
            Self::Interval(interval) => interval.next(after),
        }
    }

    /// How many slots are later than `after` and earlier than `before`.
    pub fn between(&self, after: Timestamp, before: Timestamp) -> Count {
        let mut last = after;
        for count in 0..=COUNTED {
            match self.next(last) {
                Some(slot) if slot < before => last = slot,
                _ => return Count::Exactly(count),
            }
        }
        Count::More
    }
}
