//! What is known of the database: the embedded one by its objects, an external one by what others say of it.

use telecom_crds::{ConditionType, Reason};

use super::Look;
use super::availability::Count;
use crate::dereference::World;
use crate::kinds::Kind;
use crate::migration::{self, Step};
use crate::names;
use crate::podreason::{self, Cause};
use crate::status::Finding;

/// Whether the embedded database takes connections.
pub fn embedded_ready(world: &World) -> bool {
    world.database.as_ref().is_some_and(|database| {
        let status = database.status.as_ref();
        let observed = status.and_then(|status| status.observed_generation);
        let ready = status.and_then(|status| status.ready_replicas).unwrap_or(0);
        ready >= 1 && observed >= database.metadata.generation
    })
}

/// The finding about the database.
pub(super) fn finding(look: &Look<'_>) -> Finding {
    let lost = look.wanted.as_ref().err().into_iter().copied().flatten();
    let mut lost = lost.filter(|problem| problem.condition == ConditionType::DatabaseReady);
    if let Some(problem) = lost.next() {
        return found(false, problem.reason, problem.message.clone());
    }
    if look.cluster.spec.embedded_database().is_some() {
        embedded(look)
    } else {
        external(look)
    }
}

fn found(holds: bool, reason: Reason, message: impl Into<String>) -> Finding {
    Finding::new(ConditionType::DatabaseReady, holds, reason, message)
}

fn embedded(look: &Look<'_>) -> Finding {
    let world = look.world;
    if let Some(message) = cannot_grow(look) {
        return found(false, Reason::StoragePending, message);
    }
    if embedded_ready(world) {
        return found(
            true,
            Reason::EmbeddedReady,
            "The embedded PostgreSQL answers. It is for development and CI only: no backup, no failover. \
             Set spec.database.urlSecretRef to use a database of your own.",
        );
    }
    let cause = podreason::cause(&world.database_pods);
    if let Some(message) = unbound(look, cause.as_ref()) {
        return found(false, Reason::StoragePending, message);
    }
    match cause {
        Some(Cause::Told(reason, message)) => found(false, reason, message),
        None if look.cluster.spec.paused && world.database.is_none() => found(
            false,
            Reason::Paused,
            "The embedded PostgreSQL is made once spec.paused is false.",
        ),
        None if look.cluster.spec.paused && wants_no_pod(world) => found(
            false,
            Reason::Paused,
            format!(
                "StatefulSet {} is scaled to 0, and nobody changes that while spec.paused is true.",
                names::postgres(&look.world_name())
            ),
        ),
        Some(Cause::Ask { .. } | Cause::Starting) | None => found(
            false,
            Reason::DatabasePending,
            "The embedded PostgreSQL is starting.",
        ),
    }
}

/// Whether somebody has scaled the embedded database away.
fn wants_no_pod(world: &World) -> bool {
    let spec = world
        .database
        .as_ref()
        .and_then(|database| database.spec.as_ref());
    spec.and_then(|spec| spec.replicas) == Some(0)
}

/// A volume that nobody has made yet, once a Pod waits for it in vain.
fn unbound(look: &Look<'_>, cause: Option<&Cause>) -> Option<String> {
    let claim = look.world.claim.as_ref()?;
    let phase = claim.status.as_ref()?.phase.as_deref()?;
    let Some(Cause::Told(Reason::PodUnschedulable, scheduler)) = cause else {
        return None;
    };
    if phase != "Pending" {
        return None;
    }
    let name = names::postgres_data(&look.world_name());
    let class = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.storage_class_name.as_deref());
    let advice = class.map_or_else(
        || "no StorageClass is named and the cluster has no default: name one in spec.database.embedded.storage.storageClassName".to_owned(),
        |class| format!("check that StorageClass {class} exists and that its provisioner works (kubectl describe pvc {name})"),
    );
    Some(format!(
        "PersistentVolumeClaim {name} is not bound: {advice}. {scheduler}"
    ))
}

/// A growth of the volume that the apiserver refused.
fn cannot_grow(look: &Look<'_>) -> Option<String> {
    let error = look.progress.error.as_ref()?;
    let status = error.status()?;
    let name = names::postgres_data(&look.world_name());
    let of_claim = error
        .to_string()
        .contains(Kind::PersistentVolumeClaim.as_str());
    (of_claim && (status.is_forbidden() || status.code == 422)).then(|| {
        format!(
            "PersistentVolumeClaim {name} cannot be changed: {}. Use a StorageClass with allowVolumeExpansion, or the old size.",
            status.message
        )
    })
}

fn external(look: &Look<'_>) -> Finding {
    if let Some(trouble) = trouble(look) {
        return trouble;
    }
    let kept = look
        .wanted
        .as_ref()
        .is_ok_and(|(_, plan)| plan.database_kept);
    if kept {
        let message = format!(
            "The external database is used. PersistentVolumeClaim {} of the embedded one is kept with its Secret: \
             delete both when the data is not needed any more.",
            names::postgres_data(&look.world_name())
        );
        return found(true, Reason::EmbeddedDatabaseKept, message);
    }
    let serving = look
        .world
        .deployment
        .as_ref()
        .is_some_and(|deployment| Count::of(deployment).ready > 0);
    if serving || look.progress.migration == Some(Step::Done) {
        found(
            true,
            Reason::ExternalReachable,
            "The external database answers.",
        )
    } else {
        found(
            true,
            Reason::ExternalConfigured,
            "An external database is configured; nothing has connected to it yet.",
        )
    }
}

/// What a migration or a server that cannot use the external database says of it.
fn trouble(look: &Look<'_>) -> Option<Finding> {
    let step = look.progress.migration.as_ref();
    if let Some(Step::Wait | Step::RetryAfter(_) | Step::Clear { .. }) = step {
        let (_, plan) = look.wanted.as_ref().ok()?;
        let job = plan.migration.job.as_ref()?;
        if let Some(words) = migration::last_words(&look.world.migration_pods, &job.name) {
            let reason = words.reason(Reason::MigrationFailed);
            let database = [
                Reason::DatabaseUnreachable,
                Reason::DatabaseAuthenticationFailed,
            ];
            if database.contains(&reason) {
                return Some(found(false, reason, words.message));
            }
        }
    }
    let said = look.answer.as_ref()?.said.as_ref().ok()?;
    let check = said.checks.get("database").filter(|said| *said != "ok")?;
    Some(found(false, Reason::DatabaseUnreachable, check.clone()))
}
