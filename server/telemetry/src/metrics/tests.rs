//! The bridge against the crate's own text exposition: same names, labels and values.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point};
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};

use super::*;

fn registry() -> Registry {
    let registry = Registry::new();
    let calls = IntCounterVec::new(Opts::new("calls_total", "Calls."), &["result"]).unwrap();
    calls.with_label_values(&["completed"]).inc_by(3);
    calls.with_label_values(&["missed"]);
    let load = GaugeVec::new(Opts::new("load", "Load."), &["node"]).unwrap();
    load.with_label_values(&["a\"b"]).set(-1.5);
    let seconds = HistogramVec::new(
        HistogramOpts::new("call_seconds", "Length.").buckets(vec![1.0, 10.0, 60.0]),
        &["direction"],
    )
    .unwrap();
    for length in [0.5, 1.0, 5.0, 61.0, 100.0] {
        seconds.with_label_values(&["in"]).observe(length);
    }
    registry.register(Box::new(calls)).unwrap();
    registry.register(Box::new(load)).unwrap();
    registry.register(Box::new(seconds)).unwrap();
    registry
}

fn bridged(registry: &Registry) -> ExportMetricsServiceRequest {
    let bridge = Bridge::new(
        ProtoResource::default(),
        UNIX_EPOCH + Duration::from_secs(1),
    );
    bridge.request(&registry.gather(), UNIX_EPOCH + Duration::from_secs(2))
}

/// Writes a request as the text exposition does, to compare the two.
fn as_text(request: &ExportMetricsServiceRequest) -> BTreeMap<String, f64> {
    let mut lines = BTreeMap::new();
    for metric in &request.resource_metrics[0].scope_metrics[0].metrics {
        let name = &metric.name;
        let labels = |attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]| {
            let pairs = attributes.iter().map(|pair| {
                let Some(Value::StringValue(value)) =
                    pair.value.clone().and_then(|value| value.value)
                else {
                    panic!("{pair:?} is not a string");
                };
                format!("{}={value:?}", pair.key)
            });
            pairs.collect::<Vec<_>>()
        };
        let key =
            |suffix: &str, labels: &[String]| format!("{name}{suffix}{{{}}}", labels.join(","));
        match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => {
                assert!(sum.is_monotonic);
                assert_eq!(sum.aggregation_temporality, 2, "cumulative");
                for point in &sum.data_points {
                    assert_eq!(point.start_time_unix_nano, 1_000_000_000);
                    lines.insert(key("", &labels(&point.attributes)), number(point.value));
                }
            }
            Data::Gauge(gauge) => {
                for point in &gauge.data_points {
                    lines.insert(key("", &labels(&point.attributes)), number(point.value));
                }
            }
            Data::Histogram(histogram) => {
                for point in &histogram.data_points {
                    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                    let labels = labels(&point.attributes);
                    let bounds = point.explicit_bounds.iter().map(ToString::to_string);
                    let mut below = 0;
                    for (bound, count) in
                        bounds.chain(["+Inf".to_owned()]).zip(&point.bucket_counts)
                    {
                        below += count;
                        let mut labels = labels.clone();
                        labels.push(format!("le={bound:?}"));
                        lines.insert(
                            key("_bucket", &labels),
                            f64::from(u32::try_from(below).unwrap()),
                        );
                    }
                    lines.insert(key("_sum", &labels), point.sum.unwrap());
                    lines.insert(
                        key("_count", &labels),
                        f64::from(u32::try_from(point.count).unwrap()),
                    );
                }
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    lines
}

fn number(value: Option<number_data_point::Value>) -> f64 {
    match value {
        Some(number_data_point::Value::AsDouble(value)) => value,
        other => panic!("{other:?} is not a double"),
    }
}

fn exposition(registry: &Registry) -> BTreeMap<String, f64> {
    let text = TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

#[test]
fn the_bridge_says_what_the_exposition_says() {
    let registry = registry();
    let expected = exposition(&registry);
    assert_eq!(expected.len(), 9, "{expected:#?}");
    assert_eq!(as_text(&bridged(&registry)), expected);
}

#[test]
fn help_becomes_the_description() {
    let request = bridged(&registry());
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let described: Vec<_> = metrics
        .iter()
        .map(|metric| (metric.name.as_str(), metric.description.as_str()))
        .collect();
    assert_eq!(
        described,
        [
            ("call_seconds", "Length."),
            ("calls_total", "Calls."),
            ("load", "Load.")
        ]
    );
}

#[test]
fn points_are_counted_for_the_drop_counter() {
    assert_eq!(data_points(&bridged(&registry())), 4);
}
