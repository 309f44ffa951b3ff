//! Events on a TelecomCluster: one for each edge of a condition that has been written to its status.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use telecom_crds::{ConditionType, Reason};

use crate::names::FIELD_MANAGER;
use crate::status::Finding;

/// The apiserver refuses a longer note.
const LONGEST_NOTE: usize = 1024;

/// What a reason says about the state of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// On its way; nobody need act.
    Waiting,
    /// Somebody has to act.
    Problem,
}

/// How a reason sounds.
pub fn tone(reason: Reason) -> Tone {
    match reason {
        Reason::Ready
        | Reason::Valid
        | Reason::EmbeddedReady
        | Reason::ExternalReachable
        | Reason::Applied
        | Reason::Available
        | Reason::ScaledToZero
        | Reason::Complete
        | Reason::ServiceMonitorCreated
        | Reason::ServiceMonitorKindAbsent
        | Reason::Disabled
        | Reason::Paused
        | Reason::NotPaused
        | Reason::NotContended
        | Reason::EmbeddedDatabaseKept
        | Reason::JobsRunning => Tone::Good,
        Reason::DatabasePending
        | Reason::ExternalConfigured
        | Reason::MigrationRunning
        | Reason::WaitingForDatabase
        | Reason::WaitingForConfiguration
        | Reason::WaitingForPrerequisites
        | Reason::WaitingForServer
        | Reason::RolloutInProgress => Tone::Waiting,
        Reason::SecretNotFound
        | Reason::SecretKeyMissing
        | Reason::SecretKeyEmpty
        | Reason::InvalidDatabaseUrl
        | Reason::InvalidValue
        | Reason::Unparsable
        | Reason::StoragePending
        | Reason::DatabaseUnreachable
        | Reason::DatabaseAuthenticationFailed
        | Reason::DatabaseSecretLost
        | Reason::MigrationFailed
        | Reason::SchemaTooNew
        | Reason::DatabaseInUse
        | Reason::ImagePullFailed
        | Reason::ContainerCrashing
        | Reason::PodUnschedulable
        | Reason::NotReady
        | Reason::ConfigInvalid
        | Reason::PodCreationFailed
        | Reason::MetricsTokenEmpty
        | Reason::JobFailing
        | Reason::MissedSchedule
        | Reason::InvalidSchedule
        | Reason::UnknownTimeZone
        | Reason::ClockAhead
        | Reason::JobsUnsupported
        | Reason::JobsUnauthenticated
        | Reason::ServerUnreachable
        | Reason::Contended
        | Reason::InternalError => Tone::Problem,
    }
}

/// Whether the step from one reason of a condition to the next deserves an event, and of which type.
pub fn edge(kind: ConditionType, before: Option<Reason>, now: Reason) -> Option<EventType> {
    // The job loops tell theirs, which name the job.
    if before == Some(now) || kind == ConditionType::JobsHealthy {
        return None;
    }
    let recovered = before.is_some_and(|before| tone(before) == Tone::Problem);
    match tone(now) {
        // Ready and Progressing repeat the reason of the condition that holds them back.
        Tone::Problem => {
            let repeats = matches!(kind, ConditionType::Ready | ConditionType::Progressing);
            (!repeats || now == Reason::InternalError).then_some(EventType::Warning)
        }
        Tone::Waiting => None,
        Tone::Good => {
            let milestone = match kind {
                ConditionType::Ready
                | ConditionType::DatabaseReady
                | ConditionType::MigrationsApplied => true,
                ConditionType::Paused => now == Reason::Paused || before.is_some(),
                ConditionType::ConfigurationValid
                | ConditionType::ServerAvailable
                | ConditionType::Progressing
                | ConditionType::MonitoringReady
                | ConditionType::JobsHealthy
                | ConditionType::Contended => false,
            };
            let repeats = matches!(kind, ConditionType::Progressing);
            (milestone || recovered && !repeats).then_some(EventType::Normal)
        }
    }
}

/// Publishes events about clusters.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
}

impl Events {
    /// Events in the name of this process.
    pub fn new(client: Client, instance: &str) -> Self {
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance: Some(instance.to_owned()),
        };
        Self {
            recorder: Recorder::new(client, reporter),
        }
    }

    /// Publishes one edge. A lost event is no reason to try the whole reconcile again.
    pub async fn publish(&self, regarding: &ObjectReference, finding: &Finding, type_: EventType) {
        let event = Event {
            type_,
            reason: finding.reason.as_str().to_owned(),
            note: Some(finding.message.clone()),
            action: finding.kind.as_str().to_owned(),
            secondary: None,
        };
        self.send(regarding, event).await;
    }

    /// Publishes an event, its note as long as it may be.
    pub async fn send(&self, regarding: &ObjectReference, mut event: Event) {
        event.note = event.note.as_deref().map(shortened);
        if let Err(error) = self.recorder.publish(&event, regarding).await {
            tracing::warn!(%error, reason = event.reason, "an event could not be published");
        }
    }
}

fn shortened(note: &str) -> String {
    if note.len() <= LONGEST_NOTE {
        return note.to_owned();
    }
    let mut end = LONGEST_NOTE - '…'.len_utf8();
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &note[..end])
}

#[cfg(test)]
mod tests {
    //! Which steps of a condition are told.

    use super::*;

    #[test]
    fn edges_are_told_once_and_only_where_somebody_cares() {
        use ConditionType as C;
        use Reason as R;
        let (normal, warning) = (Some(EventType::Normal), Some(EventType::Warning));
        let steps = [
            (C::DatabaseReady, None, R::DatabasePending, None),
            (
                C::DatabaseReady,
                Some(R::DatabasePending),
                R::EmbeddedReady,
                normal,
            ),
            (
                C::DatabaseReady,
                Some(R::EmbeddedReady),
                R::EmbeddedReady,
                None,
            ),
            (
                C::DatabaseReady,
                Some(R::EmbeddedReady),
                R::DatabaseUnreachable,
                warning,
            ),
            (C::ConfigurationValid, None, R::Valid, None),
            (
                C::ConfigurationValid,
                Some(R::Valid),
                R::SecretNotFound,
                warning,
            ),
            (
                C::ConfigurationValid,
                Some(R::SecretNotFound),
                R::Valid,
                normal,
            ),
            (C::Ready, Some(R::Ready), R::SecretNotFound, None),
            (
                C::Progressing,
                Some(R::RolloutInProgress),
                R::ImagePullFailed,
                None,
            ),
            (C::Progressing, Some(R::Complete), R::InternalError, warning),
            (C::Ready, Some(R::SecretNotFound), R::Ready, normal),
            (C::Paused, None, R::NotPaused, None),
            (C::Paused, None, R::Paused, normal),
            (C::Paused, Some(R::Paused), R::NotPaused, normal),
            (C::Contended, None, R::NotContended, None),
            (C::Contended, Some(R::NotContended), R::Contended, warning),
            (C::Contended, Some(R::Contended), R::NotContended, normal),
            (
                C::ServerAvailable,
                Some(R::RolloutInProgress),
                R::Available,
                None,
            ),
            (
                C::MigrationsApplied,
                Some(R::MigrationRunning),
                R::DatabaseInUse,
                warning,
            ),
            (
                C::MigrationsApplied,
                Some(R::DatabaseInUse),
                R::Applied,
                normal,
            ),
            (C::JobsHealthy, None, R::WaitingForServer, None),
            (C::JobsHealthy, Some(R::JobsRunning), R::JobFailing, None),
            (C::JobsHealthy, Some(R::JobFailing), R::JobsRunning, None),
        ];
        for (kind, before, now, expected) in steps {
            assert_eq!(
                edge(kind, before, now),
                expected,
                "{kind}: {before:?} → {now}"
            );
        }
    }

    #[test]
    fn every_word_is_explained_in_the_documentation() {
        let page = include_str!("../../docs/conditions.md");
        for reason in Reason::ALL {
            assert!(
                page.contains(&format!("`{reason}`")),
                "{reason} is not in docs/conditions.md"
            );
        }
        for kind in ConditionType::ALL {
            assert!(
                page.contains(&format!("## {kind}\n")),
                "{kind} has no section in docs/conditions.md"
            );
        }
    }

    #[test]
    fn a_long_note_is_cut_at_a_character() {
        let note = "ä".repeat(1000);
        let cut = shortened(&note);
        assert!(
            cut.len() <= LONGEST_NOTE && cut.ends_with('…'),
            "{} bytes",
            cut.len()
        );
        assert_eq!(shortened("short"), "short");
    }
}
