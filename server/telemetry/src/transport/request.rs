//! The three OTLP requests, seen alike: their names on the wire and what their replies refuse.

use std::fmt;

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;

use crate::metrics::data_points;

/// What OTLP carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    /// As labels and messages have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// The path that OTLP/HTTP appends to a base URL.
    pub(crate) fn http_path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
        }
    }

    /// The gRPC method.
    pub(crate) fn grpc_path(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One export of one signal.
pub(crate) trait Request: Message + Clone + 'static {
    type Reply: Message + Default + 'static;
    const SIGNAL: Signal;
    /// Whether a refused request is tried again. Metrics are cumulative: the next one has it all.
    const RETRIED: bool;

    /// Spans, data points or log records in it.
    fn items(&self) -> u64;

    /// How many of them the collector said it threw away.
    fn rejected(reply: &Self::Reply) -> u64;
}

impl Request for ExportTraceServiceRequest {
    type Reply = ExportTraceServiceResponse;
    const SIGNAL: Signal = Signal::Traces;
    const RETRIED: bool = true;

    fn items(&self) -> u64 {
        let scopes = self.resource_spans.iter().flat_map(|r| &r.scope_spans);
        scopes.map(|scope| scope.spans.len() as u64).sum()
    }

    fn rejected(reply: &Self::Reply) -> u64 {
        let partial = reply.partial_success.as_ref();
        partial.map_or(0, |partial| count(partial.rejected_spans))
    }
}

impl Request for ExportMetricsServiceRequest {
    type Reply = ExportMetricsServiceResponse;
    const SIGNAL: Signal = Signal::Metrics;
    const RETRIED: bool = false;

    fn items(&self) -> u64 {
        data_points(self)
    }

    fn rejected(reply: &Self::Reply) -> u64 {
        let partial = reply.partial_success.as_ref();
        partial.map_or(0, |partial| count(partial.rejected_data_points))
    }
}

impl Request for ExportLogsServiceRequest {
    type Reply = ExportLogsServiceResponse;
    const SIGNAL: Signal = Signal::Logs;
    const RETRIED: bool = true;

    fn items(&self) -> u64 {
        let scopes = self.resource_logs.iter().flat_map(|r| &r.scope_logs);
        scopes.map(|scope| scope.log_records.len() as u64).sum()
    }

    fn rejected(reply: &Self::Reply) -> u64 {
        let partial = reply.partial_success.as_ref();
        partial.map_or(0, |partial| count(partial.rejected_log_records))
    }
}

/// The wire type is signed; a collector that says less than nothing rejected nothing.
fn count(rejected: i64) -> u64 {
    u64::try_from(rejected).unwrap_or(0)
}
