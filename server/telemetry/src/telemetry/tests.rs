//! The whole of it in one process: lines, ids, and collectors that are absent or never answer.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rstest::rstest;
use serde_json::Value;
use tokio::net::TcpListener;

use super::*;
use crate::settings::{Config, LogFormat, Protocol, Service};

/// Collects what is written as log lines.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    }
}

fn config() -> Config {
    Config::for_service(Service::new("telecom-server", "0.1.0"))
}

pub(crate) fn exporting_to(address: SocketAddr, protocol: Protocol) -> Config {
    let mut config = config();
    config.otel.enabled = true;
    config.otel.endpoint = format!("http://{address}");
    config.otel.protocol = protocol;
    config.otel.sample_ratio = 1.0;
    config.otel.export_logs = true;
    config
}

pub(crate) fn build_with_lines(
    config: Config,
    registry: &Registry,
) -> (Telemetry, Dispatch, Lines) {
    let lines = Lines::default();
    let writer = lines.clone();
    let settings = config.validate().unwrap();
    let (telemetry, dispatch) = build(&settings, registry, move || writer.clone()).unwrap();
    (telemetry, dispatch, lines)
}

pub(crate) fn dropped(registry: &Registry, signal: &str) -> f64 {
    let families = registry.gather();
    let family = families
        .iter()
        .find(|family| family.name() == "telecom_otlp_dropped_total")
        .unwrap();
    let metric = family.get_metric().iter().find(|metric| {
        let mut labels = metric.get_label().iter();
        labels.any(|label| label.value() == signal)
    });
    metric.unwrap().get_counter().get_value()
}

#[tokio::test]
async fn a_line_names_the_request_even_without_a_collector() {
    let (telemetry, dispatch, lines) = build_with_lines(config(), &Registry::new());
    tracing::dispatcher::with_default(&dispatch, || {
        tracing::info!(level = 3, "outside");
        let span = tracing::info_span!("request", node = "de-fra-1");
        span.in_scope(|| tracing::warn!(attempt = 2, "inside"));
    });
    telemetry.shutdown(Duration::from_secs(1)).await;

    let lines = lines.json();
    let [outside, inside] = lines.as_slice() else {
        panic!("{lines:#?}");
    };
    assert_eq!(outside["message"], "outside");
    assert_eq!(outside["level"], "INFO");
    assert_eq!(outside["event.level"], 3);
    assert_eq!(outside.get("trace_id"), None);
    assert_eq!(inside["level"], "WARN");
    assert_eq!(inside["attempt"], 2);
    assert_eq!(inside["span"]["node"], "de-fra-1");
    assert_eq!(inside["target"], "telecom_telemetry::telemetry::tests");
    assert_eq!(inside["trace_id"].as_str().unwrap().len(), 32);
    assert_eq!(inside["span_id"].as_str().unwrap().len(), 16);
    let time = inside["timestamp"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
}

#[tokio::test]
async fn levels_hold_for_lines_and_ids_stay() {
    let mut config = config();
    config.logging.level = "warn".to_owned();
    let (telemetry, dispatch, lines) = build_with_lines(config, &Registry::new());
    tracing::dispatcher::with_default(&dispatch, || {
        tracing::info_span!("request").in_scope(|| {
            tracing::info!("quiet");
            tracing::error!("loud");
        });
    });
    telemetry.shutdown(Duration::from_secs(1)).await;

    let lines = lines.json();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0]["message"], "loud");
    assert!(lines[0]["trace_id"].is_string(), "{lines:#?}");
}

#[tokio::test]
async fn levels_change_at_run_time_and_what_is_none_changes_nothing() {
    let (telemetry, dispatch, lines) = build_with_lines(config(), &Registry::new());
    let filter = telemetry.log_filter();
    let say = |number: u32| tracing::debug!(number, "detail");
    tracing::dispatcher::with_default(&dispatch, || {
        say(1);
        filter.set("info,telecom_telemetry=debug").unwrap();
        say(2);
        let none = filter.set("verbose").unwrap_err();
        assert!(none.to_string().contains("verbose"), "{none}");
        assert_eq!(filter.current(), "telecom_telemetry=debug,info");
        say(3);
        filter.set(&filter.current()).unwrap();
        say(4);
        filter.set(" ").unwrap();
        assert_eq!(filter.current(), "info");
        say(5);
    });
    telemetry.shutdown(Duration::from_secs(1)).await;
    let numbers: Vec<_> = lines
        .json()
        .iter()
        .map(|line| line["number"].clone())
        .collect();
    assert_eq!(numbers, [2, 3, 4]);
}

#[tokio::test]
async fn text_is_for_people() {
    let mut config = config();
    config.logging.format = LogFormat::Text;
    let (telemetry, dispatch, lines) = build_with_lines(config, &Registry::new());
    tracing::dispatcher::with_default(&dispatch, || tracing::info!(nodes = 20, "ready"));
    telemetry.shutdown(Duration::from_secs(1)).await;
    assert!(lines.text().contains("ready"), "{}", lines.text());
    assert!(serde_json::from_str::<Value>(&lines.text()).is_err());
}

#[tokio::test]
async fn the_drop_counter_starts_at_zero_and_takes_the_prefix() {
    let registry = Registry::new();
    let mut config = config();
    config.service.metric_prefix = "telecom_operator".to_owned();
    let (telemetry, _dispatch, _lines) = build_with_lines(config, &registry);
    let text = prometheus::TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap();
    for signal in ["traces", "metrics", "logs"] {
        let sample = format!("telecom_operator_otlp_dropped_total{{signal=\"{signal}\"}} 0");
        assert!(text.contains(&sample), "{text}");
    }
    telemetry.shutdown(Duration::from_secs(1)).await;
}

/// Far more than both queues hold, to a collector that takes connections and never says a word.
#[rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_collector_costs_counted_losses_and_nobodys_time(#[case] protocol: Protocol) {
    const SPANS: u32 = 6_000;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let registry = Registry::new();
    let config = exporting_to(silent.local_addr().unwrap(), protocol);
    let (telemetry, dispatch, _lines) = build_with_lines(config, &registry);

    let begun = Instant::now();
    tracing::dispatcher::with_default(&dispatch, || {
        for number in 0..SPANS {
            tracing::info_span!("request", number).in_scope(|| tracing::info!("served"));
        }
    });
    let emitting = begun.elapsed();

    // Two queues of 2048 and two batches of 512 under way hold what is not lost.
    for signal in ["traces", "logs"] {
        let dropped = dropped(&registry, signal);
        assert!(dropped >= f64::from(SPANS) - 4096.0, "{signal}: {dropped}");
        assert!(dropped < f64::from(SPANS), "{signal}: {dropped}");
    }
    // An export gives up after 10 s; callers that waited for room would wait for eight of them.
    assert!(emitting < Duration::from_mins(1), "{emitting:?}");

    let begun = Instant::now();
    telemetry.shutdown(Duration::from_millis(500)).await;
    let stopping = begun.elapsed();
    // What is in the queues would take five exports.
    assert!(stopping < Duration::from_secs(30), "{stopping:?}");
}

/// On one thread, so that the subscriber of the test hears what the sending task says.
#[rstest]
#[case(Protocol::Grpc, "transport error")]
#[case(Protocol::Http, "client error (Connect)")]
#[tokio::test]
async fn an_absent_collector_is_said_once_and_counted(
    #[case] protocol: Protocol,
    #[case] words: &str,
) {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let registry = Registry::new();
    let mut config = exporting_to(address, protocol);
    config.otel.export_logs = false;
    config.export_interval = Duration::from_millis(50);
    let (telemetry, dispatch, lines) = build_with_lines(config, &registry);
    let _guard = tracing::dispatcher::set_default(&dispatch);

    // Each export of this registry holds the three drop counters: twelve are four exports.
    let deadline = Instant::now() + Duration::from_mins(1);
    while dropped(&registry, "metrics") < 12.0 {
        assert!(Instant::now() < deadline, "no loss was ever counted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    telemetry.shutdown(Duration::from_secs(5)).await;

    let lines = lines.json();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0]["level"], "WARN");
    assert_eq!(lines[0]["signal"], "metrics");
    let endpoint = lines[0]["endpoint"].as_str().unwrap();
    assert!(endpoint.contains(&address.to_string()), "{endpoint}");
    let error = lines[0]["error"].as_str().unwrap();
    assert!(error.starts_with(words), "{error}");
    assert!(error.contains("Connection refused"), "{error}");
}

#[test]
fn a_ca_file_that_is_not_one_is_named() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let mut config = exporting_to(([127, 0, 0, 1], 4317).into(), Protocol::Grpc);
    config.otel.ca_file = Some("/nonexistent/ca.pem".into());
    let settings = config.validate().unwrap();
    let error = build(&settings, &Registry::new(), io::sink).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/ca.pem"), "{error}");
}

#[tokio::test]
async fn two_in_one_registry_are_refused() {
    let registry = Registry::new();
    let (telemetry, _dispatch, _lines) = build_with_lines(config(), &registry);
    let settings = config().validate().unwrap();
    let error = build(&settings, &registry, io::sink).unwrap_err();
    assert!(matches!(error, Error::Registry(_)), "{error}");
    telemetry.shutdown(Duration::from_secs(1)).await;
}
