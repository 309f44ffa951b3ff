//! Drift: every owned kind is put back, whether it was edited or deleted.

use std::fmt::Debug;

use anyhow::Result;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, ListParams};
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use telecom_tests::scenario::{Scenario, scenario};

/// Edits the field at `pointer` through `patch` and waits until it holds its old value again.
async fn edit<K>(s: &Scenario, name: &str, patch: Value, pointer: &str) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Serialize + Debug,
    K::DynamicType: Default,
{
    let api = s.api::<K>();
    let before = serde_json::to_value(api.get(name).await?)?
        .pointer(pointer)
        .cloned();
    let edited = serde_json::to_value(s.merge::<K>(name, patch).await?)?
        .pointer(pointer)
        .cloned();
    assert_ne!(before, edited, "{name}: the edit of {pointer} did nothing");
    s.wait(&format!("{name}{pointer} to be put back"), || async {
        let now = serde_json::to_value(api.get(name).await?)?
            .pointer(pointer)
            .cloned();
        Ok((now == before).then_some(()))
    })
    .await
}

/// Deletes the object and waits for a new one (another uid) of that name.
async fn delete<K>(s: &Scenario, name: &str) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    K::DynamicType: Default,
{
    let api = s.api::<K>();
    let uid = api.get(name).await?.uid();
    api.delete(name, &DeleteParams::background()).await?;
    s.wait(&format!("{name} to come back"), || async {
        Ok(api
            .get_opt(name)
            .await?
            .filter(|object| object.uid() != uid)
            .map(drop))
    })
    .await
}

#[tokio::test]
async fn edits_and_deletions_of_every_owned_kind_are_put_back() {
    scenario("drift", async |s| {
        let spec = json!({
            "autoscaling": {"minReplicas": 2, "maxReplicas": 3, "targetCPUUtilizationPercentage": 80},
            "podDisruptionBudget": {"enabled": true},
            "networkPolicy": {"enabled": true},
        });
        s.apply_cluster("demo", spec).await?;
        s.ready("demo").await?;
        let mine = ListParams::default().labels("telecom.dev/cluster=demo");
        let configs = s.api::<ConfigMap>().list(&mine).await?;
        let config = configs.items.first().unwrap().name_any();

        let label = |value: &str| json!({"metadata": {"labels": {"app.kubernetes.io/part-of": value}}});
        let part_of = "/metadata/labels/app.kubernetes.io~1part-of";
        edit::<Deployment>(&s, "demo-server", json!({"spec": {"minReadySeconds": 9}}), "/spec/minReadySeconds").await?;
        edit::<Service>(&s, "demo-server", json!({"spec": {"type": "NodePort"}}), "/spec/type").await?;
        edit::<Service>(&s, "demo-server-pods", label("mine"), part_of).await?;
        edit::<Service>(&s, "demo-postgres", label("mine"), part_of).await?;
        edit::<ServiceAccount>(&s, "demo-server", json!({"automountServiceAccountToken": true}), "/automountServiceAccountToken").await?;
        edit::<ConfigMap>(&s, &config, label("mine"), part_of).await?;
        edit::<StatefulSet>(&s, "demo-postgres", json!({"spec": {"replicas": 0}}), "/spec/replicas").await?;
        edit::<PersistentVolumeClaim>(&s, "demo-postgres-data", label("mine"), part_of).await?;
        edit::<HorizontalPodAutoscaler>(&s, "demo-server", json!({"spec": {"maxReplicas": 9}}), "/spec/maxReplicas").await?;
        edit::<PodDisruptionBudget>(&s, "demo-server", label("mine"), part_of).await?;
        edit::<NetworkPolicy>(&s, "demo-server", json!({"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}), "/spec/podSelector/matchLabels").await?;

        delete::<Service>(&s, "demo-server").await?;
        delete::<Service>(&s, "demo-server-pods").await?;
        delete::<ServiceAccount>(&s, "demo-server").await?;
        delete::<ConfigMap>(&s, &config).await?;
        delete::<HorizontalPodAutoscaler>(&s, "demo-server").await?;
        delete::<PodDisruptionBudget>(&s, "demo-server").await?;
        delete::<NetworkPolicy>(&s, "demo-server").await?;
        delete::<Secret>(&s, "demo-jwt").await?;
        delete::<Secret>(&s, "demo-operator-token").await?;
        delete::<StatefulSet>(&s, "demo-postgres").await?;
        delete::<Deployment>(&s, "demo-server").await?;
        s.ready("demo").await
    })
    .await;
}

#[tokio::test]
async fn what_a_manifest_no_longer_asks_for_is_removed() {
    scenario("switched-off", async |s| {
        s.apply_cluster(
            "demo",
            json!({"replicas": 2, "networkPolicy": {"enabled": true}}),
        )
        .await?;
        s.ready("demo").await?;
        s.api::<PodDisruptionBudget>().get("demo-server").await?;
        s.api::<NetworkPolicy>().get("demo-server").await?;

        s.apply_cluster("demo", json!({})).await?;
        s.gone::<PodDisruptionBudget>("demo-server").await?;
        s.gone::<NetworkPolicy>("demo-server").await
    })
    .await;
}
