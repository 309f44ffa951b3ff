//! Bounded queues in front of the exporters of spans and log records, with every loss counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{
    self, BatchLogProcessor, LogBatch, LogExporter, LogProcessor, SdkLogRecord,
};
use opentelemetry_sdk::trace::{
    self, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};
use prometheus::IntCounter;

use crate::transport::{Route, TransportError};

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

/// Sends what comes through the gate by an exporter of `opentelemetry-otlp`.
#[derive(Debug)]
struct Exporter<E> {
    gate: Gate,
    route: Arc<Route>,
    inner: Arc<E>,
}

impl<E> Exporter<E> {
    fn new(route: &Arc<Route>, inner: E) -> Self {
        Self {
            gate: Gate::new(route.dropped().clone()),
            route: Arc::clone(route),
            inner: Arc::new(inner),
        }
    }
}

/// The way of a span out of the process.
pub(crate) fn spans(
    route: &Arc<Route>,
    resource: &Resource,
) -> Result<Gated<BatchSpanProcessor>, TransportError> {
    let mut exporter = route.road().span_exporter()?;
    exporter.set_resource(resource);
    let exporter = Exporter::new(route, exporter);
    let config = trace::BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .build();
    Ok(Gated {
        gate: exporter.gate.clone(),
        inner: BatchSpanProcessor::builder(exporter)
            .with_batch_config(config)
            .build(),
    })
}

/// The way of a log record out of the process.
pub(crate) fn logs(
    route: &Arc<Route>,
    resource: &Resource,
) -> Result<Gated<BatchLogProcessor>, TransportError> {
    let mut exporter = route.road().log_exporter()?;
    exporter.set_resource(resource);
    let exporter = Exporter::new(route, exporter);
    let config = logs::BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .build();
    Ok(Gated {
        gate: exporter.gate.clone(),
        inner: BatchLogProcessor::builder(exporter)
            .with_batch_config(config)
            .build(),
    })
}

impl<E: SpanExporter + 'static> SpanExporter for Exporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.gate.taken(batch.len());
        let inner = Arc::clone(&self.inner);
        self.route
            .carry(batch.len() as u64, async move {
                outcome(inner.export(batch).await)
            })
            .await;
        // A failure has been counted and logged by the route; the SDK would log each one.
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }
}

impl<E: LogExporter + 'static> LogExporter for Exporter<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        // Copied, since the sending task outlives the batch should this future be dropped.
        let records: Vec<(SdkLogRecord, InstrumentationScope)> = batch
            .iter()
            .map(|(record, scope)| (record.clone(), scope.clone()))
            .collect();
        self.gate.taken(records.len());
        let inner = Arc::clone(&self.inner);
        self.route
            .carry(records.len() as u64, async move {
                let batch: Vec<_> = records
                    .iter()
                    .map(|(record, scope)| (record, scope))
                    .collect();
                outcome(inner.export(LogBatch::new(&batch)).await)
            })
            .await;
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }
}

/// What an exporter takes for a success may be one in part; [`Rejections`] counts that.
///
/// [`Rejections`]: crate::transport::Rejections
fn outcome(result: OTelSdkResult) -> Result<u64, String> {
    result.map(|()| 0).map_err(|error| match error {
        OTelSdkError::InternalFailure(reason) => reason,
        other => other.to_string(),
    })
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
