//! Counts what never reached the collector, by signal.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use crate::signal::Signal;

/// One counter per signal, all there from the start so that `increase()` sees the first loss.
#[derive(Debug, Clone)]
pub(crate) struct Dropped {
    traces: IntCounter,
    metrics: IntCounter,
    logs: IntCounter,
}

impl Dropped {
    /// Registers `{prefix}_otlp_dropped_total{signal}`.
    pub(crate) fn register(prefix: &str, registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = IntCounterVec::new(
            Opts::new(
                format!("{prefix}_otlp_dropped_total"),
                "Spans, metric data points and log records that never reached the OTLP collector.",
            ),
            &["signal"],
        )?;
        registry.register(Box::new(counters.clone()))?;
        let of = |signal: Signal| counters.with_label_values(&[signal.name()]);
        Ok(Self {
            traces: of(Signal::Traces),
            metrics: of(Signal::Metrics),
            logs: of(Signal::Logs),
        })
    }

    pub(crate) fn of(&self, signal: Signal) -> &IntCounter {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
        }
    }
}
