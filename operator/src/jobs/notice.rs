//! What is told of a job, once, to whoever looks at its cluster's events.

use jiff::Timestamp;
use kube::runtime::events::EventType;
use telecom_crds::JobName;

use super::run::RunKey;
use super::schedule::Count;
use super::settings::BadSchedule;

/// Something that happened to a job and is worth an event. A run that succeeds is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A run failed, the first in a row; how many more did is in the status.
    Failed {
        /// Which one.
        key: RunKey,
        /// Why.
        error: String,
    },
    /// A run succeeded after others that had failed.
    Recovered {
        /// How many had.
        failures: u32,
    },
    /// Nobody ran these slots in time.
    Missed {
        /// How many.
        count: Count,
        /// The last of them.
        last: Timestamp,
    },
    /// A slot is due while a run goes on: the first of its streak.
    AlreadyActive {
        /// The slot.
        slot: Timestamp,
    },
    /// What the manifest says of its schedule cannot be used.
    BadSchedule(BadSchedule),
    /// The run that somebody asked for has ended.
    Requested {
        /// The annotation's value.
        value: String,
        /// Why it failed.
        error: Option<String>,
    },
    /// What somebody asked for is no request.
    BadRequest {
        /// The annotation's value.
        value: String,
    },
}

impl Notice {
    /// The event's reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "JobFailing",
            Self::Recovered { .. } => "JobRecovered",
            Self::Missed { .. } => "MissedSchedule",
            Self::AlreadyActive { .. } => "JobAlreadyActive",
            Self::BadSchedule(bad) => bad.reason().as_str(),
            Self::Requested { .. } => "JobRequestHandled",
            Self::BadRequest { .. } => "InvalidJobRequest",
        }
    }

    /// Whether somebody may have to act.
    pub fn type_(&self) -> EventType {
        match self {
            Self::Recovered { .. } | Self::Requested { error: None, .. } => EventType::Normal,
            Self::Failed { .. }
            | Self::Missed { .. }
            | Self::AlreadyActive { .. }
            | Self::BadSchedule(_)
            | Self::Requested { .. }
            | Self::BadRequest { .. } => EventType::Warning,
        }
    }

    /// The event's sentence.
    pub fn sentence(&self, job: Option<JobName>) -> String {
        let name = job.map_or("", JobName::as_str);
        match self {
            Self::Failed { key, error } => format!("{name} of {key} failed: {error}"),
            Self::Recovered { failures: 1 } => format!("{name} succeeded after a failure."),
            Self::Recovered { failures } => format!("{name} succeeded after {failures} failures."),
            Self::Missed {
                count: Count::Exactly(1),
                last,
            } => {
                format!("{name} did not run for {last}: nobody could start it in time.")
            }
            Self::Missed { count, last } => {
                format!(
                    "{name} did not run for {count} slots up to {last}: nobody could start it in time."
                )
            }
            Self::AlreadyActive { slot } => format!(
                "{name} is due for {slot} while a run of it goes on; the latest slot that is due then starts when that ends."
            ),
            Self::BadSchedule(bad) => format!("{bad}. {name} does not run until it is corrected."),
            Self::Requested { value, error: None } => {
                format!("The run asked for by {value} succeeded.")
            }
            Self::Requested {
                value,
                error: Some(error),
            } => {
                format!("The run asked for by {value} failed: {error}")
            }
            Self::BadRequest { value } => {
                let jobs: Vec<_> = JobName::ALL.iter().map(|job| job.as_str()).collect();
                format!(
                    "Annotation telecom.dev/run-job `{value}` is no request: write <job>@<a new word each time>, with one of the jobs {}.",
                    jobs.join(", ")
                )
            }
        }
    }
}
