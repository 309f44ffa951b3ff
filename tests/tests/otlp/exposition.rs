//! Metrics as `/metrics` writes them, from the registry and from what a collector received.

use std::collections::BTreeMap;

use prometheus::{Registry, TextEncoder};
use serde_json::Value;

/// Each sample's name with its labels, and its value.
pub type Samples = BTreeMap<String, f64>;

/// What `/metrics` says now.
pub fn of_registry(registry: &Registry) -> Samples {
    let text = TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// The same from one OTLP request.
pub fn of_request(metrics: &[Value]) -> Samples {
    metrics.iter().flat_map(of_metric).collect()
}

fn of_metric(metric: &Value) -> Vec<(String, f64)> {
    let name = metric["name"].as_str().unwrap();
    if let Some(points) = metric["histogram"]["dataPoints"].as_array() {
        return points
            .iter()
            .flat_map(|point| of_histogram(name, point))
            .collect();
    }
    let data = if metric.get("sum").is_some() {
        "sum"
    } else {
        "gauge"
    };
    let points = metric[data]["dataPoints"].as_array().unwrap();
    points
        .iter()
        .map(|point| (key(name, &labels(point)), number(&point["asDouble"])))
        .collect()
}

fn of_histogram(name: &str, point: &Value) -> Vec<(String, f64)> {
    let list = |field: &str| -> Vec<f64> {
        point[field]
            .as_array()
            .unwrap()
            .iter()
            .map(number)
            .collect()
    };
    let bounds = list("explicitBounds")
        .into_iter()
        .map(|bound| bound.to_string());
    let mut samples = Vec::new();
    let mut below = 0.0;
    for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(list("bucketCounts")) {
        below += count;
        let mut labels = labels(point);
        labels.push(format!("le={bound:?}"));
        samples.push((key(&format!("{name}_bucket"), &labels), below));
    }
    samples.push((
        key(&format!("{name}_sum"), &labels(point)),
        number(&point["sum"]),
    ));
    samples.push((
        key(&format!("{name}_count"), &labels(point)),
        number(&point["count"]),
    ));
    samples
}

fn labels(point: &Value) -> Vec<String> {
    let pairs = point["attributes"].as_array().into_iter().flatten();
    pairs
        .map(|pair| {
            format!(
                "{}={}",
                pair["key"].as_str().unwrap(),
                pair["value"]["stringValue"]
            )
        })
        .collect()
}

fn key(name: &str, labels: &[String]) -> String {
    if labels.is_empty() {
        name.to_owned()
    } else {
        format!("{name}{{{}}}", labels.join(","))
    }
}

/// Protobuf's JSON writes 64-bit integers as strings.
fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap()
}
