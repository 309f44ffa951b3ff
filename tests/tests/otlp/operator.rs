//! The operator itself: what it sends of its own work, and how its traces go on in the server.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ResourceQuota, Secret};
use kube::api::ListParams;
use serde_json::{Value, json};
use telecom_telemetry::Protocol;
use telecom_tests::collector::{Collector, Place, attribute};
use telecom_tests::operator::{Operator, SHARD, Settings};
use telecom_tests::postgres;
use telecom_tests::scenario::scenario;

use super::binaries::{names, serve};

/// `SPAN_KIND_CLIENT` and `STATUS_CODE_ERROR` of OTLP.
const CLIENT: u64 = 3;
const ERROR: u64 = 2;

fn arguments(more: &[&str]) -> Vec<String> {
    let all = ["--otlp-sample-ratio=1", "--otlp-metrics-interval=1"];
    all.iter().chain(more).map(ToString::to_string).collect()
}

fn parent<'a>(spans: &'a [Value], of: &Value) -> Option<&'a Value> {
    spans
        .iter()
        .find(|span| span["spanId"] == of["parentSpanId"] && span["traceId"] == of["traceId"])
}

fn failed(span: &Value) -> bool {
    span["status"]["code"] == ERROR
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_sends_a_span_for_each_reconcile_and_each_write_metrics_and_logs() {
    scenario("otlp", async |s| {
        let mut place = Place::new(Protocol::Grpc);
        place.token = Some("s3cret-of-the-collector");
        let collector = Collector::start(&place);
        let mut settings = Settings::shard(&s.namespace, &s.namespace, "traced");
        settings.arguments = arguments(&[
            &format!("--otlp-endpoint={}", place.url()),
            "--otlp-export-logs",
            "--otlp-service-name=operator-eu",
            "--otlp-resource-attributes=region=eu",
        ]);
        let header = "authorization=Bearer%20s3cret-of-the-collector".to_owned();
        settings.environment = vec![("TELECOM_OPERATOR_OTLP_HEADERS", header)];
        let operator = Operator::start(&settings)?;
        let labels = json!({SHARD: s.namespace});
        s.apply_labelled("demo", labels.clone(), json!({"replicas": 0}))
            .await?;

        let spans = collector.wait_for(Collector::spans, |spans| {
            let names = names(spans);
            names.contains(&"reconcile") && names.contains(&"apply Service")
        });
        let write = spans.iter().find(|span| span["name"] == "apply Service");
        let write = write.unwrap();
        let reconcile = parent(&spans, write).unwrap();
        assert_eq!(reconcile["name"], "reconcile");
        assert_eq!(write["kind"], CLIENT);
        assert!(!failed(write), "{write:#}");
        for (key, expected) in [("service.name", "operator-eu"), ("region", "eu")] {
            assert_eq!(attribute(&write["resource"], key), Some(expected));
        }
        let namespace = attribute(&write["attributes"], "k8s.namespace.name");
        assert_eq!(namespace, Some(s.namespace.as_str()));
        collector.wait_for(Collector::metrics, |requests| {
            requests
                .iter()
                .any(|metrics| names(metrics).contains(&"telecom_operator_applies_total"))
        });
        let trace = &reconcile["traceId"];
        collector.wait_for(Collector::log_records, |records| {
            let told = |record: &Value| record["body"]["stringValue"] == "reconciled";
            records
                .iter()
                .any(|record| told(record) && record["traceId"] == *trace)
        });

        // What the apiserver refuses is an error of the write and of the reconcile.
        let quota = json!({
            "apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": {"name": "full"}, "spec": {"hard": {"services": "0"}},
        });
        s.apply::<ResourceQuota>("full", &quota).await?;
        s.apply_labelled("refused", labels, json!({"replicas": 0}))
            .await?;
        let spans = collector.wait_for(Collector::spans, |spans| {
            let mut failures = spans.iter().filter(|span| failed(span));
            failures.any(|span| span["name"] == "reconcile")
        });
        let write = spans.iter().filter(|span| failed(span));
        let write = write.clone().find(|span| span["name"] == "apply Service");
        let write = write.unwrap();
        assert_eq!(attribute(&write["attributes"], "error.type"), Some("403"));
        let said = write["status"]["message"].as_str().unwrap_or_default();
        assert!(said.contains("exceeded quota"), "{write:#}");
        assert!(failed(parent(&spans, write).unwrap()));

        // The levels of its log are changed while it runs, and nothing in it is a secret even so.
        let filter = json!({"metadata": {"annotations": {"telecom.dev/log-filter": "trace"}}});
        s.merge::<Lease>("telecom-operator", filter).await?;
        s.wait("lines of another level", || async {
            let log = operator.log_text();
            Ok(log.contains(r#""level":"TRACE""#).then_some(()))
        })
        .await?;
        let secrets = s.api::<Secret>().list(&ListParams::default()).await?;
        let values = secrets.items.into_iter().filter_map(|secret| secret.data);
        let values = values.flat_map(std::collections::BTreeMap::into_values);
        let log = operator.log_text();
        for value in values.map(|value| String::from_utf8(value.0).unwrap()) {
            assert!(!log.contains(&value), "a secret is in the log");
        }
        assert!(!log.contains("s3cret"));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_of_a_job_is_one_trace_through_operator_and_server() {
    scenario("trace", async |s| {
        let place = Place::new(Protocol::Http);
        let collector = Collector::start(&place);
        let grpc = format!("127.0.0.1:{}", postgres::free_port()?);
        let http = format!("127.0.0.1:{}", postgres::free_port()?);
        let mut settings = Settings::shard(&s.namespace, &s.namespace, "asking");
        settings.arguments = arguments(&[
            &format!("--otlp-traces-endpoint={}/v1/traces", place.url()),
            "--otlp-protocol=http",
            &format!("--server-endpoint={grpc}"),
        ]);
        let _operator = Operator::start(&settings)?;
        let labels = json!({SHARD: s.namespace});
        s.apply_labelled("demo", labels, json!({"replicas": 1}))
            .await?;
        let token = s
            .wait("the operator's token", || async {
                let secret = s.api::<Secret>().get_opt("demo-operator-token").await?;
                let mut data = secret.and_then(|secret| secret.data).unwrap_or_default();
                Ok(data.remove("token"))
            })
            .await?;
        // A server beside the cluster's own: one that a collector on this machine hears.
        let _server = serve(&place, &grpc, &http, std::str::from_utf8(&token.0)?);
        s.ready("demo").await?;

        let method = "telecom.v1.JobManage/RunJob";
        let of = |span: &Value, service: &str| {
            attribute(&span["resource"], "service.name") == Some(service)
        };
        let answered = |span: &&Value| span["name"] == method && of(span, "telecom-server");
        let root = |spans: &[Value], server: &Value| {
            let client = parent(spans, server).filter(|span| of(span, "telecom-operator"));
            let run = client.and_then(|client| parent(spans, client));
            client.cloned().zip(run.cloned())
        };
        let spans = collector.wait_for(Collector::spans, |spans| {
            let mut servers = spans.iter().filter(answered);
            servers.any(|server| root(spans, server).is_some())
        });
        let mut servers = spans.iter().filter(answered);
        let (client, run) = servers.find_map(|server| root(&spans, server)).unwrap();
        assert_eq!(
            (&client["name"], &client["kind"]),
            (&json!(method), &json!(CLIENT))
        );
        assert_eq!(attribute(&client["attributes"], "rpc.system"), Some("grpc"));
        let job = attribute(&run["attributes"], "job").unwrap();
        assert_eq!(run["name"], format!("run {job}"));
        let above = run["parentSpanId"].as_str().unwrap_or_default();
        assert!(above.is_empty(), "{run:#}");

        // The work itself outlives the question and may have more causes: a trace of its own, with links to them.
        let name = format!("job {job}");
        collector.wait_for(Collector::spans, |spans| {
            let mut jobs = spans.iter().filter(|span| span["name"] == name);
            jobs.any(|span| {
                let links = span["links"].as_array().into_iter().flatten();
                links.clone().any(|link| link["traceId"] == run["traceId"])
            })
        });
        Ok(())
    })
    .await;
}
