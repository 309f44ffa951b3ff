//! Spans, metrics and log records arrive whole, over both protocols.

use prometheus::{Gauge, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use rstest::rstest;
use telecom_telemetry::Protocol;

use super::exposition::{of_registry, of_request};
use super::program::Program;
use telecom_tests::collector::{Collector, Place, attribute};

#[rstest]
#[case(Protocol::Grpc, 0.0, 0..=0)]
#[case(Protocol::Grpc, 1.0, 2000..=2000)]
#[case(Protocol::Http, 0.0, 0..=0)]
#[case(Protocol::Http, 1.0, 2000..=2000)]
// The standard deviation is 22: this range is never left by chance.
#[case(Protocol::Http, 0.5, 750..=1250)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ratio_decides_how_many_spans_arrive(
    #[case] protocol: Protocol,
    #[case] ratio: f64,
    #[case] expected: std::ops::RangeInclusive<usize>,
) {
    let place = Place::new(protocol);
    let collector = Collector::start(&place);
    let program = Program::new(&place, |otel| otel.sample_ratio = ratio);

    program.serve(2000);
    program.run(|| tracing::info!("the last line"));
    program.stop().await;

    // Shutdown has flushed all signals, so the log record's arrival means that the spans are there.
    let records = collector.wait_for(Collector::log_records, |records| records.len() == 2001);
    assert_eq!(records.len(), 2001);
    let spans = collector.wait_for(Collector::spans, |spans| spans.len() >= *expected.start());
    assert!(
        expected.contains(&spans.len()),
        "{} spans at {ratio}",
        spans.len()
    );
}

#[rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_record_names_its_span_and_both_name_the_service(#[case] protocol: Protocol) {
    let place = Place::new(protocol);
    let collector = Collector::start(&place);
    let program = Program::new(&place, |_| {});
    let lines = program.lines.clone();

    program.serve(1);
    program.stop().await;

    let spans = collector.wait_for(Collector::spans, |spans| !spans.is_empty());
    let records = collector.wait_for(Collector::log_records, |records| !records.is_empty());
    let (span, record, line) = (&spans[0], &records[0], &lines.json()[0]);
    assert_eq!(span["name"], "request");
    assert_eq!(record["body"]["stringValue"], "served");
    assert_eq!(record["severityText"], "INFO");
    assert_eq!(record["traceId"], span["traceId"]);
    assert_eq!(record["spanId"], span["spanId"]);
    assert_eq!(line["trace_id"], span["traceId"]);
    assert_eq!(line["span_id"], span["spanId"]);
    for resource in [&span["resource"], &record["resource"]] {
        assert_eq!(attribute(resource, "service.name"), Some("telecom-server"));
        assert_eq!(attribute(resource, "service.version"), Some("0.1.0"));
        assert_eq!(attribute(resource, "service.instance.id"), Some("server-0"));
        assert_eq!(attribute(resource, "region"), Some("eu"));
    }
}

#[rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_arrive_as_the_exposition_has_them(#[case] protocol: Protocol) {
    let place = Place::new(protocol);
    let collector = Collector::start(&place);
    let program = Program::new(&place, |_| {});
    let calls = register(&program.registry);

    let two = collector.wait_for(Collector::metrics, |requests| requests.len() >= 2);
    calls.with_label_values(&["completed"]).inc_by(4);
    let registry = program.stop().await;
    let requests = collector.wait_for(Collector::metrics, |requests| requests.len() > two.len());

    let last = requests.last().unwrap();
    assert_eq!(of_request(last), of_registry(&registry));
    let counter = |request: &[serde_json::Value]| {
        let calls = request
            .iter()
            .find(|metric| metric["name"] == "calls_total")
            .cloned();
        calls.map(|metric| metric["sum"].clone())
    };
    let sum = counter(last).unwrap();
    assert_eq!(sum["isMonotonic"], true);
    assert_eq!(sum["aggregationTemporality"], 2, "cumulative");
    let starts: std::collections::BTreeSet<String> = requests
        .iter()
        .filter_map(|request| counter(request))
        .map(|sum| sum["dataPoints"][0]["startTimeUnixNano"].to_string())
        .collect();
    assert_eq!(
        starts.len(),
        1,
        "a start that moves reads as a reset: {starts:?}"
    );
}

fn register(registry: &Registry) -> IntCounterVec {
    let calls = IntCounterVec::new(Opts::new("calls_total", "Calls."), &["result"]).unwrap();
    calls.with_label_values(&["completed"]).inc_by(3);
    calls.with_label_values(&["missed"]);
    let queue = Gauge::new("queue_length", "Callers that wait.").unwrap();
    queue.set(2.5);
    let buckets = vec![1.0, 60.0, 7200.0];
    let talk = HistogramOpts::new("talk_seconds", "Talk time.").buckets(buckets);
    let talk = HistogramVec::new(talk, &["direction"]).unwrap();
    for length in [0.5, 60.0, 61.0, 9000.0] {
        talk.with_label_values(&["inbound"]).observe(length);
    }
    registry.register(Box::new(calls.clone())).unwrap();
    registry.register(Box::new(queue)).unwrap();
    registry.register(Box::new(talk)).unwrap();
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_takes_traces_at_an_address_of_its_own_gets_only_those() {
    let mut place = Place::new(Protocol::Http);
    place.traces_path = "/api/v0.2/traces";
    let collector = Collector::start(&place);
    let program = Program::new(&place, |otel| {
        otel.endpoint = format!("{}/api/v0.2/traces", otel.endpoint);
        otel.export_metrics = false;
        otel.export_logs = false;
    });

    program.serve(3);
    program.stop().await;

    collector.wait_for(Collector::spans, |spans| spans.len() == 3);
    assert!(collector.log_records().is_empty() && collector.metrics().is_empty());
}
