//! `kubectl explain`: the schema as the apiserver publishes it speaks of every field.

use std::time::{Duration, Instant};

use kube::Client;
use serde_json::Value;
use telecom_tests::cluster;

use super::api::client;

const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn every_field_is_explained() {
    let client = client().await;
    let published = published(&client).await;
    let mut silent = Vec::new();
    let mut fields = 0;
    walk(
        &published["properties"]["spec"],
        "spec",
        &mut fields,
        &mut silent,
    );
    walk(
        &published["properties"]["status"],
        "status",
        &mut fields,
        &mut silent,
    );
    assert_eq!(silent, Vec::<String>::new());
    assert!(fields > 300, "only {fields} fields were seen");
}

#[tokio::test]
async fn kubectl_explains_a_field() {
    let client = client().await;
    published(&client).await;
    let text = cluster::run("kubectl", &["explain", "tc.spec.telemetry.sampleRatio"]).unwrap();
    assert!(
        text.contains("Share of the traces that are kept, from 0 to 1."),
        "{text}"
    );
    let text = cluster::run("kubectl", &["explain", "tc.spec.auth.roleMapping"]).unwrap();
    assert!(text.contains("noc-team: support"), "{text}");
    let text = cluster::run(
        "kubectl",
        &["explain", "telecomcluster.spec.affinity.nodeAffinity"],
    )
    .unwrap();
    assert!(text.contains("FIELDS:"), "{text}");
}

/// The schema in `OpenAPI` v3; it is published a moment after the definition was installed.
async fn published(client: &Client) -> Value {
    let start = Instant::now();
    loop {
        let path = "/openapi/v3/apis/telecom.dev/v1alpha1";
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        if let Ok(document) = client.request::<Value>(request).await
            && let Some(schema) =
                document.pointer("/components/schemas/dev.telecom.v1alpha1.TelecomCluster")
        {
            return schema.clone();
        }
        assert!(start.elapsed() < PATIENCE, "{path} is not published");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Counts the fields and collects those without a description.
fn walk(schema: &Value, path: &str, fields: &mut usize, silent: &mut Vec<String>) {
    *fields += 1;
    if schema["description"].as_str().is_none_or(str::is_empty) {
        silent.push(path.to_owned());
    }
    let inner = if schema["items"].is_object() {
        &schema["items"]
    } else {
        schema
    };
    for (name, property) in inner["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), fields, silent);
    }
}
