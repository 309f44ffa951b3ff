//! What is counted of the call centre, by the queues of the configuration. Counted after the commit, and once.

use std::sync::{Arc, OnceLock};

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{counter, gauge};
use crate::call_center::{self, Offered};
use crate::calls::CallRecord;

/// Metrics of the call centre.
#[derive(Debug, Clone)]
pub struct CallCenter {
    /// Calls that have ended, by queue.
    pub offered: IntCounterVec,
    /// Those that were answered in time, by queue.
    pub in_sla: IntCounterVec,
    /// The share of calls that were answered in time in per cent, by queue, as the sampler last saw it; absent without
    /// calls.
    pub sla_percentage: GaugeVec,
    /// What it should be, by queue.
    pub sla_target: IntGaugeVec,
    /// Callers who wait, by queue; absent when no PBX says.
    pub queue_length: IntGaugeVec,
    /// Agents who could take a call, by queue; absent when no PBX says.
    pub agents_available: IntGaugeVec,
    queues: Arc<OnceLock<call_center::CallCenter>>,
}

impl CallCenter {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let sla_percentage = GaugeVec::new(
            Opts::new(
                "cc_sla_percentage",
                "Share of the calls that ended in the last 30 minutes that were answered in time, in per cent, \
                 the same on each replica.",
            ),
            &["queue"],
        )?;
        registry.register(Box::new(sla_percentage.clone()))?;
        Ok(Self {
            offered: counter(
                registry,
                "cc_calls_offered_total",
                "Calls through a queue that have ended.",
                &["queue"],
            )?,
            in_sla: counter(
                registry,
                "cc_calls_answered_in_sla_total",
                "Calls through a queue that were answered in time and have ended.",
                &["queue"],
            )?,
            sla_percentage,
            sla_target: gauge(
                registry,
                "cc_sla_target_percentage",
                "What cc_sla_percentage should be, as configured.",
                &["queue"],
            )?,
            queue_length: gauge(
                registry,
                "cc_queue_length",
                "Callers who wait, the same on each replica.",
                &["queue"],
            )?,
            agents_available: gauge(
                registry,
                "cc_agents_available",
                "Agents who could take a call, the same on each replica.",
                &["queue"],
            )?,
            queues: Arc::default(),
        })
    }

    /// The queues that are counted from now on; what is said a second time does not count.
    pub fn configure(&self, queues: &call_center::CallCenter) {
        for (queue, rules) in &queues.0 {
            let labels = [queue.as_str()];
            self.offered.with_label_values(&labels).inc_by(0);
            self.in_sla.with_label_values(&labels).inc_by(0);
            let target = self.sla_target.with_label_values(&labels);
            target.set(rules.target_percent.into());
        }
        let _ = self.queues.set(queues.clone());
    }

    /// Counts records that were newly stored.
    pub fn count(&self, new: &[CallRecord]) {
        let Some(queues) = self.queues.get() else {
            return;
        };
        for (queue, Offered { in_sla }) in new.iter().filter_map(|call| queues.offered(call)) {
            self.offered.with_label_values(&[queue]).inc();
            let in_sla = u64::from(in_sla);
            self.in_sla.with_label_values(&[queue]).inc_by(in_sla);
        }
    }
}
