//! What a spool counts; a registry of its own, since nothing else of the server runs in its process.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::journal::Standing;

/// Why a request was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The spool is at its limit.
    Full,
    /// The disk has an error.
    Disk,
    /// It holds no record.
    Form,
    /// It showed no token, or another one.
    Token,
}

impl Refusal {
    const ALL: [Self; 4] = [Self::Full, Self::Disk, Self::Form, Self::Token];

    fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Disk => "disk",
            Self::Form => "form",
            Self::Token => "token",
        }
    }
}

/// Metrics of a spool; a clone counts in the same.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// What all of it is registered in.
    pub registry: Registry,
    /// Records that were written down.
    pub received: IntCounter,
    /// Records that the server has said something about.
    pub forwarded: IntCounter,
    /// Records that the server does not take in any form; they lie in `rejected/`.
    pub set_aside: IntCounter,
    refused: IntCounterVec,
    records: IntGauge,
    bytes: IntGauge,
    oldest: IntGauge,
}

impl Metrics {
    /// Registers them; counters begin at 0.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str| {
            let metric = IntCounter::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let opts = Opts::new(
            "telecom_cdr_spool_refused_total",
            "Requests that were not taken, by reason.",
        );
        let refused = IntCounterVec::new(opts, &["reason"])?;
        registry.register(Box::new(refused.clone()))?;
        for reason in Refusal::ALL {
            refused.with_label_values(&[reason.as_str()]).reset();
        }
        Ok(Self {
            received: counter(
                "telecom_cdr_spool_received_total",
                "Records that were written down.",
            )?,
            forwarded: counter(
                "telecom_cdr_spool_forwarded_total",
                "Records that the server has.",
            )?,
            set_aside: counter(
                "telecom_cdr_spool_set_aside_total",
                "Records that the server does not take in any form; they lie in rejected/.",
            )?,
            records: gauge(
                "telecom_cdr_spool_pending_records",
                "Records that wait for the server.",
            )?,
            bytes: gauge(
                "telecom_cdr_spool_pending_bytes",
                "Bytes of the spool on the disk.",
            )?,
            oldest: gauge(
                "telecom_cdr_spool_oldest_seconds",
                "How long the first record has been waiting; 0 when none is.",
            )?,
            refused,
            registry,
        })
    }

    /// Counts a request that was not taken.
    pub fn refuse(&self, reason: Refusal) {
        self.refused.with_label_values(&[reason.as_str()]).inc();
    }

    /// Shows how the spool stands.
    pub fn show(&self, standing: Standing) {
        let shown = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.records.set(shown(standing.records));
        self.bytes.set(shown(standing.bytes));
        self.oldest.set(shown(standing.oldest_seconds));
    }
}
