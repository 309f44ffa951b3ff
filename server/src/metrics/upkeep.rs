//! What the maintenance of the database counts.

use prometheus::{IntCounterVec, IntGauge, Registry};

use super::counter;
use crate::config::raw::Retention;
use crate::partitions::tables;

/// Metrics of the maintenance.
#[derive(Debug, Clone)]
pub struct Upkeep {
    /// Runs by result.
    pub runs: IntCounterVec,
    /// Partitions made, by table.
    pub created: IntCounterVec,
    /// Partitions dropped, by table.
    pub dropped: IntCounterVec,
    /// Partitions past their retention that are still there, as the last run left them.
    pub overdue: IntGauge,
}

/// How a run can end.
pub const RESULTS: [&str; 4] = ["done", "postponed", "busy", "failed"];

impl Upkeep {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let overdue = IntGauge::new(
            "telecom_partitions_overdue",
            "Partitions past their retention that the last run of this server could not drop.",
        )?;
        registry.register(Box::new(overdue.clone()))?;
        let upkeep = Self {
            runs: counter(
                registry,
                "telecom_maintenance_runs_total",
                "Runs of the maintenance of partitions; busy: another server was at it.",
                &["result"],
            )?,
            created: counter(
                registry,
                "telecom_partitions_created_total",
                "Partitions made by this server.",
                &["table"],
            )?,
            dropped: counter(
                registry,
                "telecom_partitions_dropped_total",
                "Partitions dropped by this server.",
                &["table"],
            )?,
            overdue,
        };
        for result in RESULTS {
            upkeep.runs.with_label_values(&[result]).reset();
        }
        for table in tables(&Retention::default()) {
            upkeep.created.with_label_values(&[table.name]).reset();
            upkeep.dropped.with_label_values(&[table.name]).reset();
        }
        Ok(upkeep)
    }
}
