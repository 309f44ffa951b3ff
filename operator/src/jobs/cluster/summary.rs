//! What the status says of the jobs: a sampled view, and condition `JobsHealthy`.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use telecom_crds::{ConditionType, JobResult, JobStatus, Reason};

use super::ClusterLoops;
use crate::jobs::inputs::Held;
use crate::jobs::job::JobLoop;
use crate::jobs::run::Refusal;
use crate::status::{Finding, Verdict};
use crate::stores::ClusterKey;

#[cfg(test)]
mod tests;

/// The part of a status that the job loops write.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Of which cluster.
    pub key: ClusterKey,
    /// Its uid: another one of the same name is not meant.
    pub uid: String,
    /// Each job.
    pub jobs: Vec<JobStatus>,
    /// Condition `JobsHealthy`.
    pub healthy: Condition,
    /// The last request that was acted upon.
    pub last_handled_request: Option<String>,
    /// The job that ran last.
    pub last_job: Option<String>,
    /// The job that is due next, of those that are due rarely.
    pub next_job: Option<String>,
}

/// Condition `JobsHealthy` as it was told last.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    finding: Finding,
    since: Timestamp,
}

impl Health {
    /// As a status remembers it.
    pub fn remembered(condition: Option<&Condition>, now: Timestamp) -> Self {
        let nothing = (
            Verdict::Unknown,
            Reason::WaitingForServer,
            String::new(),
            now,
        );
        let (verdict, reason, message, since) = condition.map_or(nothing, |condition| {
            let verdict = match condition.status.as_str() {
                "True" => Verdict::True,
                "False" => Verdict::False,
                _ => Verdict::Unknown,
            };
            let reason = condition.reason.parse().unwrap_or(Reason::InternalError);
            (
                verdict,
                reason,
                condition.message.clone(),
                condition.last_transition_time.0,
            )
        });
        let kind = ConditionType::JobsHealthy;
        Self {
            finding: Finding::new(kind, verdict, reason, message),
            since,
        }
    }

    /// Takes a new finding up; true when it is another.
    pub fn becomes(&mut self, finding: Finding, now: Timestamp) -> bool {
        let before = std::mem::replace(&mut self.finding, finding);
        if before.verdict != self.finding.verdict {
            self.since = now;
        }
        (before.verdict, before.reason) != (self.finding.verdict, self.finding.reason)
    }
}

impl Finding {
    /// Whether it says nothing but that there is nothing to say yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.reason == Reason::WaitingForServer
    }
}

/// How the jobs of a cluster are, worst first.
pub fn health(loops: &ClusterLoops, now: Timestamp) -> Finding {
    let found = |verdict: Verdict, reason, message| {
        Finding::new(ConditionType::JobsHealthy, verdict, reason, message)
    };
    let jobs = || loops.jobs.values();
    let bad: Vec<_> = jobs()
        .filter_map(|job| job.settings().schedule.as_ref().err())
        .collect();
    if let Some(first) = bad.first() {
        let sentences: Vec<_> = bad.iter().map(ToString::to_string).collect();
        return found(
            Verdict::False,
            first.reason(),
            format!("{}.", sentences.join("; ")),
        );
    }
    let mut refusals = jobs()
        .filter_map(JobLoop::trouble)
        .chain(loops.seed_refusal());
    if let Some((reason, message)) = refusals.find_map(lasting) {
        return found(Verdict::False, reason, message);
    }
    if let Some((theirs, ours)) = loops.clocks {
        let message = format!(
            "The clock of the database shows {theirs}, the operator's {ours}: set them right, jobs run late or wait."
        );
        return found(Verdict::False, Reason::ClockAhead, message);
    }
    let failing: Vec<_> = jobs()
        .filter(|job| job.record().consecutive_failures > 0)
        .collect();
    if !failing.is_empty() {
        let away = failing
            .iter()
            .any(|job| matches!(job.trouble(), Some(Refusal::Unavailable(_))));
        let reason = if away {
            Reason::ServerUnreachable
        } else {
            Reason::JobFailing
        };
        let sentences: Vec<_> = failing.into_iter().map(failure).collect();
        return found(Verdict::False, reason, sentences.join("; "));
    }
    let missed: Vec<_> = jobs()
        .filter(|job| job.record().last_result == Some(JobResult::Missed))
        .collect();
    if !missed.is_empty() {
        let names: Vec<_> = missed
            .iter()
            .map(|job| job.settings().name.as_str())
            .collect();
        let message = format!(
            "{} did not run when it was due: nobody could start it in time. The next run that succeeds ends this.",
            names.join(", ")
        );
        return found(Verdict::False, Reason::MissedSchedule, message);
    }
    match loops.inputs.held {
        Some(Held::ScaledToZero) => {
            let message = "No server is wanted: jobs wait for one.".to_owned();
            return found(Verdict::True, Reason::ScaledToZero, message);
        }
        Some(held @ (Held::Starting | Held::Migrating)) => {
            let message = format!("Jobs wait: {held}.");
            return found(Verdict::Unknown, Reason::WaitingForServer, message);
        }
        None if !loops.has_begun(now) => {
            let message = "No server has said yet what ran before.".to_owned();
            return found(Verdict::Unknown, Reason::WaitingForServer, message);
        }
        None => {}
    }
    let suspended: Vec<_> = jobs()
        .filter(|job| job.settings().suspend)
        .map(|job| job.settings().name.as_str())
        .collect();
    let message = if suspended.is_empty() {
        "Every job runs when it is due.".to_owned()
    } else {
        format!(
            "Every job runs when it is due; suspended: {}.",
            suspended.join(", ")
        )
    };
    found(Verdict::True, Reason::JobsRunning, message)
}

/// What only a change of something else can mend.
fn lasting(refusal: &Refusal) -> Option<(Reason, String)> {
    let reason = match refusal {
        Refusal::ClockAhead { .. } => Reason::ClockAhead,
        Refusal::DatabaseInUse { .. } => Reason::DatabaseInUse,
        Refusal::Unsupported => Reason::JobsUnsupported,
        Refusal::Unauthenticated(_) => Reason::JobsUnauthenticated,
        Refusal::JobActive { .. } | Refusal::Superseded { .. } | Refusal::Unavailable(_) => {
            return None;
        }
    };
    Some((reason, format!("No job runs: {refusal}.")))
}

fn failure(job: &JobLoop) -> String {
    let record = job.record();
    let error = record.last_error.as_deref().unwrap_or("it did not say why");
    let name = job.settings().name;
    match record.consecutive_failures {
        1 => format!("{name} failed: {error}"),
        failures => format!("{name} has failed {failures} times in a row: {error}"),
    }
}

/// The status of now.
pub fn report(loops: &ClusterLoops, health: &Health, now: Timestamp) -> Report {
    let jobs: Vec<_> = loops.jobs.values().map(|job| status(job, now)).collect();
    let last = jobs.iter().filter(|job| job.last_schedule_time.is_some());
    let last = last.max_by_key(|job| job.last_schedule_time.as_ref().map(|time| time.0));
    let next = jobs.iter().filter(|job| job.next_schedule_time.is_some());
    let next = next.min_by_key(|job| job.next_schedule_time.as_ref().map(|time| time.0));
    Report {
        key: loops.inputs.key.clone(),
        uid: loops.inputs.uid.clone(),
        healthy: Condition {
            type_: health.finding.kind.as_str().to_owned(),
            status: health.finding.verdict.as_str().to_owned(),
            reason: health.finding.reason.as_str().to_owned(),
            message: health.finding.message.clone(),
            observed_generation: loops.inputs.generation,
            last_transition_time: Time(health.since),
        },
        last_handled_request: loops.handled.clone(),
        last_job: last.and_then(last_words),
        next_job: next.and_then(|job| {
            Some(format!(
                "{} {}",
                job.name,
                job.next_schedule_time.as_ref()?.0
            ))
        }),
        jobs,
    }
}

fn last_words(job: &JobStatus) -> Option<String> {
    let how = match job.last_result {
        _ if job.active => "running",
        Some(JobResult::Succeeded) => "succeeded",
        Some(JobResult::Failed) => "failed",
        Some(JobResult::Missed) => "missed",
        None => "started",
    };
    Some(format!(
        "{} {} {how}",
        job.name,
        job.last_schedule_time.as_ref()?.0
    ))
}

fn status(job: &JobLoop, now: Timestamp) -> JobStatus {
    let settings = job.settings();
    let record = job.record();
    JobStatus {
        name: settings.name.as_str().to_owned(),
        schedule: settings.words.clone(),
        schedule_hash: settings.hash.clone(),
        anchor: Time(job.anchor()),
        suspended: settings.suspend,
        active: job.is_active(),
        last_schedule_time: job.last().map(Time),
        last_success_time: record.last_success.map(Time),
        last_result: record.last_result,
        last_error: record.last_error.clone(),
        next_schedule_time: settings.next_to_show(now).map(Time),
        consecutive_failures: i32::try_from(record.consecutive_failures).unwrap_or(i32::MAX),
    }
}
