//! When the migration Job runs, when it is tried again, and what its end means.

use std::time::Duration;

use k8s_openapi::api::batch::v1::{Job, JobCondition};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use telecom_crds::Reason;

#[cfg(test)]
mod tests;

/// Annotation on the Job: which attempt it is, counted from 1.
pub const ATTEMPT_ANNOTATION: &str = "telecom.dev/attempt";
/// Annotation on the Job: hash of everything it was started with that may make another end.
pub const INPUTS_ANNOTATION: &str = "telecom.dev/migration-inputs";

/// The pauses after the first, second … failure; the last one repeats.
const PAUSES_MINUTES: [u64; 6] = [1, 2, 4, 8, 16, 30];
/// The longest end of a log that is quoted.
const LONGEST_QUOTE: usize = 600;

/// The Job of the wanted migration as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// There is none.
    Absent,
    /// It is being deleted.
    Leaving,
    /// It has not ended.
    Running {
        /// Hash of what it was started with.
        inputs: String,
    },
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed {
        /// When.
        at: Timestamp,
        /// Which attempt it was.
        attempt: u32,
        /// Hash of what it was started with.
        inputs: String,
    },
}

/// Everything that decides the next step.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// The migration that is wanted, as the Job's name.
    pub wanted: &'a str,
    /// The migration that the Deployment says has succeeded.
    pub migrated: Option<&'a str>,
    /// The wanted Job.
    pub job: JobState,
    /// Whether the database is there to be migrated.
    pub database_ready: bool,
    /// Hash of what a Job started now would be started with.
    pub inputs: &'a str,
    /// Whether the Job's Pod cannot even start.
    pub stuck: bool,
    /// The attempt that a retry has already announced by deleting its predecessor.
    pub announced: Option<u32>,
    /// Now.
    pub now: Timestamp,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The schema is as the server needs it.
    Done,
    /// The database has to come first.
    WaitForDatabase,
    /// Start the Job as this attempt.
    Start {
        /// Which one, counted from 1.
        attempt: u32,
    },
    /// The Job is at work, or its predecessor is still leaving.
    Wait,
    /// Delete the failed Job, so that this attempt can be started.
    Clear {
        /// The attempt to start once it is gone.
        attempt: u32,
    },
    /// It failed; try again after this time.
    RetryAfter(Duration),
}

/// Decides.
pub fn decide(situation: &Situation<'_>) -> Step {
    if situation.migrated == Some(situation.wanted) {
        return Step::Done;
    }
    match &situation.job {
        JobState::Succeeded => Step::Done,
        // A Pod that cannot start does no harm when it is replaced; one that runs is let finish.
        JobState::Running { inputs } if situation.stuck && inputs != situation.inputs => {
            Step::Clear { attempt: 1 }
        }
        JobState::Running { .. } | JobState::Leaving => Step::Wait,
        JobState::Absent if !situation.database_ready => Step::WaitForDatabase,
        JobState::Absent => Step::Start {
            attempt: situation.announced.unwrap_or(1),
        },
        JobState::Failed {
            at,
            attempt,
            inputs,
        } => {
            // Other credentials or another configuration are a new chance at once, and a new count.
            if inputs != situation.inputs {
                return Step::Clear { attempt: 1 };
            }
            let due = pause(*attempt);
            let since = situation.now.duration_since(*at);
            let since = Duration::try_from(since).unwrap_or(Duration::ZERO);
            match due.checked_sub(since).filter(|left| !left.is_zero()) {
                Some(left) => Step::RetryAfter(left),
                None if situation.database_ready => Step::Clear {
                    attempt: attempt.saturating_add(1),
                },
                None => Step::WaitForDatabase,
            }
        }
    }
}

/// How long to wait after this many failures.
fn pause(failures: u32) -> Duration {
    let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let last = PAUSES_MINUTES[PAUSES_MINUTES.len() - 1];
    let minutes = PAUSES_MINUTES.get(index).copied().unwrap_or(last);
    Duration::from_secs(minutes * 60)
}

/// The condition with which a Job has ended, `Complete` or `Failed`.
pub(crate) fn ended<'a>(job: &'a Job, kind: &str) -> Option<&'a JobCondition> {
    let mut conditions = job
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions.find(|condition| condition.type_ == kind && condition.status == "True")
}

/// Reads the state of a Job.
pub fn job_state(job: Option<&Job>) -> JobState {
    let Some(job) = job else {
        return JobState::Absent;
    };
    if job.metadata.deletion_timestamp.is_some() {
        return JobState::Leaving;
    }
    if ended(job, "Complete").is_some() {
        return JobState::Succeeded;
    }
    let annotation = |key: &str| {
        let annotations = job.metadata.annotations.as_ref();
        annotations
            .and_then(|annotations| annotations.get(key))
            .cloned()
    };
    let inputs = annotation(INPUTS_ANNOTATION).unwrap_or_default();
    let Some(failed) = ended(job, "Failed") else {
        return JobState::Running { inputs };
    };
    let at = failed
        .last_transition_time
        .as_ref()
        .or(job.metadata.creation_timestamp.as_ref());
    JobState::Failed {
        at: at.map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        attempt: annotation(ATTEMPT_ANNOTATION)
            .and_then(|text| text.parse().ok())
            .unwrap_or(1),
        inputs,
    }
}

/// Why a migration (or a server) gave up, as it wrote into its termination message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LastWords {
    /// One word of the server's list.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

impl LastWords {
    /// Reads a termination message; anything that is not the server's JSON line is quoted from its end.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let line = text.lines().last()?;
        serde_json::from_str(line).ok().or_else(|| {
            Some(Self {
                reason: String::new(),
                message: tail(text).to_owned(),
            })
        })
    }

    /// The reason in the words of the conditions.
    pub fn reason(&self, otherwise: Reason) -> Reason {
        match self.reason.as_str() {
            "ConfigInvalid" => Reason::ConfigInvalid,
            "DatabaseUnreachable" => Reason::DatabaseUnreachable,
            "DatabaseAuthenticationFailed" => Reason::DatabaseAuthenticationFailed,
            "MigrationFailed" => Reason::MigrationFailed,
            "SchemaTooNew" => Reason::SchemaTooNew,
            "DatabaseInUse" => Reason::DatabaseInUse,
            _ => otherwise,
        }
    }
}

/// The Pods of one Job among those of all migrations.
pub fn pods_of(pods: &[Pod], job: &str) -> Vec<Pod> {
    let of_job = |pod: &&Pod| {
        let owners = pod.metadata.owner_references.as_ref();
        owners.is_some_and(|owners| {
            owners
                .iter()
                .any(|owner| owner.kind == "Job" && owner.name == job)
        })
    };
    pods.iter().filter(of_job).cloned().collect()
}

/// The last words of the newest Pod of a Job.
pub fn last_words(pods: &[Pod], job: &str) -> Option<LastWords> {
    let newest = pods_of(pods, job)
        .into_iter()
        .max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0))?;
    let containers = newest.status?.container_statuses?;
    containers
        .iter()
        .filter_map(|container| container.state.as_ref()?.terminated.as_ref())
        .filter(|ended| ended.exit_code != 0)
        .find_map(|ended| LastWords::read(ended.message.as_deref()?))
}

/// The end of a text, cut at a character.
pub(crate) fn tail(text: &str) -> &str {
    let mut start = text.len().saturating_sub(LONGEST_QUOTE);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}
