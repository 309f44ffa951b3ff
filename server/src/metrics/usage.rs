//! What is counted of usage: reports, rows, bytes.

use prometheus::{CounterVec, IntCounterVec, Opts, Registry};

use super::counter;
use crate::usage::Refusal;

/// Metrics of usage. Counted after the commit, and once however often a report comes.
#[derive(Debug, Clone)]
pub struct Usage {
    /// Reports by result.
    pub reports: IntCounterVec,
    /// Rows by result and, when they were refused, reason.
    pub rows: IntCounterVec,
    /// Bytes by direction and kind.
    pub bytes: IntCounterVec,
    /// Bytes of refused rows by reason. Such rows may claim any number, so that only a float holds it.
    pub refused_bytes: CounterVec,
}

/// What can become of a report.
pub const RESULTS: [&str; 3] = ["taken", "replayed", "seq_reused"];
/// The ways that traffic goes.
pub const DIRECTIONS: [&str; 2] = ["upload", "download"];

impl Usage {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let refused_bytes = CounterVec::new(
            Opts::new(
                "telecom_usage_refused_bytes_total",
                "Bytes of rows of usage that were refused.",
            ),
            &["reason"],
        )?;
        registry.register(Box::new(refused_bytes.clone()))?;
        let usage = Self {
            reports: counter(
                registry,
                "telecom_usage_reports_total",
                "Reports of usage; seq_reused: another one had their number.",
                &["result"],
            )?,
            rows: counter(
                registry,
                "telecom_usage_rows_total",
                "Rows of new reports of usage.",
                &["result", "reason"],
            )?,
            bytes: counter(
                registry,
                "telecom_usage_bytes_total",
                "Bytes of usage; factored: times their factors, whole bytes of each report.",
                &["direction", "kind"],
            )?,
            refused_bytes,
        };
        for result in RESULTS {
            usage.reports.with_label_values(&[result]).reset();
        }
        usage.rows.with_label_values(&["taken", ""]).reset();
        for reason in Refusal::ALL {
            let labels = ["refused", reason.as_str()];
            usage.rows.with_label_values(&labels).reset();
            usage.refused_bytes.with_label_values(&labels[1..]).reset();
        }
        for direction in DIRECTIONS {
            for kind in ["raw", "factored"] {
                usage.bytes.with_label_values(&[direction, kind]).reset();
            }
        }
        Ok(usage)
    }
}
