//! The status step: from what was seen and done to the findings about a cluster.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use telecom_crds::{ConditionType, Reason};

use super::availability::{self, Count};
use super::{Context, Look, database};
use crate::build::HTTP_PORT;
use crate::dereference::World;
use crate::kinds::Kind;
use crate::migration::{self, Step};
use crate::names;
use crate::podreason::{self, Cause, Readiness};
use crate::status::{self, Finding};

#[cfg(test)]
mod tests;

/// How long a Pod may run before not being ready is called a problem.
const STARTUP_SECONDS: i64 = 20;

/// A Pod that says it is not ready is asked again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// What a Pod that is not ready answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its own words, or why there are none.
    pub said: Result<Readiness, String>,
}

/// A question to a Pod, or the time after which it is worth asking.
#[derive(Debug, Default)]
pub struct Asked {
    /// What it answered.
    pub answer: Option<Answer>,
    /// When to ask (again).
    pub again: Option<Duration>,
}

/// Asks a server Pod why it is not ready, if one has had the time to become so.
pub async fn ask(context: &Context, world: &World, now: Timestamp) -> Asked {
    let Some(Cause::Ask { address, since, .. }) = podreason::cause(&world.server_pods) else {
        return Asked::default();
    };
    let again = Some(ASK_AGAIN);
    if since.is_some_and(|since| fresh(since, now)) {
        return Asked { answer: None, again };
    }
    let said = context.asker.ask(&address, HTTP_PORT).await;
    Asked {
        answer: Some(Answer { said }),
        again,
    }
}

impl Look<'_> {
    /// The cluster's name.
    pub(super) fn world_name(&self) -> String {
        self.cluster.metadata.name.clone().unwrap_or_default()
    }
}

/// All findings, Ready first.
pub(super) fn findings(look: &Look<'_>) -> Vec<Finding> {
    let gates = [configuration(look), database::finding(look), migrations(look), server(look)];
    let mut all = vec![status::ready(&gates)];
    all.extend(gates);
    all.extend([progressing(look), monitoring(look), paused(look), contended(look)]);
    all
}

fn configuration(look: &Look<'_>) -> Finding {
    let kind = ConditionType::ConfigurationValid;
    let problems = look.wanted.as_ref().err().into_iter().copied().flatten();
    let problems: Vec<_> = problems.filter(|problem| problem.condition == kind).collect();
    if let Some(first) = problems.first() {
        let messages: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
        return Finding::new(kind, false, first.reason, messages.join("; "));
    }
    let refused = look.progress.error.as_ref().filter(|error| {
        let of_claim = error.to_string().contains(Kind::PersistentVolumeClaim.as_str());
        !of_claim && error.status().is_some_and(|status| matches!(status.code, 400 | 422))
    });
    if let Some(error) = refused {
        let message = format!("the apiserver refuses what the manifest asks for: {error}");
        return Finding::new(kind, false, Reason::InvalidValue, message);
    }
    Finding::new(kind, true, Reason::Valid, "The manifest and what it refers to can be used.")
}

fn migrations(look: &Look<'_>) -> Finding {
    let found = |holds: bool, reason, message: String| {
        Finding::new(ConditionType::MigrationsApplied, holds, reason, message)
    };
    let Ok((_, plan)) = &look.wanted else {
        return unplanned_migration(look);
    };
    let job = plan.migration.job.as_ref().map(|job| job.name.as_str()).unwrap_or_default();
    let pods = migration::pods_of(&look.world.migration_pods, job);
    let words = migration::last_words(&look.world.migration_pods, job);
    match (&look.progress.migration, words) {
        (Some(Step::Done), _) => {
            found(true, Reason::Applied, "The schema is as new as the server image needs.".to_owned())
        }
        (None | Some(Step::WaitForDatabase), _) => {
            found(false, Reason::WaitingForDatabase, "The migration waits for the database.".to_owned())
        }
        (Some(Step::Start { .. } | Step::Clear { .. }), _) if look.cluster.spec.paused => {
            found(false, Reason::Paused, "The migration starts once spec.paused is false.".to_owned())
        }
        // The Pod ends a moment before its Job does.
        (Some(Step::Wait | Step::RetryAfter(_)), Some(words)) => {
            let reason = words.reason(Reason::MigrationFailed);
            found(false, reason, failed_migration(job, &words.message, plan.held_back))
        }
        (Some(Step::RetryAfter(_)), None) => {
            let message = failed_migration(job, "its Pod left no message", plan.held_back);
            found(false, Reason::MigrationFailed, message)
        }
        (Some(Step::Start { .. } | Step::Wait | Step::Clear { .. }), _) => match podreason::cause(&pods) {
            Some(Cause::Told(reason, message)) => found(false, reason, message),
            Some(Cause::Ask { .. } | Cause::Starting) | None => {
                found(false, Reason::MigrationRunning, format!("Job {job} brings the schema up to date."))
            }
        },
    }
}

fn failed_migration(job: &str, why: &str, held_back: bool) -> String {
    let serving = if held_back { " The old version goes on serving." } else { "" };
    let why = why.trim_end_matches('.');
    format!(
        "Job {job} failed: {why}. It is tried again after 1, 2, 4 … 30 minutes, or at once when the image, the \
         configuration or a Secret changes; delete the Job to try now.{serving}"
    )
}

/// Without a plan only the last good migration is known.
fn unplanned_migration(look: &Look<'_>) -> Finding {
    let kind = ConditionType::MigrationsApplied;
    let deployment = look.world.deployment.as_ref();
    let annotations = deployment.and_then(|deployment| deployment.metadata.annotations.as_ref());
    if annotations.is_some_and(|annotations| annotations.contains_key(names::MIGRATED_ANNOTATION)) {
        let message = "The schema is as new as the serving version needs.";
        return Finding::new(kind, true, Reason::Applied, message);
    }
    let problems = look.wanted.as_ref().err().into_iter().copied().flatten();
    let mut others = problems.filter(|problem| problem.condition != ConditionType::DatabaseReady);
    if others.next().is_none() {
        return Finding::new(kind, false, Reason::WaitingForDatabase, "The migration waits for the database.");
    }
    let message = "The migration waits until the configuration is valid.";
    Finding::new(kind, false, Reason::WaitingForConfiguration, message)
}

fn server(look: &Look<'_>) -> Finding {
    let found = |holds: bool, reason, message: String| {
        Finding::new(ConditionType::ServerAvailable, holds, reason, message)
    };
    let Some(deployment) = &look.world.deployment else {
        return found(
            false,
            Reason::WaitingForPrerequisites,
            "The server starts once the configuration is valid, the database is ready and its migration has succeeded.".to_owned(),
        );
    };
    let count = Count::of(deployment);
    if count.wanted == 0 {
        let message = "No server is wanted: spec.replicas is 0.".to_owned();
        return found(false, Reason::ScaledToZero, message);
    }
    let numbers = format!("{} of {} server Pods are available", count.available, count.wanted);
    if count.available >= count.wanted {
        return found(true, Reason::Available, format!("{numbers}."));
    }
    match held_back(look) {
        Some((reason, why)) if count.available == 0 || reason != Reason::RolloutInProgress => {
            found(false, reason, format!("{numbers}. {why}"))
        }
        Some(_) | None if count.available > 0 => found(true, Reason::Available, format!("{numbers}.")),
        Some((reason, why)) => found(false, reason, format!("{numbers}. {why}")),
        None => found(false, Reason::RolloutInProgress, format!("{numbers}.")),
    }
}

/// What keeps server Pods from being available.
fn held_back(look: &Look<'_>) -> Option<(Reason, String)> {
    let deployment = look.world.deployment.as_ref()?;
    if let Some(message) = availability::cannot_create(deployment) {
        return Some((Reason::PodCreationFailed, message));
    }
    let starting = (Reason::RolloutInProgress, "New Pods are starting.".to_owned());
    match podreason::cause(&look.world.server_pods)? {
        Cause::Told(reason, message) => Some((reason, message)),
        Cause::Starting => Some(starting),
        Cause::Ask { since, .. } if since.is_some_and(|since| fresh(since, look.now)) => Some(starting),
        Cause::Ask { pod, .. } => Some(match look.answer.as_ref().map(|answer| &answer.said) {
            Some(Ok(said)) => match said.failing() {
                Some((check, why)) => (Reason::NotReady, format!("Pod {pod} is not ready: {check}: {why}")),
                None => starting,
            },
            Some(Err(why)) => (Reason::NotReady, format!("Pod {pod} is not ready and does not say why: {why}")),
            None => starting,
        }),
    }
}

/// Whether a Pod has run for so short a time that not being ready is no trouble yet.
fn fresh(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) < SignedDuration::from_secs(STARTUP_SECONDS)
}

fn progressing(look: &Look<'_>) -> Finding {
    let found = |holds: bool, reason, message: String| {
        Finding::new(ConditionType::Progressing, holds, reason, message)
    };
    if let Some(error) = &look.progress.error {
        let message = format!("{error}. The operator tries again.");
        return found(false, Reason::InternalError, message);
    }
    if look.cluster.spec.paused {
        return found(false, Reason::Paused, "Nothing is rolled out while spec.paused is true.".to_owned());
    }
    let gates = [configuration(look), database::finding(look), migrations(look)];
    let gate = gates.into_iter().find(|gate| gate.verdict != status::Verdict::True);
    if let Some(gate) = gate {
        let waiting = crate::events::tone(gate.reason) == crate::events::Tone::Waiting;
        let reason = if waiting { Reason::RolloutInProgress } else { gate.reason };
        return found(waiting, reason, gate.message);
    }
    let complete = look.world.deployment.as_ref().is_some_and(|deployment| Count::of(deployment).complete());
    if !complete {
        let why = held_back(look).map_or_else(String::new, |(_, why)| format!(" {why}"));
        return found(true, Reason::RolloutInProgress, format!("The server is being rolled out.{why}"));
    }
    if look.upgrade_waits {
        let message = "The image of the operator's version is rolled out once fewer other clusters are being moved to it.";
        return found(true, Reason::RolloutInProgress, message.to_owned());
    }
    found(false, Reason::Complete, "Nothing is being rolled out.".to_owned())
}

fn monitoring(look: &Look<'_>) -> Finding {
    let found = |holds: bool, reason, message: String| {
        Finding::new(ConditionType::MonitoringReady, holds, reason, message)
    };
    let metrics = &look.cluster.spec.metrics;
    if !metrics.enabled {
        return found(false, Reason::Disabled, "spec.metrics.enabled is false.".to_owned());
    }
    if look.wanted.as_ref().is_ok_and(|(cluster, _)| cluster.metrics.token_empty) {
        let reference = metrics.bearer_token_secret_ref.as_ref();
        let place = reference.map_or_else(String::new, |secret| format!("key {} of Secret {}", secret.key, secret.name));
        let message = format!(
            "/metrics is closed to everyone: {place} is empty. Fill it, or remove spec.metrics.bearerTokenSecretRef to open /metrics."
        );
        return found(false, Reason::MetricsTokenEmpty, message);
    }
    if !metrics.service_monitor.enabled {
        let message = "spec.metrics.serviceMonitor.enabled is false.".to_owned();
        return found(false, Reason::Disabled, message);
    }
    if !look.monitors {
        let message = "The cluster has no kind ServiceMonitor. Install the Prometheus Operator, or scrape port http of the Service by other means.";
        return found(false, Reason::ServiceMonitorKindAbsent, message.to_owned());
    }
    let name = names::server(&look.world_name());
    if look.world.get(Kind::ServiceMonitor, &name).is_none() {
        let message = format!("ServiceMonitor {name} is not there yet.");
        return found(false, Reason::RolloutInProgress, message);
    }
    found(true, Reason::ServiceMonitorCreated, format!("ServiceMonitor {name} exists."))
}

fn paused(look: &Look<'_>) -> Finding {
    let kind = ConditionType::Paused;
    if look.cluster.spec.paused {
        let message = "spec.paused is true: nothing but this status is written.";
        Finding::new(kind, true, Reason::Paused, message)
    } else {
        Finding::new(kind, false, Reason::NotPaused, "spec.paused is false.")
    }
}

fn contended(look: &Look<'_>) -> Finding {
    let kind = ConditionType::Contended;
    let fights: Vec<_> = look
        .progress
        .contended
        .iter()
        .map(|((of, name), rival)| format!("{rival} keeps changing {of} {name}"))
        .collect();
    if fights.is_empty() {
        return Finding::new(kind, false, Reason::NotContended, "Nobody else changes the operator's objects.");
    }
    let message = format!(
        "{}. It is put back less and less often. Stop the other manager, or change the field in the TelecomCluster instead.",
        fights.join("; ")
    );
    Finding::new(kind, true, Reason::Contended, message)
}
