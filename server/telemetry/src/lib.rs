//! Logs, traces and metrics out: one call installs what the server and the operator share.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use telecom_telemetry::{Config, Service};
//!
//! let registry = prometheus::Registry::new();
//! let settings = Config::for_service(Service::new("telecom-server", "0.1.0")).validate()?;
//! let telemetry = telecom_telemetry::init(&settings, &registry)?;
//! tracing::info!("started");
//! telemetry.shutdown(std::time::Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```
//!
//! Traces and logs go through the OpenTelemetry SDK's batch processors and exporters, metrics are the
//! Prometheus registry itself, and all three leave by the same connection. Nothing here ever makes a caller wait for
//! a collector: queues are bounded and what does not fit is counted.

#![deny(missing_docs)]

mod dropped;
mod filter;
mod logging;
mod metrics;
mod pipeline;
pub mod propagation;
mod sampler;
mod settings;
mod signal;
mod telemetry;
mod transport;

pub use filter::{InvalidFilter, LogFilter};
pub use logging::milliseconds;
pub use settings::{
    Config, Endpoints, InvalidSetting, LogFormat, Logging, Otel, Protocol, Service, Settings,
};
pub use telemetry::{Error, Telemetry, build, init};
