//! The metrics of this process: one definition each, in one registry.

use std::time::Instant;

use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
};

use crate::nodes::NodeStatus;

mod billing;
mod call_center;
mod calls;
mod certificates;
mod exposition;
mod jobs;
mod live;
mod runtime;
#[cfg(test)]
mod tests;
mod upkeep;
mod usage;
mod wholesale;

pub use billing::Billing;
pub use call_center::CallCenter;
pub use calls::Calls;
pub use certificates::tell as tell_of_certificates;
pub use exposition::{Format, render};
pub use jobs::Jobs;
pub use live::Live;
pub use upkeep::Upkeep;
pub use usage::Usage;
pub use wholesale::Wholesale;

/// Every metric the server counts in; a clone counts in the same.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// What all of it is registered in.
    pub registry: Registry,
    /// gRPC requests by service, method and code.
    pub grpc_requests: IntCounterVec,
    /// Seconds a gRPC request took, by service and method.
    pub grpc_duration: HistogramVec,
    /// gRPC requests being worked on, by service and method.
    pub grpc_in_flight: IntGaugeVec,
    /// HTTP requests by route and code.
    pub http_requests: IntCounterVec,
    /// Seconds an HTTP request took, by route.
    pub http_duration: HistogramVec,
    /// Connections that are open, by port.
    pub connections_open: IntGaugeVec,
    /// Connections that were closed at once, by port and reason.
    pub connections_refused: IntCounterVec,
    /// Connections that ended, by port and reason.
    pub connections_closed: IntCounterVec,
    /// Node servers by status, as the sampler last saw them.
    pub nodes: IntGaugeVec,
    /// Packages in queues by series and status, as the sampler last saw them.
    pub queued_packages: IntGaugeVec,
    /// How old a node's last heartbeat had become when the next one came, in seconds.
    pub heartbeat_age: Histogram,
    /// How far a node's clock is off, either way, in seconds.
    pub clock_skew: Histogram,
    /// From a change of access until it was sent to a node, in seconds.
    pub access_lag: Histogram,
    /// Connections of the database pool by state.
    pub pool_connections: IntGaugeVec,
    /// The maintenance of partitions.
    pub upkeep: Upkeep,
    /// Usage that nodes report.
    pub usage: Usage,
    /// Billing and events.
    pub billing: Billing,
    /// Runs of jobs.
    pub jobs: Jobs,
    /// Calls.
    pub calls: Calls,
    /// What calls come to.
    pub wholesale: Wholesale,
    /// The call centre.
    pub call_center: CallCenter,
    /// What PBXs say of the moment.
    pub live: Live,
    started: Instant,
}

/// From a millisecond to the longest a request may take.
const LATENCY: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];
const AGE: [f64; 10] = [1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 90.0, 180.0, 600.0, 3600.0];
const LAG: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];
const SKEW: [f64; 9] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0];

impl Metrics {
    /// All metrics, registered.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let metrics = Self {
            grpc_requests: counter(
                &registry,
                "telecom_grpc_requests_total",
                "gRPC requests answered.",
                &["service", "method", "code"],
            )?,
            grpc_duration: histogram_vec(
                &registry,
                "telecom_grpc_request_duration_seconds",
                "Time from a gRPC request's header to its answer.",
                &["service", "method"],
            )?,
            grpc_in_flight: gauge(
                &registry,
                "telecom_grpc_in_flight",
                "gRPC requests being worked on.",
                &["service", "method"],
            )?,
            http_requests: counter(
                &registry,
                "telecom_http_requests_total",
                "HTTP requests answered.",
                &["route", "code"],
            )?,
            http_duration: histogram_vec(
                &registry,
                "telecom_http_request_duration_seconds",
                "Time from an HTTP request's header to its answer.",
                &["route"],
            )?,
            connections_open: gauge(
                &registry,
                "telecom_connections_open",
                "Connections that are open.",
                &["port"],
            )?,
            connections_refused: counter(
                &registry,
                "telecom_connections_refused_total",
                "Connections closed at once.",
                &["port", "reason"],
            )?,
            connections_closed: counter(
                &registry,
                "telecom_connections_closed_total",
                "Connections that ended, by why.",
                &["port", "reason"],
            )?,
            nodes: gauge(
                &registry,
                "telecom_nodes",
                "Node servers, the same on each replica.",
                &["status"],
            )?,
            queued_packages: gauge(
                &registry,
                "telecom_queued_packages",
                "Packages that are queued or active, the same on each replica.",
                &["series", "status"],
            )?,
            heartbeat_age: histogram(
                &registry,
                "telecom_node_heartbeat_age_seconds",
                "How old a node's last heartbeat had become when the next one came.",
                &AGE,
            )?,
            clock_skew: histogram(
                &registry,
                "telecom_node_clock_skew_seconds",
                "How far a node's clock was off the database's at a heartbeat, either way.",
                &SKEW,
            )?,
            access_lag: access_lag(&registry)?,
            pool_connections: gauge(
                &registry,
                "telecom_db_pool_connections",
                "Connections to the primary database.",
                &["state"],
            )?,
            upkeep: Upkeep::new(&registry)?,
            usage: Usage::new(&registry)?,
            billing: Billing::new(&registry)?,
            jobs: Jobs::new(&registry)?,
            calls: Calls::new(&registry)?,
            wholesale: Wholesale::new(&registry)?,
            call_center: CallCenter::new(&registry)?,
            live: Live::new(&registry)?,
            started: Instant::now(),
            registry,
        };
        metrics.describe_process()?;
        for status in NodeStatus::ALL {
            metrics.nodes.with_label_values(&[status.as_str()]).set(0);
        }
        for state in ["busy", "idle"] {
            metrics.pool_connections.with_label_values(&[state]).set(0);
        }
        Ok(metrics)
    }

    /// How long the process has been running.
    pub fn uptime(&self) -> std::time::Duration {
        self.started.elapsed()
    }

    fn describe_process(&self) -> Result<(), prometheus::Error> {
        let version = Opts::new("telecom_build_info", "Always 1; the version of the server.")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        let build = Gauge::with_opts(version)?;
        build.set(1.0);
        self.registry.register(Box::new(build))?;
        let process = prometheus::process_collector::ProcessCollector::for_self();
        self.registry.register(Box::new(process))?;
        self.registry.register(Box::new(runtime::Tokio::new()?))
    }
}

fn counter(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauge(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn histogram_vec(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<HistogramVec, prometheus::Error> {
    let options = HistogramOpts::new(name, help).buckets(LATENCY.to_vec());
    let metric = HistogramVec::new(options, labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn access_lag(registry: &Registry) -> Result<Histogram, prometheus::Error> {
    let help = "Time from a change of access until it was sent to a node that watches, the oldest \
        change of each message.";
    histogram(registry, "telecom_access_lag_seconds", help, &LAG)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> Result<Histogram, prometheus::Error> {
    let metric = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
