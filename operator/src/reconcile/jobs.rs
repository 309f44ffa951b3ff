//! What a reconcile tells the job loops.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Resource as _;
use telecom_crds::{JobExecution, JobName, TelecomCluster};

use super::Look;
use super::availability::Count;
use crate::apply::WriteError;
use crate::build::GRPC_PORT;
use crate::jobs::inputs::{Held, Inputs, JobPods, Remembered};
use crate::jobs::settings::{JobSettings, duration};
use crate::kinds::Kind;
use crate::migration::Step;
use crate::names;
use crate::stores::ClusterKey;

/// How often the status of jobs is written when the manifest's word cannot be read.
const STATUS_INTERVAL: Duration = Duration::from_mins(5);

/// The cluster as its job loops need to know it.
pub(super) fn inputs(look: &Look<'_>, key: &ClusterKey) -> Inputs {
    let cluster = look.cluster;
    let uid = cluster.metadata.uid.clone().unwrap_or_default();
    let settings = JobSettings::of(&cluster.spec, &uid).into_iter();
    let annotations = cluster.metadata.annotations.as_ref();
    Inputs {
        key: key.clone(),
        generation: cluster.metadata.generation,
        created: cluster
            .metadata
            .creation_timestamp
            .as_ref()
            .map_or(look.now, |time| time.0),
        jobs: settings
            .map(|job| (job.name, Arc::new(job)))
            .collect::<BTreeMap<_, _>>(),
        status_interval: status_interval(cluster),
        held: held(look),
        away: look
            .world
            .deployment
            .as_ref()
            .is_none_or(|deployment| Count::of(deployment).available == 0),
        address: address(look, key),
        request: annotations.and_then(|all| all.get(names::RUN_JOB_ANNOTATION).cloned()),
        reference: cluster.object_ref(&()),
        remembered: Remembered::of(cluster.status.as_ref()),
        pods: pods(look),
        uid,
    }
}

/// Kept only where a job wants it.
fn pods(look: &Look<'_>) -> Option<Arc<JobPods>> {
    let jobs = &look.cluster.spec.jobs;
    let mut all = JobName::ALL.into_iter().map(|name| jobs.get(name));
    all.find(|job| job.execution == JobExecution::Pod)?;
    let (cluster, _) = look.wanted.ok()?;
    let spec = look.world.deployment.as_ref()?.spec.as_ref()?;
    Some(Arc::new(JobPods {
        cluster: cluster.clone(),
        serving: spec.template.clone(),
    }))
}

/// Whether the namespace is being deleted: nothing can be made in it any more, and the cluster will go with it.
pub(super) fn is_leaving(look: &Look<'_>) -> bool {
    let refused = look.progress.error.as_ref().and_then(WriteError::status);
    let details = refused.and_then(|status| status.details.as_ref());
    let mut causes = details.iter().flat_map(|details| &details.causes);
    causes.any(|cause| cause.reason == "NamespaceTerminating")
}

fn status_interval(cluster: &TelecomCluster) -> Duration {
    let given = duration(&cluster.spec.job_status_interval);
    given
        .and_then(|given| given.try_into().ok())
        .unwrap_or(STATUS_INTERVAL)
}

/// Jobs go on while a failed migration waits for its next try: the old version serves.
fn held(look: &Look<'_>) -> Option<Held> {
    let Some(deployment) = &look.world.deployment else {
        return Some(Held::Starting);
    };
    let count = Count::of(deployment);
    if count.wanted == 0 {
        return Some(Held::ScaledToZero);
    }
    let under_way = match &look.progress.migration {
        Some(Step::Start { .. } | Step::Clear { .. } | Step::Wait) => !look.cluster.spec.paused,
        Some(Step::Done | Step::WaitForDatabase | Step::RetryAfter(_)) | None => false,
    };
    if under_way {
        return Some(Held::Migrating);
    }
    // A server that was never there is not away.
    let jobs = look
        .cluster
        .status
        .as_ref()
        .map(|status| status.jobs.as_slice());
    let ran = jobs
        .unwrap_or_default()
        .iter()
        .any(|job| job.last_schedule_time.is_some());
    (count.available == 0 && !ran).then_some(Held::Starting)
}

/// The Service's own address: a name would have to be looked up for each connection.
fn address(look: &Look<'_>, key: &ClusterKey) -> Option<String> {
    let service = look.world.get(Kind::Service, &names::server(&key.name))?;
    let address = service.data.pointer("/spec/clusterIP")?.as_str()?;
    if address == "None" {
        return None;
    }
    Some(if address.contains(':') {
        format!("[{address}]:{GRPC_PORT}")
    } else {
        format!("{address}:{GRPC_PORT}")
    })
}
