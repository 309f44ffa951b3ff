//! Bounded queues in front of the exporters of spans and log records, with every loss counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{
    self, BatchLogProcessor, LogBatch, LogExporter, LogProcessor, SdkLogRecord,
};
use opentelemetry_sdk::trace::{
    self, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};
use prometheus::IntCounter;

use crate::transport::{Signal, Transport};

/// Spans, and log records, that may wait for the collector. A span is of the order of 1 KiB.
const QUEUE: usize = 2048;

/// Lets so many items into a queue. The SDK's processors bound their queues too, but tell how much
/// they dropped only when they stop; this one is asked first and counts at once.
#[derive(Debug, Clone)]
struct Gate {
    waiting: Arc<AtomicUsize>,
    dropped: IntCounter,
}

impl Gate {
    fn new(dropped: IntCounter) -> Self {
        Self {
            waiting: Arc::default(),
            dropped,
        }
    }

    fn admits(&self) -> bool {
        let waiting = &self.waiting;
        let admitted = waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < QUEUE).then_some(waiting + 1)
            })
            .is_ok();
        if !admitted {
            self.dropped.inc();
        }
        admitted
    }

    fn taken(&self, items: usize) {
        self.waiting.fetch_sub(items, Ordering::Relaxed);
    }
}

/// A processor behind a gate.
#[derive(Debug)]
pub(crate) struct Gated<P> {
    gate: Gate,
    inner: P,
}

/// Sends what comes through the gate.
#[derive(Debug)]
struct Exporter {
    gate: Gate,
    transport: Transport,
    resource: ResourceAttributesWithSchema,
}

impl Exporter {
    fn new(signal: Signal, transport: &Transport, resource: &Resource) -> Self {
        Self {
            gate: Gate::new(transport.dropped().of(signal).clone()),
            transport: transport.clone(),
            resource: resource.into(),
        }
    }
}

/// The way of a span out of the process.
pub(crate) fn spans(transport: &Transport, resource: &Resource) -> Gated<BatchSpanProcessor> {
    let exporter = Exporter::new(Signal::Traces, transport, resource);
    let config = trace::BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .build();
    Gated {
        gate: exporter.gate.clone(),
        inner: BatchSpanProcessor::builder(exporter)
            .with_batch_config(config)
            .build(),
    }
}

/// The way of a log record out of the process.
pub(crate) fn logs(transport: &Transport, resource: &Resource) -> Gated<BatchLogProcessor> {
    let exporter = Exporter::new(Signal::Logs, transport, resource);
    let config = logs::BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .build();
    Gated {
        gate: exporter.gate.clone(),
        inner: BatchLogProcessor::builder(exporter)
            .with_batch_config(config)
            .build(),
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.gate.taken(batch.len());
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        self.transport
            .send(ExportTraceServiceRequest { resource_spans })
            .await;
        // A failure has been counted and logged by the transport; the SDK would log each one.
        Ok(())
    }
}

impl LogExporter for Exporter {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.gate.taken(batch.iter().count());
        let resource_logs = group_logs_by_resource_and_scope(&batch, &self.resource);
        self.transport
            .send(ExportLogsServiceRequest { resource_logs })
            .await;
        Ok(())
    }
}

impl SpanProcessor for Gated<BatchSpanProcessor> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.gate.admits() {
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl LogProcessor for Gated<BatchLogProcessor> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.gate.admits() {
            self.inner.emit(record, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
