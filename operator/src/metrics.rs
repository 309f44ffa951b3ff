//! The operator's own metrics: one registry, read by `/metrics` and by the OTLP bridge alike.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use telecom_crds::ConditionType;

use crate::kinds::Kind;
use crate::stores::ClusterKey;

mod jobs;

pub use jobs::{JobMetrics, RunResult, Standing};

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that could be done has been done.
    Ok,
    /// It will be tried again.
    Error,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

/// The value of a condition, as its label says it.
const STATUSES: [&str; 3] = ["True", "False", "Unknown"];

/// All metrics of the operator.
#[derive(Debug)]
pub struct Metrics {
    /// Where they are registered.
    pub registry: Registry,
    /// 1 while this process leads.
    pub leader: IntGauge,
    /// Those of the job loops.
    pub jobs: JobMetrics,
    reconciles: IntCounterVec,
    duration: Histogram,
    applies: IntCounterVec,
    conditions: IntGaugeVec,
    watch_errors: IntCounterVec,
    /// Types of the conditions that each cluster has a series for.
    shown: Mutex<HashMap<ClusterKey, Vec<String>>>,
}

impl Metrics {
    /// Registers everything, each bounded set of labels at zero.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let reconciles = IntCounterVec::new(
            Opts::new(
                "telecom_operator_reconciles_total",
                "Reconciles of a TelecomCluster, by result.",
            ),
            &["result"],
        )?;
        let duration = Histogram::with_opts(
            HistogramOpts::new(
                "telecom_operator_reconcile_duration_seconds",
                "Time that one reconcile took, requests included.",
            )
            .buckets(vec![
                0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
            ]),
        )?;
        let applies = IntCounterVec::new(
            Opts::new(
                "telecom_operator_applies_total",
                "Objects sent to the apiserver, by kind.",
            ),
            &["kind"],
        )?;
        let conditions = IntGaugeVec::new(
            Opts::new(
                "telecom_operator_condition",
                "Conditions of each TelecomCluster: 1 on the series with the status that holds.",
            ),
            &["namespace", "name", "type", "status"],
        )?;
        let leader = IntGauge::new(
            "telecom_operator_leader",
            "1 while this process leads, else 0.",
        )?;
        let watch_errors = IntCounterVec::new(
            Opts::new(
                "telecom_operator_watch_errors_total",
                "Failures of a watch, by kind.",
            ),
            &["kind"],
        )?;
        registry.register(Box::new(reconciles.clone()))?;
        registry.register(Box::new(duration.clone()))?;
        registry.register(Box::new(applies.clone()))?;
        registry.register(Box::new(conditions.clone()))?;
        registry.register(Box::new(leader.clone()))?;
        registry.register(Box::new(watch_errors.clone()))?;
        registry.register(Box::new(build_info()?))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        let metrics = Self {
            jobs: JobMetrics::new(&registry)?,
            registry,
            leader,
            reconciles,
            duration,
            applies,
            conditions,
            watch_errors,
            shown: Mutex::default(),
        };
        metrics.start_at_zero();
        Ok(metrics)
    }

    fn start_at_zero(&self) {
        for outcome in [Outcome::Ok, Outcome::Error] {
            self.reconciles.with_label_values(&[outcome.as_str()]);
        }
        for kind in Kind::WRITTEN {
            self.applies.with_label_values(&[kind.as_str()]);
        }
        for kind in Kind::WATCHED {
            self.watch_errors.with_label_values(&[kind.as_str()]);
        }
        for kind in [
            "TelecomCluster",
            Kind::Secret.as_str(),
            Kind::ServiceMonitor.as_str(),
        ] {
            self.watch_errors.with_label_values(&[kind]);
        }
    }

    /// Counts one reconcile.
    pub fn reconciled(&self, outcome: Outcome, seconds: f64) {
        self.reconciles.with_label_values(&[outcome.as_str()]).inc();
        self.duration.observe(seconds);
    }

    /// Counts one object sent.
    pub fn applied(&self, kind: Kind) {
        self.applies.with_label_values(&[kind.as_str()]).inc();
    }

    /// Counts one failure of a watch.
    pub fn watch_failed(&self, kind: &str) {
        self.watch_errors.with_label_values(&[kind]).inc();
    }

    /// Shows the conditions of one cluster, as pairs of type and status.
    pub fn show_conditions<'a>(
        &self,
        cluster: &ClusterKey,
        conditions: impl Iterator<Item = (&'a str, &'a str)>,
    ) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let mut types = Vec::new();
        for (kind, status) in conditions {
            self.show_condition(cluster, kind, status);
            types.push(kind.to_owned());
        }
        let before = shown
            .insert(cluster.clone(), types.clone())
            .unwrap_or_default();
        let vanished = before.iter().filter(|kind| !types.contains(kind));
        self.drop_series(cluster, vanished);
    }

    /// Shows one condition that another part reports.
    pub fn show_condition(&self, cluster: &ClusterKey, kind: &str, status: &str) {
        for candidate in STATUSES {
            let labels = [&cluster.namespace, &cluster.name, kind, candidate];
            let value = i64::from(candidate == status);
            self.conditions.with_label_values(&labels).set(value);
        }
    }

    /// Drops the series of a cluster that is gone.
    pub fn forget(&self, cluster: &ClusterKey) {
        let of_jobs = ConditionType::JobsHealthy.as_str().to_owned();
        self.drop_series(cluster, [of_jobs].iter());
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let types = shown.remove(cluster).unwrap_or_default();
        self.drop_series(cluster, types.iter());
    }

    fn drop_series<'a>(&self, cluster: &ClusterKey, types: impl Iterator<Item = &'a String>) {
        for kind in types {
            for status in STATUSES {
                let labels = [cluster.namespace.as_str(), &cluster.name, kind, status];
                // Only a series that was never made cannot be removed, and then there is nothing to remove.
                let _ = self.conditions.remove_label_values(&labels);
            }
        }
    }
}

fn build_info() -> Result<IntGaugeVec, prometheus::Error> {
    let options = Opts::new("telecom_operator_build_info", "Always 1.");
    let info = IntGaugeVec::new(options, &["version"])?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    Ok(info)
}

#[cfg(test)]
mod names;

#[cfg(test)]
mod tests {
    //! The series that a scrape finds.

    use prometheus::{Encoder, TextEncoder};

    use super::*;

    fn text(metrics: &Metrics) -> String {
        let mut buffer = Vec::new();
        TextEncoder::new()
            .encode(&metrics.registry.gather(), &mut buffer)
            .unwrap();
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn bounded_label_sets_start_at_zero() {
        let metrics = Metrics::new().unwrap();
        let text = text(&metrics);
        for line in [
            "telecom_operator_reconciles_total{result=\"error\"} 0",
            "telecom_operator_applies_total{kind=\"Deployment\"} 0",
            "telecom_operator_watch_errors_total{kind=\"TelecomCluster\"} 0",
            "telecom_operator_leader 0",
            concat!(
                "telecom_operator_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
            "telecom_operator_reconcile_duration_seconds_count 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_condition_shows_one_status_and_goes_with_its_cluster() {
        let metrics = Metrics::new().unwrap();
        let demo = ClusterKey::new("default", "demo");
        metrics.show_conditions(&demo, [("Ready", "False"), ("Paused", "True")].into_iter());
        metrics.show_conditions(&demo, [("Ready", "True")].into_iter());
        let shown = text(&metrics);
        let ready = "telecom_operator_condition{name=\"demo\",namespace=\"default\",status=\"True\",type=\"Ready\"} 1";
        assert!(shown.contains(ready), "{shown}");
        assert!(!shown.contains("Paused"), "{shown}");
        metrics.forget(&demo);
        assert!(!text(&metrics).contains("demo"));
    }
}
