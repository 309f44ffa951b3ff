//! Counts the spans and log records that a collector threw away out of batches that it took.

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::EXPORTERS;
use crate::dropped::Dropped;
use crate::signal::Signal;

/// Listens to the exporters of `opentelemetry-otlp`: a batch that is taken in part is a success to
/// them, and an event in which they say how much of it was thrown away.
pub(crate) struct Rejections(Dropped);

impl Rejections {
    pub(crate) fn new(dropped: Dropped) -> Self {
        Self(dropped)
    }
}

impl<S: Subscriber> Layer<S> for Rejections {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == EXPORTERS {
            event.record(&mut Count(&self.0));
        }
    }
}

struct Count<'a>(&'a Dropped);

impl Visit for Count<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        let signal = match field.name() {
            "rejected_spans" => Signal::Traces,
            "rejected_log_records" => Signal::Logs,
            _ => return,
        };
        // The wire type is signed; a collector that says less than nothing rejected nothing.
        self.0.of(signal).inc_by(u64::try_from(value).unwrap_or(0));
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
