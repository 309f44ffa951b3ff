//! Changes of a manifest that exists: what may change, and what may not.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use telecom_tests::scenario::{Scenario, scenario};

use super::api::{client, manifest, send};

const SHRINKS: &str = "spec.database.embedded: Forbidden: storage.size cannot shrink: set it back to the old size or a \
    greater one (1Gi when unset)";
const CLASS: &str = "spec.database.embedded: Forbidden: storage.storageClassName cannot be changed: Kubernetes does not \
    move a volume to another class";
const BALANCER: &str = "spec.service.loadBalancerClass: Forbidden: cannot be changed while service.type stays \
    LoadBalancer: set service.type: ClusterIP first, then LoadBalancer with the new class";

/// The spec before, the merge patch, and the sentence when it is refused.
const CHANGES: &[(&str, &str, Option<&str>)] = &[
    ("{}", "{database: {embedded: {storage: {size: 2Gi}}}}", None),
    (
        "{}",
        "{database: {embedded: {storage: {size: 512Mi}}}}",
        Some(SHRINKS),
    ),
    (
        "{database: {embedded: {storage: {size: 5Gi}}}}",
        "{database: {embedded: {storage: {size: 4000Mi}}}}",
        Some(SHRINKS),
    ),
    (
        "{database: {embedded: {storage: {size: 5Gi}}}}",
        "{database: {embedded: {storage: {size: 5120Mi}}}}",
        None,
    ),
    (
        "{database: {embedded: {storage: {size: 5Gi}}}}",
        "{database: {embedded: null}}",
        Some(SHRINKS),
    ),
    (
        "{database: {embedded: {storage: {size: 5Gi}}}}",
        "{database: {embedded: null, urlSecretRef: {name: db, key: uri}}}",
        None,
    ),
    (
        "{database: {urlSecretRef: {name: db, key: uri}}}",
        "{database: {urlSecretRef: null, embedded: {storage: {size: 100Mi}}}}",
        None,
    ),
    (
        "{}",
        "{database: {embedded: {storage: {size: large}}}}",
        Some(
            "spec.database.embedded.storage.size: Invalid value: \"large\": must be a size greater than 0, such as 1Gi",
        ),
    ),
    (
        "{}",
        "{database: {embedded: {storage: {storageClassName: fast}}}}",
        Some(CLASS),
    ),
    (
        "{database: {embedded: {storage: {storageClassName: fast}}}}",
        "{database: {embedded: {storage: {storageClassName: null}}}}",
        Some(CLASS),
    ),
    (
        "{service: {type: LoadBalancer}}",
        "{service: {loadBalancerClass: example.com/lb}}",
        Some(BALANCER),
    ),
    (
        "{service: {type: LoadBalancer, loadBalancerClass: example.com/lb}}",
        "{service: {type: ClusterIP}}",
        Some("spec.service.loadBalancerClass: Forbidden: only with service.type: LoadBalancer"),
    ),
    (
        "{service: {type: LoadBalancer, loadBalancerClass: example.com/lb}}",
        "{service: {type: ClusterIP, loadBalancerClass: null}}",
        None,
    ),
    ("{}", "{replicas: 0, deletionPolicy: Retain}", None),
];

#[tokio::test]
async fn changes_of_an_existing_manifest() {
    client().await;
    scenario("admission", |scenario| async move {
        for (number, (before, patch, refused)) in CHANGES.iter().enumerate() {
            let name = format!("change-{number}");
            create(&scenario, &name, before).await?;
            let path = format!("/{name}?dryRun=All&fieldValidation=Strict");
            let body = json!({"spec": serde_yaml::from_str::<Value>(patch)?});
            let answer = request(
                &scenario,
                "PATCH",
                &path,
                "application/merge-patch+json",
                &body,
            )
            .await;
            ensure!(
                answer.as_ref().err().map(String::as_str) == *refused,
                "{before} → {patch}: {answer:?}, expected {refused:?}"
            );
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn scaling_sets_the_replicas() {
    client().await;
    scenario("scale", |scenario| async move {
        create(&scenario, "demo", "{replicas: 2}").await?;
        let scale = json!({"spec": {"replicas": 5}});
        let answer = request(
            &scenario,
            "PATCH",
            "/demo/scale",
            "application/merge-patch+json",
            &scale,
        )
        .await;
        let scaled = answer.map_err(anyhow::Error::msg)?;
        ensure!(scaled["spec"]["replicas"] == 5, "{scaled}");
        let read = request(&scenario, "GET", "/demo", "application/json", &Value::Null).await;
        let read = read.map_err(anyhow::Error::msg)?;
        ensure!(read["spec"]["replicas"] == 5, "{read}");
        let refused = json!({"spec": {"replicas": -1}});
        let answer = request(
            &scenario,
            "PATCH",
            "/demo/scale",
            "application/merge-patch+json",
            &refused,
        )
        .await;
        ensure!(answer.is_err(), "{answer:?}");
        Ok(())
    })
    .await;
}

/// Really creates a manifest; paused, so that an operator in the cluster leaves it alone.
async fn create(scenario: &Scenario, name: &str, spec: &str) -> Result<()> {
    let mut manifest = manifest(name, spec);
    manifest["spec"]["paused"] = json!(true);
    let answer = request(scenario, "POST", "", "application/json", &manifest).await;
    answer.map(drop).map_err(anyhow::Error::msg)
}

/// A request about the scenario's manifests; the error is the apiserver's sentence.
async fn request(
    scenario: &Scenario,
    method: &str,
    path: &str,
    content: &str,
    body: &Value,
) -> Result<Value, String> {
    let namespace = &scenario.namespace;
    let body = if body.is_null() {
        Vec::new()
    } else {
        serde_json::to_vec(body).unwrap()
    };
    let request = http::Request::builder()
        .method(method)
        .uri(format!(
            "/apis/telecom.dev/v1alpha1/namespaces/{namespace}/telecomclusters{path}"
        ))
        .header("content-type", content)
        .body(body)
        .unwrap();
    send(&scenario.client, request).await
}
