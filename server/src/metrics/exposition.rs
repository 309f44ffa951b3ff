//! The two text formats of `/metrics`: Prometheus 0.0.4, and `OpenMetrics` 1.0 for those who ask.
//!
//! The latter: <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>

use prometheus::proto::{Metric, MetricFamily, MetricType};
use prometheus::{Encoder as _, Registry, TextEncoder};

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`
    Prometheus,
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics,
}

impl Format {
    /// What an `Accept` header asks for: `OpenMetrics` if it names it at all, as Prometheus does.
    pub fn accepted(accept: &str) -> Self {
        let wanted = accept.split(',').any(|part| {
            let mut parts = part.split(';').map(str::trim);
            parts.next() == Some("application/openmetrics-text")
                && parts.all(|part| part != "q=0" && part != "q=0.0")
        });
        if wanted {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The `Content-Type` of the answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// All metrics of a registry as text.
pub fn render(registry: &Registry, format: Format) -> Result<String, prometheus::Error> {
    let families = registry.gather();
    match format {
        Format::Prometheus => {
            let mut text = Vec::with_capacity(32 * 1024);
            TextEncoder::new().encode(&families, &mut text)?;
            String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
        }
        Format::OpenMetrics => {
            let mut text = String::with_capacity(32 * 1024);
            for family in &families {
                open_metrics(&mut text, family);
            }
            text.push_str("# EOF\n");
            Ok(text)
        }
    }
}

fn open_metrics(text: &mut String, family: &MetricFamily) {
    let kind = family.get_field_type();
    let (name, kind_name) = match kind {
        // A counter's family has the name without the suffix that its samples have.
        MetricType::COUNTER => match family.name().strip_suffix("_total") {
            Some(name) => (name, "counter"),
            None => (family.name(), "unknown"),
        },
        MetricType::GAUGE => (family.name(), "gauge"),
        MetricType::HISTOGRAM => (family.name(), "histogram"),
        MetricType::SUMMARY => (family.name(), "summary"),
        MetricType::UNTYPED => (family.name(), "unknown"),
    };
    text.extend(["# HELP ", name, " ", &escape(family.help()), "\n"]);
    text.extend(["# TYPE ", name, " ", kind_name, "\n"]);
    for metric in family.get_metric() {
        let labels = labels(metric);
        let sample = family.name();
        match kind {
            MetricType::COUNTER => {
                line(text, sample, &labels, metric.get_counter().get_value());
            }
            MetricType::GAUGE => line(text, sample, &labels, metric.get_gauge().get_value()),
            MetricType::HISTOGRAM => histogram(text, sample, &labels, metric),
            // The server has none of these.
            MetricType::SUMMARY | MetricType::UNTYPED => {}
        }
    }
}

fn histogram(text: &mut String, name: &str, labels: &str, metric: &Metric) {
    let histogram = metric.get_histogram();
    let with = |bound: &str| {
        let comma = if labels.is_empty() { "" } else { "," };
        format!("{labels}{comma}le=\"{bound}\"")
    };
    let bucket = format!("{name}_bucket");
    for item in histogram.get_bucket() {
        let bound = number(item.upper_bound());
        count(text, &bucket, &with(&bound), item.cumulative_count());
    }
    count(text, &bucket, &with("+Inf"), histogram.get_sample_count());
    line(
        text,
        &format!("{name}_sum"),
        labels,
        histogram.get_sample_sum(),
    );
    count(
        text,
        &format!("{name}_count"),
        labels,
        histogram.get_sample_count(),
    );
}

fn labels(metric: &Metric) -> String {
    metric
        .get_label()
        .iter()
        .map(|pair| format!("{}=\"{}\"", pair.name(), escape(pair.value())))
        .collect::<Vec<_>>()
        .join(",")
}

fn line(text: &mut String, name: &str, labels: &str, value: f64) {
    sample(text, name, labels, &number(value));
}

fn count(text: &mut String, name: &str, labels: &str, value: u64) {
    sample(text, name, labels, &value.to_string());
}

fn sample(text: &mut String, name: &str, labels: &str, value: &str) {
    if labels.is_empty() {
        text.extend([name, " ", value, "\n"]);
    } else {
        text.extend([name, "{", labels, "} ", value, "\n"]);
    }
}

/// Whole numbers with a fraction, as the canonical form of bucket bounds wants them.
fn number(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        format!("{value:?}")
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
