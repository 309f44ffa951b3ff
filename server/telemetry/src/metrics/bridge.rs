//! Turns gathered Prometheus families into OTLP metrics of the same names, labels and values.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric as OtlpMetric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prometheus::proto::{Metric, MetricFamily, MetricType};

/// What is the same in every request of a process.
#[derive(Debug)]
pub(crate) struct Bridge {
    resource: Resource,
    start: u64,
}

/// The two times of a cumulative point.
#[derive(Clone, Copy)]
struct Span {
    start: u64,
    now: u64,
}

impl Bridge {
    /// All cumulative points begin at `start`, which never moves: counters live as long as the
    /// process, and a receiver takes a new start for a reset.
    pub(crate) fn new(resource: Resource, start: SystemTime) -> Self {
        Self {
            resource,
            start: nanoseconds(start),
        }
    }

    pub(crate) fn request(
        &self,
        families: &[MetricFamily],
        now: SystemTime,
    ) -> ExportMetricsServiceRequest {
        let span = Span {
            start: self.start,
            now: nanoseconds(now),
        };
        let metrics = families
            .iter()
            .map(|family| convert(family, span))
            .collect();
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(InstrumentationScope {
                        name: env!("CARGO_PKG_NAME").to_owned(),
                        version: env!("CARGO_PKG_VERSION").to_owned(),
                        ..InstrumentationScope::default()
                    }),
                    metrics,
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        }
    }
}

/// Counts the data points in a request.
pub(crate) fn data_points(request: &ExportMetricsServiceRequest) -> u64 {
    let scopes = request
        .resource_metrics
        .iter()
        .flat_map(|r| &r.scope_metrics);
    let metrics = scopes.flat_map(|scope| &scope.metrics);
    metrics
        .filter_map(|metric| metric.data.as_ref())
        .map(|data| match data {
            metric::Data::Gauge(data) => data.data_points.len(),
            metric::Data::Sum(data) => data.data_points.len(),
            metric::Data::Histogram(data) => data.data_points.len(),
            metric::Data::ExponentialHistogram(data) => data.data_points.len(),
            metric::Data::Summary(data) => data.data_points.len(),
        } as u64)
        .sum()
}

fn convert(family: &MetricFamily, span: Span) -> OtlpMetric {
    let points = family.get_metric();
    let temporality = AggregationTemporality::Cumulative as i32;
    let data = match family.get_field_type() {
        MetricType::COUNTER => metric::Data::Sum(Sum {
            data_points: numbers(points, Some(span.start), span.now, |m| {
                m.get_counter().get_value()
            }),
            aggregation_temporality: temporality,
            is_monotonic: true,
        }),
        MetricType::HISTOGRAM => metric::Data::Histogram(Histogram {
            data_points: points.iter().map(|m| histogram(m, span)).collect(),
            aggregation_temporality: temporality,
        }),
        MetricType::SUMMARY => metric::Data::Summary(Summary {
            data_points: points.iter().map(|m| summary(m, span)).collect(),
        }),
        MetricType::GAUGE => metric::Data::Gauge(Gauge {
            data_points: numbers(points, None, span.now, |m| m.get_gauge().get_value()),
        }),
        // The crate has no way to make an untyped metric, and its text encoder refuses one too.
        MetricType::UNTYPED => metric::Data::Gauge(Gauge::default()),
    };
    OtlpMetric {
        name: family.name().to_owned(),
        description: family.help().to_owned(),
        data: Some(data),
        ..OtlpMetric::default()
    }
}

fn numbers(
    points: &[Metric],
    start: Option<u64>,
    now: u64,
    value: impl Fn(&Metric) -> f64,
) -> Vec<NumberDataPoint> {
    let point = |metric: &Metric| NumberDataPoint {
        attributes: attributes(metric),
        start_time_unix_nano: start.unwrap_or_default(),
        time_unix_nano: now,
        value: Some(number_data_point::Value::AsDouble(value(metric))),
        ..NumberDataPoint::default()
    };
    points.iter().map(point).collect()
}

/// Prometheus counts "at most this bound" and leaves out the last bucket; OTLP counts between two
/// bounds and wants one bucket more than it has bounds.
fn histogram(metric: &Metric, span: Span) -> HistogramDataPoint {
    let histogram = metric.get_histogram();
    let count = histogram.get_sample_count();
    let mut bounds = Vec::new();
    let mut buckets = Vec::new();
    let mut below = 0;
    for bucket in histogram.get_bucket() {
        if bucket.upper_bound().is_infinite() {
            continue;
        }
        bounds.push(bucket.upper_bound());
        buckets.push(bucket.cumulative_count().saturating_sub(below));
        below = bucket.cumulative_count();
    }
    buckets.push(count.saturating_sub(below));
    HistogramDataPoint {
        attributes: attributes(metric),
        start_time_unix_nano: span.start,
        time_unix_nano: span.now,
        count,
        sum: Some(histogram.get_sample_sum()),
        bucket_counts: buckets,
        explicit_bounds: bounds,
        ..HistogramDataPoint::default()
    }
}

fn summary(metric: &Metric, span: Span) -> SummaryDataPoint {
    let summary = metric.get_summary();
    let quantiles = summary.get_quantile().iter();
    SummaryDataPoint {
        attributes: attributes(metric),
        start_time_unix_nano: span.start,
        time_unix_nano: span.now,
        count: summary.sample_count(),
        sum: summary.sample_sum(),
        quantile_values: quantiles
            .map(|quantile| ValueAtQuantile {
                quantile: quantile.quantile(),
                value: quantile.value(),
            })
            .collect(),
        ..SummaryDataPoint::default()
    }
}

fn attributes(metric: &Metric) -> Vec<KeyValue> {
    let labels = metric.get_label().iter();
    labels
        .map(|label| KeyValue {
            key: label.name().to_owned(),
            value: Some(AnyValue {
                value: Some(any_value::Value::StringValue(label.value().to_owned())),
            }),
            ..KeyValue::default()
        })
        .collect()
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
