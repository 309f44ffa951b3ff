//! The clusters, and what their kubelets and controllers would do: none of those is there, so their word is written
//! for them.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use telecom_crds::{ConditionType, JobName, TelecomCluster};
use tokio::task::JoinSet;

use super::figures::now;
use super::plane::NAMESPACE;

/// Requests at a time.
pub const AT_ONCE: usize = 32;
/// What all objects of the operator carry.
const OWNED: &str = "app.kubernetes.io/managed-by=telecom-operator";

/// Jobs that are all due at the beginning of every minute.
pub fn each_minute() -> Value {
    JobName::ALL
        .iter()
        .map(|job| (job.as_str().to_owned(), json!({"schedule": "* * * * *"})))
        .collect()
}

/// Makes so many clusters with these jobs, on an external database.
pub async fn create(client: &Client, count: u32, jobs: &Value) -> Result<()> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let secret = json!({
        "metadata": {"name": "database"},
        "stringData": {"uri": "postgresql://telecom:secret@database.bench.svc:5432/telecom"},
    });
    secrets
        .create(&PostParams::default(), &serde_json::from_value(secret)?)
        .await?;
    let clusters: Api<TelecomCluster> = Api::namespaced(client.clone(), NAMESPACE);
    let made = stream::iter(0..count).map(|number| {
        let cluster = json!({
            "apiVersion": "telecom.dev/v1alpha1",
            "kind": "TelecomCluster",
            "metadata": {"name": name(number)},
            "spec": {"database": {"urlSecretRef": {"name": "database", "key": "uri"}}, "jobs": jobs},
        });
        let clusters = clusters.clone();
        async move {
            let cluster = serde_json::from_value(cluster)?;
            clusters.create(&PostParams::default(), &cluster).await?;
            anyhow::Ok(())
        }
    });
    made.buffer_unordered(AT_ONCE).try_collect().await
}

/// Gives all of them other jobs; `null`: those that they have by default.
pub async fn set_jobs(client: &Client, count: u32, jobs: &Value) -> Result<()> {
    let clusters: Api<TelecomCluster> = Api::namespaced(client.clone(), NAMESPACE);
    let patch = json!({"spec": {"jobs": jobs}});
    let edited = stream::iter(0..count).map(|number| {
        let (clusters, patch) = (clusters.clone(), &patch);
        async move {
            let params = PatchParams::default();
            clusters
                .patch(&name(number), &params, &Patch::Merge(patch))
                .await?;
            anyhow::Ok(())
        }
    });
    edited.buffer_unordered(AT_ONCE).try_collect().await
}

fn name(number: u32) -> String {
    format!("cluster-{number:05}")
}

/// Writes what controllers and kubelets would write, until it is dropped.
pub struct Hands(#[allow(dead_code, reason = "ends its tasks when it is dropped")] JoinSet<()>);

impl Hands {
    /// Begins.
    pub fn new(client: &Client) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(answer(client.clone(), rolled_out));
        tasks.spawn(answer(client.clone(), completed));
        Self(tasks)
    }
}

async fn answer<K>(client: Client, status: fn(&K) -> Option<Value>)
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    let objects: Api<K> = Api::namespaced(client, NAMESPACE);
    let events = watcher(objects.clone(), watcher::Config::default().labels(OWNED));
    let patched = events.for_each_concurrent(AT_ONCE, |event| {
        let objects = objects.clone();
        async move {
            let Ok(Event::Apply(object) | Event::InitApply(object)) = event else {
                return;
            };
            if let Some(status) = status(&object) {
                let patch = Patch::Merge(json!({"status": status}));
                let params = PatchParams::default();
                // What fails shows: the cluster does not become ready.
                let _ = objects
                    .patch_status(&object.name_any(), &params, &patch)
                    .await;
            }
        }
    });
    patched.await;
}

/// The status of a Deployment whose Pods run.
fn rolled_out(deployment: &Deployment) -> Option<Value> {
    let wanted = deployment.spec.as_ref()?.replicas.unwrap_or(1);
    let generation = deployment.metadata.generation;
    let status = deployment.status.clone().unwrap_or_default();
    let done =
        status.observed_generation == generation && status.available_replicas == Some(wanted);
    (!done).then(|| {
        json!({
            "observedGeneration": generation,
            "replicas": wanted,
            "updatedReplicas": wanted,
            "readyReplicas": wanted,
            "availableReplicas": wanted,
        })
    })
}

/// The status of a Job that has succeeded.
pub fn completed(job: &Job) -> Option<Value> {
    let status = job.status.clone().unwrap_or_default();
    let at = jiff::Timestamp::now().to_string();
    let condition = |kind: &str| json!({"type": kind, "status": "True", "reason": "CompletionsReached", "message": "faked", "lastProbeTime": at, "lastTransitionTime": at});
    status.completion_time.is_none().then(|| {
        json!({
            "startTime": at,
            "completionTime": at,
            "succeeded": 1,
            "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
        })
    })
}

/// What condition `JobsHealthy` of each cluster says, as a watch shows it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Health {
    /// Clusters whose jobs are well.
    pub well: usize,
    /// Clusters whose jobs are not.
    pub ill: usize,
}

/// Counts clusters by their condition.
pub async fn health(client: &Client) -> Result<Health> {
    let clusters: Api<TelecomCluster> = Api::namespaced(client.clone(), NAMESPACE);
    let mut health = Health::default();
    for cluster in clusters.list(&ListParams::default()).await? {
        match jobs_healthy(&cluster).as_deref() {
            Some("True") => health.well += 1,
            Some("False") => health.ill += 1,
            _ => {}
        }
    }
    Ok(health)
}

fn jobs_healthy(cluster: &TelecomCluster) -> Option<String> {
    let conditions = &cluster.status.as_ref()?.conditions;
    let kind = ConditionType::JobsHealthy.as_str();
    let found = conditions
        .iter()
        .find(|condition| condition.type_ == kind)?;
    Some(found.status.clone())
}

/// When the condition of each cluster first said so, in seconds since 1970. Ends when all have, or at the deadline.
pub async fn told(client: &Client, count: usize, status: &str, deadline: f64) -> Result<Vec<f64>> {
    let clusters: Api<TelecomCluster> = Api::namespaced(client.clone(), NAMESPACE);
    let mut events = watcher(clusters, watcher::Config::default()).boxed();
    let (mut seen, mut times) = (BTreeSet::new(), Vec::new());
    while times.len() < count {
        let left = Duration::from_secs_f64((deadline - now()).max(0.0));
        let Ok(event) = tokio::time::timeout(left, events.next()).await else {
            break;
        };
        ensure!(event.is_some(), "the watch of the clusters has ended");
        if let Some(Ok(Event::Apply(cluster) | Event::InitApply(cluster))) = event
            && jobs_healthy(&cluster).as_deref() == Some(status)
            && seen.insert(cluster.name_any())
        {
            times.push(now());
        }
    }
    Ok(times)
}
