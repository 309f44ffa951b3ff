//! What the manifest says of telemetry is what a real collector outside of the cluster gets.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};
use telecom_crds::TelecomCluster;
use telecom_telemetry::Protocol;
use telecom_tests::certificates::Certificates;
use telecom_tests::collector::{Collector, Place, attribute};
use telecom_tests::scenario::{Scenario, scenario};

/// The node's address, which is this machine's: Pods reach a collector there.
async fn here(s: &Scenario) -> Result<Ipv4Addr> {
    let nodes = Api::<Node>::all(s.client.clone());
    let nodes = nodes.list(&ListParams::default()).await?;
    let status = nodes.items.first().and_then(|node| node.status.as_ref());
    let addresses = status.and_then(|status| status.addresses.as_ref());
    let address = addresses
        .into_iter()
        .flatten()
        .find(|address| address.type_ == "InternalIP");
    Ok(address
        .context("a node without an address")?
        .address
        .parse()?)
}

/// Whom items come from: the Pods' names.
fn instances(items: &[Value]) -> BTreeSet<String> {
    let names = items
        .iter()
        .filter_map(|item| attribute(&item["resource"], "service.instance.id"));
    names.map(str::to_owned).collect()
}

async fn pod(s: &Scenario) -> Result<String> {
    let pods = s.pods("demo", "server").await?;
    let pod = pods.first().and_then(|pod| pod.metadata.name.clone());
    pod.context("no Pod")
}

async fn change(s: &Scenario, telemetry: Value) -> Result<String> {
    let before = pod(s).await?;
    s.merge::<TelecomCluster>("demo", json!({"spec": {"telemetry": telemetry}}))
        .await?;
    s.wait("another Pod alone", || async {
        let pods = s.pods("demo", "server").await?;
        Ok((pods.len() == 1 && pod(s).await? != before).then_some(()))
    })
    .await?;
    s.ready("demo").await?;
    pod(s).await
}

/// Metrics from this Pod have come.
fn metrics_from(collector: &Collector, pod: &str) {
    collector.wait_for(Collector::metrics, |requests| {
        requests
            .iter()
            .any(|metrics| instances(metrics).contains(pod))
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ratio_endpoint_protocol_headers_and_attributes_of_the_manifest_arrive() {
    scenario("telemetry", async |s| {
        let here = here(&s).await?;
        let place = Place::on(here, Protocol::Grpc);
        let collector = Collector::start(&place);
        let telemetry = json!({
            "endpoint": place.url(), "sampleRatio": 1, "exportLogs": true, "serviceName": "voice",
            "resourceAttributes": {"team": "core"},
        });
        let metrics = json!({"exportIntervalSeconds": 1});
        s.apply_cluster("demo", json!({"telemetry": telemetry, "metrics": metrics}))
            .await?;
        s.ready("demo").await?;
        let first = pod(&s).await?;
        // The operator's jobs are work enough.
        let job = |spans: &Vec<Value>| spans.iter().any(|span| span["name"] == "job billTraffic");
        let spans = collector.wait_for(Collector::spans, job);
        for span in &spans {
            assert_eq!(attribute(&span["resource"], "service.name"), Some("voice"));
            assert_eq!(attribute(&span["resource"], "team"), Some("core"));
        }
        assert_eq!(instances(&spans), [first.clone()].into());
        metrics_from(&collector, &first);
        collector.wait_for(Collector::log_records, |records| !records.is_empty());

        // Nothing is recorded any more; metrics go on.
        let second = change(&s, json!({"sampleRatio": 0})).await?;
        metrics_from(&collector, &second);
        assert!(!instances(&collector.spans()).contains(&second));

        // Another collector, which asks for a token and has a certificate, by the other protocol, without logs.
        let certificates = Certificates::make_for(here);
        let mut place = Place::on(here, Protocol::Http);
        place.tls = Some(&certificates);
        place.token = Some("s3cret-of-the-collector");
        let other = Collector::start(&place);
        let header = "authorization=Bearer%20s3cret-of-the-collector";
        let authority = std::fs::read_to_string(&certificates.ca)?;
        s.secret("collector", json!({"headers": header, "ca.crt": authority}))
            .await?;
        let third = change(
            &s,
            json!({
                "endpoint": place.url(), "protocol": "Http", "sampleRatio": 1, "exportLogs": false,
                "headersSecretRef": {"name": "collector", "key": "headers"},
                "caSecretRef": {"name": "collector", "key": "ca.crt"},
            }),
        )
        .await?;
        let spans = other.wait_for(Collector::spans, job);
        assert_eq!(instances(&spans), [third.clone()].into());
        metrics_from(&other, &third);
        assert!(other.log_records().is_empty());
        Ok(())
    })
    .await;
}
