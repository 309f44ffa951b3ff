//! Traces of the server as a real collector has them: from a report on to the node that is told, and what becomes of
//! requests when the collector does not answer.

use std::time::Duration;

use serde_json::Value;
use telecom_proto::v1::{Access, Job, ListNodeServersRequest, PackageConfig};
use telecom_telemetry::Protocol;
use telecom_tests::collector::{Collector, Place, attribute};
use telecom_tests::postgres;
use tokio::net::TcpListener;
use tonic::Code;

use super::access::Watch;
use super::calls::record;
use super::database_away::admit;
use super::job_runs::{request, run};
use super::packages::{months, package_config, total};
use super::process::{PATIENCE, Server, eventually};
use super::queue::age;
use super::usage::{Site, subscribers};

fn named<'a>(spans: &'a [Value], name: &str) -> Option<&'a Value> {
    spans.iter().find(|span| span["name"] == name)
}

/// Whether `later` has a link to `earlier`.
fn follows(later: &Value, earlier: &Value) -> bool {
    let links = later["links"].as_array().into_iter().flatten();
    links
        .into_iter()
        .any(|link| link["traceId"] == earlier["traceId"] && link["spanId"] == earlier["spanId"])
}

fn is_child(child: &Value, parent: &Value) -> bool {
    child["traceId"] == parent["traceId"] && child["parentSpanId"] == parent["spanId"]
}

/// Settings of a server that sends every trace to a collector.
fn traced(url: &str) -> [(&str, &str); 3] {
    [
        ("TELECOM__OTEL__ENABLED", "true"),
        ("TELECOM__OTEL__ENDPOINT", url),
        ("TELECOM__OTEL__SAMPLE_RATIO", "1"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_is_followed_from_its_request_to_the_denial_that_the_node_is_told() {
    let place = Place::new(Protocol::Grpc);
    let collector = Collector::start(&place);
    let url = place.url();
    let mut settings = traced(&url).to_vec();
    settings.push(("TELECOM__OTEL__RESOURCE_ATTRIBUTES__TEAM", "core"));
    let site = Site::with(&settings, 1_000_000).await;
    let user = subscribers(&site.server, 1).await.remove(0);
    let series = site.server.series("Home").await;
    site.give(series.id, "Home", &[site.client]).await;
    let config = PackageConfig {
        quota: Some(total(1000)),
        duration: Some(months(1)),
        ..package_config(series.id, "1000 bytes")
    };
    let package = site.server.package(config).await;
    site.server.enqueued(&user, &package, "o1").await;
    age(|sql| site.sql(sql), &user, "1 minute");
    let mut watch = Watch::begin(&site.server, &site.token, 0, 0).await;
    assert_eq!(watch.snapshot().await.changes.len(), 1);

    let taken = site.report(1, vec![site.row(&user, 0, 2000)]).await;
    assert_eq!(taken.accepted, 1);
    let mut jobs = site.server.jobs().await;
    assert_eq!(
        run(&mut jobs, Job::BillTraffic, request("a")).await.changed,
        1
    );
    let told = loop {
        let message = watch.next().await;
        if message
            .changes
            .iter()
            .any(|change| change.reason() == Access::NoPackage)
        {
            break message;
        }
    };

    let send = "send telecom.access";
    let spans = collector.wait_for(Collector::spans, |spans| {
        let names = [
            "job billTraffic",
            "process telecom.user_usage_billing",
            send,
        ];
        names.iter().all(|name| named(spans, name).is_some())
    });
    let [report, asked, job, event, access] = [
        "telecom.v1.NodeAgent/ReportUsage",
        "telecom.v1.JobManage/RunJob",
        "job billTraffic",
        "process telecom.user_usage_billing",
        send,
    ]
    .map(|name| named(&spans, name).unwrap());
    // The run is a trace of its own, which knows the report and who asked for it.
    assert!(follows(job, report) && follows(job, asked), "{job:#}");
    assert_ne!(job["traceId"], report["traceId"]);
    // It goes on through the charge to the node.
    assert!(is_child(event, job), "{event:#}");
    assert!(is_child(access, event), "{access:#}");
    let (trace, span) = (access["traceId"].as_str(), access["spanId"].as_str());
    let traceparent = format!("00-{}-{}-01", trace.unwrap(), span.unwrap());
    assert_eq!(told.traceparent, traceparent);
    // Statements are told by what they do; who the resource is, everywhere.
    let statement = named(&spans, "INSERT usage_report").unwrap();
    assert!(is_child(statement, report), "{statement:#}");
    let attributes = &statement["attributes"];
    assert_eq!(attribute(attributes, "db.system.name"), Some("postgresql"));
    assert_eq!(
        attribute(attributes, "db.collection.name"),
        Some("usage_report")
    );
    for span in &spans {
        assert_eq!(attribute(&span["resource"], "team"), Some("core"));
        assert_ne!(span["name"], "", "{span:#}");
    }
}

/// What only looks whether there is anything to do leaves no traces.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_at_rest_sends_no_spans() {
    let place = Place::new(Protocol::Http);
    let collector = Collector::start(&place);
    let url = place.url();
    let mut settings = traced(&url).to_vec();
    settings.push(("TELECOM__OTEL__PROTOCOL", "http"));
    let server = Server::start_with(&settings).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (_, token) = server.node("fra-1").await;
    let mut agent = server.agent(&token).await;
    agent.heartbeat(super::process::heartbeat()).await.unwrap();
    let heartbeat = "telecom.v1.NodeAgent/Heartbeat";
    let spans = collector.wait_for(Collector::spans, |spans| named(spans, heartbeat).is_some());
    let asked = [
        "telecom.v1.NodeAgent/Heartbeat",
        "telecom.v1.NodeServerManage/CreateNodeServer",
    ];
    let roots = spans
        .iter()
        .filter(|span| span["parentSpanId"].as_str().is_none_or(str::is_empty));
    let others: Vec<_> = roots
        .filter(|span| !asked.contains(&span["name"].as_str().unwrap()))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_a_call_is_stored_in_the_trace_of_its_push() {
    let place = Place::new(Protocol::Grpc);
    let collector = Collector::start(&place);
    let server = Server::start_with(&traced(&place.url())).await;
    let (_, token) = server.pbx("pbx-1").await;
    assert_eq!(server.push(&token, &record("a", 5)).await.code, 202);
    let insert = "INSERT call_record";
    let spans = collector.wait_for(Collector::spans, |spans| {
        [insert, "store calls", "POST /v1/call-records"]
            .iter()
            .all(|name| named(spans, name).is_some())
    });
    let [push, store, insert] =
        ["POST /v1/call-records", "store calls", insert].map(|name| named(&spans, name).unwrap());
    assert!(is_child(store, push), "{store:#}");
    assert_eq!(insert["traceId"], push["traceId"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_does_not_begin_is_an_error_of_its_span() {
    let place = Place::new(Protocol::Grpc);
    let collector = Collector::start(&place);
    let database = postgres::shared().database();
    let url = place.url();
    let server = Server::launch(&database, &traced(&url), &["serve", "--migrate"]).await;
    server.until_ready().await;
    let mut admin = server.admin().await;
    admit(&database, false);
    let refused = admin.list_node_servers(ListNodeServersRequest::default());
    assert_eq!(refused.await.unwrap_err().code(), Code::Unavailable);

    let list = "telecom.v1.NodeServerManage/ListNodeServers";
    let spans = collector.wait_for(Collector::spans, |spans| named(spans, list).is_some());
    let trace = &named(&spans, list).unwrap()["traceId"];
    let mut begins = spans.iter().filter(|span| span["name"] == "BEGIN");
    let begin = begins.find(|span| &span["traceId"] == trace).unwrap();
    assert_eq!(begin["status"]["code"], 2, "{begin:#}");
}

/// It takes connections and never says a word.
async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_hangs_costs_no_request_and_no_memory_without_bound() {
    let (listener, url) = silent().await;
    let hang = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    let mut settings = traced(&url).to_vec();
    settings.push(("TELECOM__OTEL__EXPORT_LOGS", "true"));
    let mut server = Server::start_with(&settings).await;
    let (_, token) = server.node("fra-1").await;
    let resident = "process_resident_memory_bytes";
    let before = server.metric(resident).await.unwrap();
    for _ in 0..4 {
        let agents = (0..8).map(|_| server.agent(&token));
        let work = agents.map(|agent| async {
            let mut agent = agent.await;
            for _ in 0..100 {
                agent.heartbeat(super::process::heartbeat()).await.unwrap();
            }
        });
        futures::future::join_all(work).await;
    }
    // Some five spans each: far more than the queue holds.
    let dropped = "telecom_otlp_dropped_total{signal=\"traces\"}";
    eventually("dropped", || async {
        server.metric(dropped).await > Some(1000.0)
    })
    .await;
    let grown = server.metric(resident).await.unwrap() - before;
    assert!(grown < 64.0 * 1024.0 * 1024.0, "{grown} bytes more");
    // Nor does it hold up the end.
    let begun = std::time::Instant::now();
    server.signal("TERM").await;
    assert!(server.ended().await.success());
    assert!(begun.elapsed() < PATIENCE);
    hang.abort();
}
