//! A program with telemetry, inside the test: its registry, its subscriber, its log lines.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus::Registry;
use serde_json::Value;
use telecom_telemetry::{Config, Otel, Service, Telemetry, build};
use tracing::Dispatch;

use telecom_tests::collector::Place;

pub struct Program {
    pub registry: Registry,
    pub lines: Lines,
    telemetry: Telemetry,
    dispatch: Dispatch,
}

impl Program {
    /// Sends everything to `place`, every trace, metrics five times a second.
    pub fn new(place: &Place<'_>, change: impl FnOnce(&mut Otel)) -> Self {
        let mut service = Service::new("telecom-server", "0.1.0");
        "server-0".clone_into(&mut service.instance);
        let mut config = Config::for_service(service);
        config.export_interval = Duration::from_millis(200);
        config.otel = Otel {
            enabled: true,
            endpoint: place.url(),
            protocol: place.protocol,
            sample_ratio: 1.0,
            export_metrics: true,
            export_logs: true,
            ca_file: place.tls.map(|tls| tls.ca.clone()),
            resource_attributes: [("region".to_owned(), "eu".to_owned())].into(),
            ..Otel::default()
        };
        change(&mut config.otel);
        let registry = Registry::new();
        let lines = Lines::default();
        let writer = lines.clone();
        let settings = config.validate().unwrap();
        let (telemetry, dispatch) = build(&settings, &registry, move || writer.clone()).unwrap();
        Self {
            registry,
            lines,
            telemetry,
            dispatch,
        }
    }

    /// Runs `work` with this program's subscriber.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    /// `count` requests, each a span with one line in it.
    pub fn serve(&self, count: usize) {
        self.run(|| {
            for number in 0..count {
                tracing::info_span!("request", number).in_scope(|| tracing::info!("served"));
            }
        });
    }

    /// What was counted as never having arrived.
    pub fn dropped(&self, signal: &str) -> f64 {
        let families = self.registry.gather();
        let family = families
            .iter()
            .find(|f| f.name() == "telecom_otlp_dropped_total")
            .unwrap();
        let mut metrics = family.get_metric().iter();
        let metric = metrics
            .find(|metric| metric.get_label()[0].value() == signal)
            .unwrap();
        metric.get_counter().get_value()
    }

    /// Flushes and ends it.
    pub async fn stop(self) -> Registry {
        self.telemetry.shutdown(Duration::from_secs(30)).await;
        self.registry
    }
}

/// Log lines in memory.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub fn json(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
