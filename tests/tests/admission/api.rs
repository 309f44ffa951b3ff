//! The apiserver as these tests use it: the generated definition installed, manifests sent as kubectl sends them.

use std::time::{Duration, Instant};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Error};
use serde_json::{Value, json};
use telecom_tests::cluster;
use tokio::sync::OnceCell;

const NAME: &str = "telecomclusters.telecom.dev";
const PATIENCE: Duration = Duration::from_mins(1);

/// A client of an apiserver that knows the generated definition.
pub async fn client() -> Client {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let client = cluster::client().await.unwrap();
    INSTALLED.get_or_init(|| install(&client)).await;
    client
}

/// Installs the generated definition unless the apiserver has it.
async fn install(client: &Client) {
    let path = cluster::checkout().join("crds/telecom.dev_telecomclusters.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let wanted: CustomResourceDefinition = serde_yaml::from_str(&text).unwrap();
    let api = Api::<CustomResourceDefinition>::all(client.clone());
    let live = api.get_opt(NAME).await.unwrap();
    if live.is_some_and(|live| live.spec.versions == wanted.spec.versions) {
        return;
    }
    let parameters = PatchParams::apply("telecom-tests").force();
    api.patch(NAME, &parameters, &Patch::Apply(&wanted))
        .await
        .unwrap();
    await_served(client, wanted).await;
}

/// A new schema takes effect a moment after it was accepted: waits until its text is published, and then
/// for the handler, which follows the same informer.
async fn await_served(client: &Client, wanted: CustomResourceDefinition) {
    let api = Api::<CustomResourceDefinition>::all(client.clone());
    let start = Instant::now();
    loop {
        let live = api.get(NAME).await.unwrap();
        let conditions = live
            .status
            .and_then(|status| status.conditions)
            .unwrap_or_default();
        let established = conditions
            .iter()
            .any(|condition| condition.type_ == "Established" && condition.status == "True");
        if established && live.spec.versions == wanted.spec.versions {
            break;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "the definition is not established: {conditions:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
}

/// A manifest of this name whose spec is given as YAML.
pub fn manifest(name: &str, spec: &str) -> Value {
    let spec: Value = serde_yaml::from_str(spec).unwrap();
    json!({
        "apiVersion": "telecom.dev/v1alpha1", "kind": "TelecomCluster",
        "metadata": {"name": name}, "spec": spec,
    })
}

/// Creates a manifest, as `kubectl create --dry-run=server` does: with strict field validation, nothing is stored.
/// Returns the object with its defaults, or the apiserver's sentence.
pub async fn dry_run(manifest: &Value) -> Result<Value, String> {
    let path = "/apis/telecom.dev/v1alpha1/namespaces/default/telecomclusters?dryRun=All&fieldValidation=Strict";
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(serde_json::to_vec(manifest).unwrap())
        .unwrap();
    send(&client().await, request).await
}

/// Sends a request; the error is the apiserver's message without the part that only names the object.
pub async fn send(client: &Client, request: http::Request<Vec<u8>>) -> Result<Value, String> {
    match client.request::<Value>(request).await {
        Ok(object) => Ok(object),
        Err(Error::Api(status)) => Err(sentence(&status.message)),
        Err(error) => panic!("no answer from the apiserver: {error}"),
    }
}

/// `TelecomCluster.telecom.dev "x" is invalid: spec.…` → `spec.…`; the note that other rules wait for the first
/// errors to be corrected is Kubernetes' own and says nothing about the manifest.
fn sentence(message: &str) -> String {
    let message = message
        .split_once(" is invalid: ")
        .map_or(message, |(_, rest)| rest);
    let unchecked = ", <nil>: Invalid value: null: some validation rules were not checked because the object \
        was invalid; correct the existing errors to complete validation]";
    match message.strip_suffix(unchecked) {
        Some(rest) => rest.trim_start_matches('[').to_owned(),
        None => message.to_owned(),
    }
}
