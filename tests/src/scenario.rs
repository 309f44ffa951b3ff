//! A scenario: one end-to-end test in a namespace of its own, explained when it fails, removed when it ends.

use std::fmt::Debug;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use futures::FutureExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use telecom_crds::TelecomCluster;

use crate::forward::Forward;
use crate::{cluster, diagnosis};

/// How long a scenario waits for what needs image starts, a database and a rollout on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(4);
const POLL: Duration = Duration::from_millis(300);
const MANAGER: &str = "e2e";

/// The scenario's hands on the cluster.
#[derive(Clone)]
pub struct Scenario {
    /// The cluster's client.
    pub client: Client,
    /// The namespace that belongs to this scenario alone.
    pub namespace: String,
}

/// Runs `test` in a fresh namespace; prints the diagnosis when it fails; deletes the namespace at the end.
pub async fn scenario<F, R>(name: &str, test: F)
where
    F: FnOnce(Scenario) -> R,
    R: Future<Output = Result<()>>,
{
    let client = cluster::client().await.unwrap();
    let suffix = uuid::Uuid::new_v4().simple().to_string();
    let namespace = format!("e2e-{name}-{}", &suffix[..6]);
    let namespaces = Api::<Namespace>::all(client.clone());
    let body = serde_json::from_value(json!({"metadata": {"name": namespace, "labels": {
        "telecom.dev/e2e": "true",
        "pod-security.kubernetes.io/enforce": "restricted",
    }}}));
    namespaces
        .create(&PostParams::default(), &body.unwrap())
        .await
        .unwrap();

    let scenario = Scenario {
        client,
        namespace: namespace.clone(),
    };
    let outcome = AssertUnwindSafe(test(scenario)).catch_unwind().await;
    if !matches!(outcome, Ok(Ok(()))) {
        diagnosis::print(&namespace);
    }
    namespaces
        .delete(&namespace, &DeleteParams::background())
        .await
        .unwrap();
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("{name}: {error:?}"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

impl Scenario {
    /// The namespaced API of a kind.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Applies a `TelecomCluster` with this spec.
    pub async fn apply_cluster(&self, name: &str, spec: Value) -> Result<TelecomCluster> {
        self.apply_labelled(name, json!({}), spec).await
    }

    /// The same with labels.
    pub async fn apply_labelled(
        &self,
        name: &str,
        labels: Value,
        spec: Value,
    ) -> Result<TelecomCluster> {
        let manifest = json!({
            "apiVersion": "telecom.dev/v1alpha1", "kind": "TelecomCluster",
            "metadata": {"name": name, "labels": labels}, "spec": spec,
        });
        self.apply(name, &manifest).await
    }

    /// Server-side apply as the person at the keyboard.
    pub async fn apply<K>(&self, name: &str, manifest: &Value) -> Result<K>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        let parameters = PatchParams::apply(MANAGER).force();
        self.api::<K>()
            .patch(name, &parameters, &Patch::Apply(manifest))
            .await
            .with_context(|| format!("apply {name}"))
    }

    /// A JSON merge patch, as `kubectl patch --type merge` sends.
    pub async fn merge<K>(&self, name: &str, patch: Value) -> Result<K>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        self.api::<K>()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .with_context(|| format!("patch {name}"))
    }

    /// A Secret with these string keys.
    pub async fn secret(&self, name: &str, data: Value) -> Result<Secret> {
        let manifest = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data,
        });
        self.apply(name, &manifest).await
    }

    /// Polls `probe` until it gives a value; fails with what it was waiting for and the last error.
    pub async fn wait<T, P, R>(&self, what: &str, probe: P) -> Result<T>
    where
        P: Fn() -> R,
        R: Future<Output = Result<Option<T>>>,
    {
        self.wait_for(what, PATIENCE, probe).await
    }

    /// The same with a patience of its own.
    pub async fn wait_for<T, P, R>(&self, what: &str, patience: Duration, probe: P) -> Result<T>
    where
        P: Fn() -> R,
        R: Future<Output = Result<Option<T>>>,
    {
        let start = Instant::now();
        let mut last = String::from("not yet");
        while start.elapsed() < patience {
            match probe().await {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => {}
                Err(error) => last = format!("{error:#}"),
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("waited {} s for {what}: {last}", patience.as_secs())
    }

    /// Waits until the condition has this status (and reason, unless empty) for the present generation; returns its message.
    pub async fn condition(
        &self,
        name: &str,
        kind: &str,
        status: &str,
        reason: &str,
    ) -> Result<String> {
        self.wait(&format!("{name}: {kind}={status} {reason}"), || async {
            let cluster = self.api::<TelecomCluster>().get(name).await?;
            let Some(found) = find_condition(&cluster, kind) else {
                return Err(anyhow!("{kind} is not set"));
            };
            let current = found.observed_generation == cluster.metadata.generation;
            if current && found.status == status && (reason.is_empty() || found.reason == reason) {
                return Ok(Some(found.message));
            }
            Err(anyhow!(
                "{kind}={} {} {}",
                found.status,
                found.reason,
                found.message
            ))
        })
        .await
    }

    /// Waits for `Ready=True`.
    pub async fn ready(&self, name: &str) -> Result<()> {
        self.condition(name, "Ready", "True", "").await.map(drop)
    }

    /// Waits until the object is gone.
    pub async fn gone<K>(&self, name: &str) -> Result<()>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        let api = self.api::<K>();
        self.wait(&format!("{name} to be gone"), || async {
            Ok(api.get_opt(name).await?.is_none().then_some(()))
        })
        .await
    }

    /// The server's Pods of a cluster that are not being deleted.
    pub async fn pods(&self, cluster: &str, component: &str) -> Result<Vec<Pod>> {
        let selector =
            format!("telecom.dev/cluster={cluster},app.kubernetes.io/component={component}");
        let list = self
            .api::<Pod>()
            .list(&ListParams::default().labels(&selector))
            .await?;
        Ok(list
            .items
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .collect())
    }

    /// A local port to the first ready server Pod.
    pub async fn forward(&self, cluster: &str, component: &str, port: u16) -> Result<Forward> {
        let pod = self
            .wait("a running Pod", || async {
                Ok(self
                    .pods(cluster, component)
                    .await?
                    .iter()
                    .find(|pod| is_ready(pod))
                    .map(ResourceExt::name_any))
            })
            .await?;
        Forward::to_pod(self.api(), pod, port).await
    }

    /// Events that regard the object of this name: (reason, note).
    pub async fn events(&self, name: &str) -> Result<Vec<(String, String)>> {
        use k8s_openapi::api::events::v1::Event;
        let list = self.api::<Event>().list(&ListParams::default()).await?;
        Ok(list
            .items
            .into_iter()
            .filter(|event| event.regarding.as_ref().and_then(|r| r.name.as_deref()) == Some(name))
            .map(|event| {
                (
                    event.reason.unwrap_or_default(),
                    event.note.unwrap_or_default(),
                )
            })
            .collect())
    }

    /// An object of a kind that has no Rust type here, as JSON.
    pub async fn dynamic(
        &self,
        group: &str,
        version: &str,
        kind: &str,
        name: &str,
    ) -> Result<Option<DynamicObject>> {
        let gvk = kube::api::GroupVersionKind::gvk(group, version, kind);
        let resource = kube::api::ApiResource::from_gvk(&gvk);
        let api =
            Api::<DynamicObject>::namespaced_with(self.client.clone(), &self.namespace, &resource);
        Ok(api.get_opt(name).await?)
    }
}

/// A condition as it stands in the status.
pub fn find_condition(
    cluster: &TelecomCluster,
    kind: &str,
) -> Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
    cluster
        .status
        .as_ref()?
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind)
        .cloned()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|list| {
        list.iter()
            .any(|c| c.type_ == "Ready" && c.status == "True")
    })
}
