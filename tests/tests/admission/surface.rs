//! What `kubectl` shows: short name, category, subresources, columns.

use kube::Client;
use serde_json::Value;

use super::api::client;

#[tokio::test]
async fn short_name_category_and_subresources_are_served() {
    let served = get(
        &client().await,
        "/apis/telecom.dev/v1alpha1",
        "application/json",
    )
    .await;
    let resources = served["resources"].as_array().unwrap();
    let names: Vec<&str> = resources
        .iter()
        .filter_map(|resource| resource["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "telecomclusters",
            "telecomclusters/status",
            "telecomclusters/scale"
        ]
    );
    assert_eq!(resources[0]["shortNames"], serde_json::json!(["tc"]));
    assert_eq!(resources[0]["categories"], serde_json::json!(["telecom"]));
    assert_eq!(resources[0]["namespaced"], true);
}

#[tokio::test]
async fn the_columns_are_those_of_the_documentation() {
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let path = "/apis/telecom.dev/v1alpha1/namespaces/default/telecomclusters";
    let table = get(&client().await, path, accept).await;
    let columns: Vec<(&str, i64)> = table["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|column| Some((column["name"].as_str()?, column["priority"].as_i64()?)))
        .collect();
    let expected = [
        ("Name", 0),
        ("Ready", 0),
        ("Replicas", 0),
        ("Version", 0),
        ("Database", 0),
        ("Last Billed", 0),
        ("Jobs", 1),
        ("Last Job", 1),
        ("Next Job", 1),
        ("OTLP", 1),
        ("Sample", 1),
        ("Image", 1),
        ("Age", 0),
    ];
    assert_eq!(columns, expected);
}

async fn get(client: &Client, path: &str, accept: &str) -> Value {
    let request = http::Request::get(path)
        .header("accept", accept)
        .body(Vec::new())
        .unwrap();
    client.request(request).await.unwrap()
}
