//! The status step: from what was seen and done to the findings about a cluster.

use telecom_crds::{ConditionType, Reason};

use super::availability::Count;
use super::{Look, database};
use crate::kinds::Kind;
use crate::migration::{self, Step};
use crate::names;
use crate::podreason::{self, Cause};
use crate::status::{self, Finding};

mod server;
#[cfg(test)]
mod tests;

pub use server::{Answer, ask};
use server::{STARTING, held_back, server};

impl Look<'_> {
    /// The cluster's name.
    pub(super) fn world_name(&self) -> String {
        self.cluster.metadata.name.clone().unwrap_or_default()
    }
}

/// All findings, Ready first.
pub(super) fn findings(look: &Look<'_>) -> Vec<Finding> {
    let gates = [
        configuration(look),
        database::finding(look),
        migrations(look),
        server(look),
    ];
    let mut all = vec![status::ready(&gates)];
    all.extend(gates);
    all.extend([
        progressing(look),
        monitoring(look),
        paused(look),
        contended(look),
    ]);
    all
}

fn configuration(look: &Look<'_>) -> Finding {
    let kind = ConditionType::ConfigurationValid;
    let problems = look.wanted.as_ref().err().into_iter().copied().flatten();
    let problems: Vec<_> = problems
        .filter(|problem| problem.condition == kind)
        .collect();
    if let Some(first) = problems.first() {
        let messages: Vec<_> = problems
            .iter()
            .map(|problem| problem.message.as_str())
            .collect();
        return Finding::new(kind, false, first.reason, messages.join("; "));
    }
    let refused = look.progress.error.as_ref().filter(|error| {
        let of_claim = error
            .to_string()
            .contains(Kind::PersistentVolumeClaim.as_str());
        !of_claim
            && error
                .status()
                .is_some_and(|status| matches!(status.code, 400 | 422))
    });
    if let Some(error) = refused {
        let message = format!("the apiserver refuses what the manifest asks for: {error}");
        return Finding::new(kind, false, Reason::InvalidValue, message);
    }
    Finding::new(
        kind,
        true,
        Reason::Valid,
        "The manifest and what it refers to can be used.",
    )
}

fn migrations(look: &Look<'_>) -> Finding {
    let found = |holds: bool, reason, message: String| {
        Finding::new(ConditionType::MigrationsApplied, holds, reason, message)
    };
    let Ok((_, plan)) = &look.wanted else {
        return unplanned_migration(look);
    };
    let job = plan
        .migration
        .job
        .as_ref()
        .map(|job| job.name.as_str())
        .unwrap_or_default();
    let pods = migration::pods_of(&look.world.migration_pods, job);
    let words = migration::last_words(&look.world.migration_pods, job);
    match (&look.progress.migration, words) {
        (Some(Step::Done), _) => found(
            true,
            Reason::Applied,
            "The schema is as new as the server image needs.".to_owned(),
        ),
        (None | Some(Step::WaitForDatabase), _) => found(
            false,
            Reason::WaitingForDatabase,
            "The migration waits for the database.".to_owned(),
        ),
        (Some(Step::Start { .. } | Step::Clear { .. }), _) if look.cluster.spec.paused => found(
            false,
            Reason::Paused,
            "The migration starts once spec.paused is false.".to_owned(),
        ),
        // The Pod ends a moment before its Job does.
        (Some(Step::Wait | Step::RetryAfter(_)), Some(words)) => {
            let reason = words.reason(Reason::MigrationFailed);
            found(
                false,
                reason,
                failed_migration(job, &words.message, plan.held_back),
            )
        }
        (Some(Step::RetryAfter(_)), None) => {
            let message = failed_migration(job, "its Pod left no message", plan.held_back);
            found(false, Reason::MigrationFailed, message)
        }
        (Some(Step::Start { .. } | Step::Wait | Step::Clear { .. }), _) => {
            match podreason::cause(&pods) {
                Some(Cause::Told(reason, message)) => found(false, reason, message),
                Some(Cause::Ask { .. } | Cause::Starting) | None => found(
                    false,
                    Reason::MigrationRunning,
                    format!("Job {job} brings the schema up to date."),
                ),
            }
        }
    }
}

fn failed_migration(job: &str, why: &str, held_back: bool) -> String {
    let serving = if held_back {
        " The old version goes on serving."
    } else {
        ""
    };
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
        return Finding::new(
            kind,
            false,
            Reason::WaitingForDatabase,
            "The migration waits for the database.",
        );
    }
    let message = "The migration waits until the configuration is valid.";
    Finding::new(kind, false, Reason::WaitingForConfiguration, message)
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
        return found(
            false,
            Reason::Paused,
            "Nothing is rolled out while spec.paused is true.".to_owned(),
        );
    }
    let gates = [
        configuration(look),
        database::finding(look),
        migrations(look),
    ];
    let gate = gates
        .into_iter()
        .find(|gate| gate.verdict != status::Verdict::True);
    if let Some(gate) = gate {
        let waiting = crate::events::tone(gate.reason) == crate::events::Tone::Waiting;
        let reason = if waiting {
            Reason::RolloutInProgress
        } else {
            gate.reason
        };
        return found(waiting, reason, gate.message);
    }
    let complete = look
        .world
        .deployment
        .as_ref()
        .is_some_and(|deployment| Count::of(deployment).complete());
    if !complete {
        // Before and after the first new Pod the words are the same, which saves a write of the status.
        let why = held_back(look).map_or_else(|| STARTING.to_owned(), |(_, why)| why);
        return found(
            true,
            Reason::RolloutInProgress,
            format!("The server is being rolled out. {why}"),
        );
    }
    if look.upgrade_waits {
        let message = "The image of the operator's version is rolled out once fewer other clusters are being moved to it.";
        return found(true, Reason::RolloutInProgress, message.to_owned());
    }
    found(
        false,
        Reason::Complete,
        "Nothing is being rolled out.".to_owned(),
    )
}

fn monitoring(look: &Look<'_>) -> Finding {
    let found = |holds: bool, reason, message: String| {
        Finding::new(ConditionType::MonitoringReady, holds, reason, message)
    };
    let metrics = &look.cluster.spec.metrics;
    if !metrics.enabled {
        return found(
            false,
            Reason::Disabled,
            "spec.metrics.enabled is false.".to_owned(),
        );
    }
    if look
        .wanted
        .as_ref()
        .is_ok_and(|(cluster, _)| cluster.metrics.token_empty)
    {
        let reference = metrics.bearer_token_secret_ref.as_ref();
        let place = reference.map_or_else(String::new, |secret| {
            format!("key {} of Secret {}", secret.key, secret.name)
        });
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
    found(
        true,
        Reason::ServiceMonitorCreated,
        format!("ServiceMonitor {name} exists."),
    )
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
        return Finding::new(
            kind,
            false,
            Reason::NotContended,
            "Nobody else changes the operator's objects.",
        );
    }
    let message = format!(
        "{}. It is put back less and less often. Stop the other manager, or change the field in the TelecomCluster instead.",
        fights.join("; ")
    );
    Finding::new(kind, true, Reason::Contended, message)
}
