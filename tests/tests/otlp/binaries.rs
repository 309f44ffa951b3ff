//! The two programs themselves: what the server and the operator send of their own work.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use telecom_proto::v1::ListNodeServersRequest;
use telecom_telemetry::Protocol;
use telecom_tests::operator::{Operator, SHARD, Settings, binary};
use telecom_tests::scenario::scenario;
use telecom_tests::{postgres, telecom, tokens};

use super::collector::{Collector, Place, attribute};

/// A server process; killed when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(place: &Place<'_>, grpc: &str, http: &str) -> Server {
    let protocol = match place.protocol {
        Protocol::Grpc => "grpc",
        Protocol::Http => "http",
    };
    let child = Command::new(binary("telecom-server").unwrap())
        .args(["serve", "--migrate"])
        .env("TELECOM__DATABASE__URL", postgres::shared().database())
        .env("TELECOM__AUTH__JWT_SECRET", tokens::JWT_SECRET)
        .env("TELECOM__GRPC__LISTEN", grpc)
        .env("TELECOM__HTTP__LISTEN", http)
        .env("TELECOM__METRICS__EXPORT_INTERVAL_SECS", "1")
        .env("TELECOM__OTEL__ENABLED", "true")
        .env("TELECOM__OTEL__ENDPOINT", place.url())
        .env("TELECOM__OTEL__PROTOCOL", protocol)
        .env("TELECOM__OTEL__SAMPLE_RATIO", "1")
        .env("TELECOM__OTEL__EXPORT_LOGS", "true")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    Server(child)
}

fn names(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .filter_map(|item| item["name"].as_str())
        .collect()
}

#[rstest::rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_sends_spans_metrics_and_logs_of_a_call(#[case] protocol: Protocol) {
    let place = Place::new(protocol);
    let collector = Collector::start(&place);
    let grpc = format!("127.0.0.1:{}", postgres::free_port().unwrap());
    let http = format!("127.0.0.1:{}", postgres::free_port().unwrap());
    let _server = serve(&place, &grpc, &http);
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while !matches!(
        telecom::get(http.parse().unwrap(), "/healthz/ready", None).await,
        Ok((200, _))
    ) {
        assert!(
            std::time::Instant::now() < deadline,
            "the server is not ready"
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }

    let channel = telecom::channel(grpc.parse().unwrap()).await.unwrap();
    let list = ListNodeServersRequest {
        limit: 10,
        ..Default::default()
    };
    let request = telecom::with_token(list, tokens::admin()).unwrap();
    telecom::manage(channel)
        .list_node_servers(request)
        .await
        .unwrap();

    let method = "telecom.v1.NodeServerManage/ListNodeServers";
    let spans = collector.wait_for(Collector::spans, |spans| names(spans).contains(&method));
    let span = spans.iter().find(|span| span["name"] == method).unwrap();
    assert_eq!(
        attribute(&span["resource"], "service.name"),
        Some("telecom-server")
    );
    collector.wait_for(Collector::metrics, |requests| {
        requests
            .iter()
            .any(|metrics| names(metrics).contains(&"telecom_grpc_requests_total"))
    });
    let trace = span["traceId"].clone();
    collector.wait_for(Collector::log_records, |records| {
        records.iter().any(|record| record["traceId"] == trace)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_sends_a_span_for_each_reconcile_and_each_write() {
    scenario("otlp", async |s| {
        let place = Place::new(Protocol::Grpc);
        let collector = Collector::start(&place);
        let url = place.url();
        let mut settings = Settings::shard(&s.namespace, &s.namespace, "traced");
        settings.arguments = ["--otlp-endpoint", &url, "--otlp-sample-ratio", "1"]
            .map(String::from)
            .into();
        let _operator = Operator::start(&settings)?;
        let labels = json!({SHARD: s.namespace});
        s.apply_labelled("demo", labels, json!({"replicas": 0}))
            .await?;

        let spans = collector.wait_for(Collector::spans, |spans| {
            let names = names(spans);
            names.contains(&"reconcile") && names.contains(&"apply Service")
        });
        let write = spans
            .iter()
            .find(|span| span["name"] == "apply Service")
            .unwrap();
        let reconcile = spans
            .iter()
            .find(|span| span["spanId"] == write["parentSpanId"]);
        assert_eq!(
            reconcile.map(|span| &span["name"]),
            Some(&json!("reconcile"))
        );
        assert_eq!(
            attribute(&write["resource"], "service.name"),
            Some("telecom-operator")
        );
        collector.wait_for(Collector::metrics, |requests| {
            requests
                .iter()
                .any(|metrics| names(metrics).contains(&"telecom_operator_applies_total"))
        });
        Ok(())
    })
    .await;
}
