//! What billing and the relay of events count.

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGaugeVec, Registry};

use super::{counter, gauge};
use crate::domain::ROUTES;

/// Metrics of billing and events.
#[derive(Debug, Clone)]
pub struct Billing {
    /// Age in seconds of the oldest usage that is not billed, as the sampler last saw it; 0 when all is.
    pub lag: Gauge,
    /// Bytes that were billed while no package was active.
    pub unassigned: IntCounter,
    /// Events that nobody has taken up, by route, as the sampler last saw them.
    pub pending: IntGaugeVec,
    /// Events let go, by route.
    pub published: IntCounterVec,
    /// Events taken up by this server, by route.
    pub consumed: IntCounterVec,
    /// Events that went to the dead letters, by route.
    pub dead: IntCounterVec,
}

impl Billing {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let lag = Gauge::new(
            "telecom_billing_lag_seconds",
            "Age of the oldest usage that is not billed; 0 when all is.",
        )?;
        registry.register(Box::new(lag.clone()))?;
        let unassigned = IntCounter::new(
            "telecom_billing_unassigned_bytes_total",
            "Billed bytes of users without an active package.",
        )?;
        registry.register(Box::new(unassigned.clone()))?;
        let billing = Self {
            lag,
            unassigned,
            pending: gauge(
                registry,
                "telecom_outbox_pending",
                "Events that are not published yet.",
                &["route"],
            )?,
            published: counter(
                registry,
                "telecom_events_published_total",
                "Events published by this server.",
                &["route"],
            )?,
            consumed: counter(
                registry,
                "telecom_events_consumed_total",
                "Events taken up by this server.",
                &["route"],
            )?,
            dead: counter(
                registry,
                "telecom_events_dead_total",
                "Events that this server put among the dead letters.",
                &["route"],
            )?,
        };
        for route in ROUTES {
            billing.pending.with_label_values(&[route]).set(0);
            for counters in [&billing.published, &billing.consumed, &billing.dead] {
                counters.with_label_values(&[route]).reset();
            }
        }
        Ok(billing)
    }
}
