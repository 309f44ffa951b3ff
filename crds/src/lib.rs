//! The `TelecomCluster` custom resource: its types, the rules the API server enforces, its conditions.
//!
//! The generated definition lies beside this crate in `telecom.dev_telecomclusters.yaml`; the
//! reference of every field in `docs/crd.md`. Both come from `cargo run -p telecom-crds --bin generate-crd`.
#![deny(missing_docs)]

mod auth;
mod autoscaling;
mod calls;
mod cluster;
mod conditions;
mod database;
mod defaults;
mod definition;
pub mod generated;
mod jobs;
mod logging;
mod metrics;
mod network_policy;
mod node_health_check;
mod pod;
mod probes;
mod retention;
mod rules;
mod secret_ref;
mod service;
mod status;
mod telemetry;

pub use auth::{Auth, Role};
pub use autoscaling::{Autoscaling, PodDisruptionBudget};
pub use calls::{CallCenter, Calls, Queue};
pub use cluster::{DeletionPolicy, TelecomCluster, TelecomClusterSpec, UpgradePolicy};
pub use conditions::{ConditionType, Reason};
pub use database::{Database, EmbeddedDatabase, EmbeddedStorage};
pub use definition::definition;
pub use jobs::{Job, JobExecution, JobName, Jobs};
pub use logging::{LogFormat, LogLevel, Logging};
pub use metrics::{Metrics, RelabelAction, RelabelConfig, ServiceMonitor};
pub use network_policy::NetworkPolicy;
pub use node_health_check::NodeHealthCheck;
pub use pod::{ExtraVolume, ImagePullPolicy};
pub use probes::{LivenessProbe, Probes, ReadinessProbe, StartupProbe};
pub use retention::Retention;
pub use secret_ref::SecretKeyRef;
pub use service::{ExternalTrafficPolicy, Service, ServiceType};
pub use status::{Endpoints, JobResult, JobStatus, TelecomClusterStatus};
pub use telemetry::{SignalEndpoints, Telemetry, TelemetryProtocol};

/// API group of the resource.
pub const GROUP: &str = "telecom.dev";
/// Version of the resource served now.
pub const VERSION: &str = "v1alpha1";
/// Longest name of a `TelecomCluster`: with the longest suffix its children stay under 63 characters.
pub const MAX_NAME_LENGTH: usize = 40;
