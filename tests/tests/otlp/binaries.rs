//! The server itself: what it sends of its own work.

use std::process::{Child, Command, Stdio};

use serde_json::Value;
use telecom_proto::v1::ListNodeServersRequest;
use telecom_telemetry::Protocol;
use telecom_tests::operator::binary;
use telecom_tests::{postgres, telecom, tokens};

use telecom_tests::collector::{Collector, Place, attribute};

/// A server process; killed when dropped.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts one that sends everything to `place`.
pub fn serve(place: &Place<'_>, grpc: &str, http: &str, operator_token: &str) -> Server {
    let protocol = match place.protocol {
        Protocol::Grpc => "grpc",
        Protocol::Http => "http",
    };
    let child = Command::new(binary("telecom-server").unwrap())
        .args(["serve", "--migrate"])
        .env("TELECOM__DATABASE__URL", postgres::shared().database())
        .env("TELECOM__AUTH__JWT_SECRET", tokens::JWT_SECRET)
        .env("TELECOM__AUTH__OPERATOR_TOKEN", operator_token)
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

/// The names of spans or metrics.
pub fn names(items: &[Value]) -> Vec<&str> {
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
    let _server = serve(&place, &grpc, &http, "the-operators-token-of-this-test");
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
