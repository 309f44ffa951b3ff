//! What a manifest says of each of its jobs, with every default resolved.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use telecom_crds::{JobExecution, JobName, Reason, TelecomClusterSpec};

use super::cron::{CronError, CronSchedule};
use super::schedule::{Interval, Schedule};
use crate::names;

/// The zone in which schedules are read when the manifest names none.
const UTC: &str = "UTC";
/// Of a record of the status that is written later than this, nobody can tell the hour that it is of.
const HISTORY_DEADLINE: SignedDuration = SignedDuration::from_secs(300);
/// Intervals are spread over hours at most.
const LONGEST_INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// Why a job has no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// The expression is none, or no date fits it.
    #[error("spec.jobs.{job}.schedule `{expression}` {source}")]
    Expression {
        /// Which job.
        job: JobName,
        /// What the manifest says.
        expression: String,
        /// What is wrong with it.
        source: CronError,
    },
    /// The tz database does not know the zone.
    #[error(
        "spec.jobs.{job}.timeZone `{zone}` is not in the tz database; write a name such as Europe/Berlin or UTC"
    )]
    Zone {
        /// Which job.
        job: JobName,
        /// What the manifest says.
        zone: String,
    },
    /// The interval is not one.
    #[error("spec.jobs.{job}.interval `{interval}` is not a duration from 1s to 24h, such as 15s")]
    Interval {
        /// Which job.
        job: JobName,
        /// What the manifest says.
        interval: String,
    },
}

impl BadSchedule {
    /// The word for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Expression { .. } | Self::Interval { .. } => Reason::InvalidSchedule,
            Self::Zone { .. } => Reason::UnknownTimeZone,
        }
    }
}

/// One job as its manifest wants it.
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// Which job.
    pub name: JobName,
    /// When it is due.
    pub schedule: Result<Schedule, BadSchedule>,
    /// The same for people: `every 5s`, `0 * * * * UTC`.
    pub words: String,
    /// Hash of the same; another one means that nothing before the edit runs.
    pub hash: String,
    /// Nothing new is to run.
    pub suspend: bool,
    /// How late a run may begin; `None`: until the next slot.
    pub starting_deadline: Option<SignedDuration>,
    /// How long a run may take.
    pub timeout: Duration,
    /// Where it runs.
    pub execution: JobExecution,
}

/// A time as people write it.
#[derive(Debug, PartialEq, Eq)]
enum Timing {
    Every(SignedDuration),
    Cron { expression: String, zone: String },
}

impl JobSettings {
    /// All jobs of a manifest. `uid` decides at which place within their intervals they are due.
    pub fn of(spec: &TelecomClusterSpec, uid: &str) -> Vec<Self> {
        let all = JobName::ALL.iter();
        all.map(|name| Self::one(spec, uid, *name)).collect()
    }

    fn one(spec: &TelecomClusterSpec, uid: &str, name: JobName) -> Self {
        let given = spec.jobs.get(name);
        let timing = match (&given.schedule, &given.interval) {
            (Some(expression), _) => Ok(Timing::Cron {
                expression: expression.clone(),
                zone: given.time_zone.clone().unwrap_or_else(|| UTC.to_owned()),
            }),
            (None, Some(interval)) => every(name, interval),
            (None, None) => Ok(default(name, &spec.node_health_check.offline_timeout)),
        };
        let words = match (&timing, &given.interval) {
            (Ok(Timing::Every(period)), _) => format!("every {}", short(*period)),
            (Ok(Timing::Cron { expression, zone }), _) => format!("{expression} {zone}"),
            (Err(_), interval) => format!("every {}", interval.as_deref().unwrap_or_default()),
        };
        let deadline = given
            .starting_deadline_seconds
            .map(SignedDuration::from_secs);
        let history = name == JobName::RecordNodeStatusHistory;
        Self {
            name,
            schedule: timing.and_then(|timing| schedule(timing, uid, name)),
            hash: names::short_hash(&words),
            words,
            suspend: given.suspend,
            starting_deadline: deadline.or(history.then_some(HISTORY_DEADLINE)),
            timeout: Duration::from_secs(given.timeout_seconds.max(1).unsigned_abs()),
            execution: given.execution,
        }
    }

    /// The next slot, for whom it is worth writing down: not one that has passed before it is read.
    pub fn next_to_show(&self, now: Timestamp) -> Option<Timestamp> {
        const WORTH_IT: SignedDuration = SignedDuration::from_mins(5);
        let schedule = self.schedule.as_ref().ok().filter(|_| !self.suspend)?;
        let next = schedule.next(now)?;
        let later = schedule.next(next);
        let rare = later.is_none_or(|later| later.duration_since(next) >= WORTH_IT);
        rare.then_some(next)
    }
}

/// When jobs are due of which the manifest says nothing.
fn default(name: JobName, offline_timeout: &str) -> Timing {
    let cron = |expression: &str| Timing::Cron {
        expression: expression.to_owned(),
        zone: UTC.to_owned(),
    };
    match name {
        JobName::RefreshServerStatus => {
            let timeout = duration(offline_timeout).map_or(0, |timeout| timeout.as_secs());
            Timing::Every(SignedDuration::from_secs((timeout / 2).max(1)))
        }
        JobName::PackageExpiring => Timing::Every(SignedDuration::from_secs(15)),
        JobName::BillTraffic => Timing::Every(SignedDuration::from_secs(5)),
        JobName::RecordNodeStatusHistory => cron("0 * * * *"),
        JobName::RefreshNodeStatusView => cron("5 * * * *"),
    }
}

fn every(job: JobName, interval: &str) -> Result<Timing, BadSchedule> {
    let second = SignedDuration::from_secs(1);
    let period = duration(interval).filter(|period| {
        (second..=LONGEST_INTERVAL).contains(period) && period.subsec_nanos() == 0
    });
    let interval = interval.to_owned();
    period
        .map(Timing::Every)
        .ok_or(BadSchedule::Interval { job, interval })
}

/// A duration as Go and the manifest write it, such as `1m30s`.
pub(crate) fn duration(text: &str) -> Option<SignedDuration> {
    text.parse().ok()
}

/// `90s` as `1m30s`.
fn short(period: SignedDuration) -> String {
    let seconds = period.as_secs();
    let parts = [
        (seconds / 3600, 'h'),
        (seconds / 60 % 60, 'm'),
        (seconds % 60, 's'),
    ];
    let shown = parts.iter().filter(|(count, _)| *count > 0);
    let shown: Vec<_> = shown
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    shown.concat()
}

fn schedule(timing: Timing, uid: &str, job: JobName) -> Result<Schedule, BadSchedule> {
    match timing {
        Timing::Every(period) => {
            let seconds = u32::try_from(period.as_secs()).unwrap_or(u32::MAX);
            Ok(Schedule::Interval(Interval::new(
                seconds,
                uid,
                job.as_str(),
            )))
        }
        Timing::Cron { expression, zone } => {
            let Ok(rules) = TimeZone::get(&zone) else {
                return Err(BadSchedule::Zone { job, zone });
            };
            match CronSchedule::parse(&expression, rules) {
                Ok(cron) => Ok(Schedule::Cron(Box::new(cron))),
                Err(source) => Err(BadSchedule::Expression {
                    job,
                    expression,
                    source,
                }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! What manifests turn into.

    use super::*;

    fn settings(spec: &str) -> Vec<JobSettings> {
        JobSettings::of(&serde_yaml::from_str(spec).unwrap(), "uid")
    }

    fn one(spec: &str, name: JobName) -> JobSettings {
        let mut all = settings(spec).into_iter();
        all.find(|settings| settings.name == name).unwrap()
    }

    #[test]
    fn an_empty_manifest_has_five_jobs() {
        let words: Vec<_> = settings("{}").into_iter().map(|job| job.words).collect();
        let expected = [
            "every 45s",
            "every 15s",
            "every 5s",
            "0 * * * * UTC",
            "5 * * * * UTC",
        ];
        assert_eq!(words, expected);
        let history = one("{}", JobName::RecordNodeStatusHistory);
        assert_eq!(
            history.starting_deadline,
            Some(SignedDuration::from_secs(300))
        );
        assert_eq!(history.timeout, Duration::from_mins(10));
    }

    #[test]
    fn node_status_follows_the_offline_timeout() {
        for (timeout, words) in [("2s", "every 1s"), ("3s", "every 1s"), ("1h", "every 30m")] {
            let spec = format!("nodeHealthCheck: {{offlineTimeout: {timeout}}}");
            assert_eq!(
                one(&spec, JobName::RefreshServerStatus).words,
                words,
                "{timeout}"
            );
        }
    }

    #[test]
    fn what_is_edited_has_another_hash() {
        let hash = |spec: &str| one(spec, JobName::BillTraffic).hash;
        let plain = hash("{}");
        assert_eq!(
            plain,
            hash("jobs: {billTraffic: {interval: 5s}}"),
            "the default, said"
        );
        assert_eq!(
            plain,
            hash("jobs: {billTraffic: {suspend: true, timeoutSeconds: 5}}")
        );
        let others = [
            "jobs: {billTraffic: {interval: 6s}}",
            "jobs: {billTraffic: {schedule: '* * * * *'}}",
            "jobs: {billTraffic: {schedule: '* * * * *', timeZone: Asia/Kathmandu}}",
        ];
        let hashes: std::collections::BTreeSet<_> = others.map(hash).into();
        assert!(hashes.len() == 3 && !hashes.contains(&plain));
    }

    #[test]
    fn rows_1_2_5_and_17_schedules_that_are_none() {
        let job = |text: &str| {
            one(
                &format!("jobs: {{billTraffic: {text}}}"),
                JobName::BillTraffic,
            )
        };
        for (text, reason, sentence) in [
            (
                "{schedule: '61 * * * *'}",
                Reason::InvalidSchedule,
                "spec.jobs.billTraffic.schedule `61 * * * *` `61` is no minute",
            ),
            (
                "{schedule: 'TZ=UTC 0 * * * *'}",
                Reason::InvalidSchedule,
                "has 6 fields instead of five",
            ),
            (
                "{schedule: '59 23 31 2 *'}",
                Reason::InvalidSchedule,
                "no date ever fits it",
            ),
            (
                "{schedule: '0 * * * *', timeZone: Mars/Base}",
                Reason::UnknownTimeZone,
                "spec.jobs.billTraffic.timeZone `Mars/Base` is not in the tz database",
            ),
            (
                "{interval: soon}",
                Reason::InvalidSchedule,
                "spec.jobs.billTraffic.interval `soon` is not a duration",
            ),
            (
                "{interval: 25h}",
                Reason::InvalidSchedule,
                "is not a duration from 1s to 24h",
            ),
        ] {
            let error = job(text).schedule.unwrap_err();
            assert_eq!(error.reason(), reason, "{text}");
            assert!(error.to_string().contains(sentence), "{text}: {error}");
        }
    }

    #[test]
    fn only_rare_slots_are_written_down() {
        let now: Timestamp = "2026-03-04T10:01:00Z".parse().unwrap();
        let next = |text: &str| {
            one(
                &format!("jobs: {{billTraffic: {text}}}"),
                JobName::BillTraffic,
            )
            .next_to_show(now)
        };
        assert_eq!(next("{interval: 299s}"), None);
        assert!(next("{interval: 300s}").is_some());
        assert_eq!(
            next("{schedule: '5 * * * *'}"),
            "2026-03-04T10:05:00Z".parse().ok()
        );
        assert_eq!(next("{schedule: '5 * * * *', suspend: true}"), None);
    }
}
