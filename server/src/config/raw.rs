//! The configuration as a person writes it: section and key names, and the defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use telecom_telemetry::{Logging, Otel};

/// The whole file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Raw {
    /// The gRPC port.
    pub grpc: Grpc,
    /// The port of health and metrics.
    pub http: Http,
    /// PostgreSQL.
    pub database: Database,
    /// Who may call.
    pub auth: Auth,
    /// The metrics endpoint.
    pub metrics: Metrics,
    /// The OpenTelemetry collector.
    pub otel: Otel,
    /// When a node counts as offline.
    pub node_health_check: NodeHealthCheck,
    /// Runs of jobs.
    pub jobs: Jobs,
    /// How long records are kept.
    pub retention: Retention,
    /// The call centre.
    pub call_center: CallCenter,
    /// Calls.
    pub calls: Calls,
    /// Log lines.
    pub logging: Logging,
    /// The end of the process.
    pub shutdown: Shutdown,
}

/// The `grpc` section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grpc {
    /// Address and port.
    pub listen: String,
    /// Largest message read, in bytes.
    pub max_message_bytes: u32,
    /// Requests worked on at a time.
    pub max_in_flight: u32,
    /// Longest time for a unary request.
    pub request_timeout: String,
    /// Connections at a time.
    pub max_connections: u32,
    /// Requests at a time on one connection.
    pub max_streams_per_connection: u32,
    /// Largest header block, in bytes.
    pub max_header_bytes: u32,
    /// From connecting to the first complete request header.
    pub handshake_timeout: String,
    /// Longest time without a request.
    pub idle_timeout: String,
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            listen: "0.0.0.0:50051".to_owned(),
            max_message_bytes: 4 * 1024 * 1024,
            max_in_flight: 1024,
            request_timeout: "30s".to_owned(),
            max_connections: 4096,
            max_streams_per_connection: 128,
            max_header_bytes: 16 * 1024,
            handshake_timeout: "10s".to_owned(),
            idle_timeout: "5m".to_owned(),
        }
    }
}

/// The `http` section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address and port.
    pub listen: String,
    /// Connections at a time.
    pub max_connections: u32,
    /// Largest header block, in bytes.
    pub max_header_bytes: u32,
    /// From connecting to the first complete request header.
    pub handshake_timeout: String,
    /// Longest time without a request.
    pub idle_timeout: String,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "0.0.0.0:8080".to_owned(),
            max_connections: 256,
            max_header_bytes: 16 * 1024,
            handshake_timeout: "10s".to_owned(),
            idle_timeout: "1m".to_owned(),
        }
    }
}

/// The `database` section.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `postgresql://user:password@host:port/database`; by environment.
    pub url: Option<String>,
    /// The same without a pooler between; by environment.
    pub direct_url: Option<String>,
    /// A read replica; by environment.
    pub read_url: Option<String>,
    /// Connections in each pool.
    pub max_connections: u32,
    /// Whether a transaction-mode pooler stands before the database.
    pub pooler: bool,
    /// PEM file with the authorities that may sign the database's certificate.
    pub ca_file: Option<PathBuf>,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            direct_url: None,
            read_url: None,
            max_connections: 10,
            pooler: false,
            ca_file: None,
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("max_connections", &self.max_connections)
            .field("pooler", &self.pooler)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

/// The `auth` section.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// What tokens are signed with by HS256; by environment.
    pub jwt_secret: Option<String>,
    /// The one before, still taken; by environment.
    pub jwt_secret_previous: Option<String>,
    /// Where the issuer's public keys are, instead of a secret.
    pub jwks_url: Option<String>,
    /// What `iss` has to be.
    pub issuer: Option<String>,
    /// What `aud` has to name.
    pub audience: Option<String>,
    /// The claim of the roles: a name, or a path with dots.
    pub role_claim: String,
    /// From the issuer's names to roles.
    pub role_mapping: BTreeMap<String, String>,
    /// The operator's own token; by environment.
    pub operator_token: Option<String>,
    /// The one before, still taken; by environment.
    pub operator_token_previous: Option<String>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            jwt_secret: None,
            jwt_secret_previous: None,
            jwks_url: None,
            issuer: None,
            audience: None,
            role_claim: "role".to_owned(),
            role_mapping: BTreeMap::new(),
            operator_token: None,
            operator_token_previous: None,
        }
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth")
            .field("jwks_url", &self.jwks_url)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("role_claim", &self.role_claim)
            .field("role_mapping", &self.role_mapping)
            .finish_non_exhaustive()
    }
}

/// The `metrics` section.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Whether `/metrics` is served.
    pub enabled: bool,
    /// How often gauges are filled from the database and metrics pushed, in seconds.
    pub export_interval_secs: u64,
    /// What a scraper has to send; by environment.
    pub bearer_token: Option<String>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            enabled: true,
            export_interval_secs: 15,
            bearer_token: None,
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics")
            .field("enabled", &self.enabled)
            .field("export_interval_secs", &self.export_interval_secs)
            .finish_non_exhaustive()
    }
}

/// The `node_health_check` section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeHealthCheck {
    /// A node is offline when its last heartbeat is older.
    pub offline_timeout: String,
    /// For how long a node may rely on what it was last told of access.
    pub access_ttl: String,
}

impl Default for NodeHealthCheck {
    fn default() -> Self {
        Self {
            offline_timeout: "90s".to_owned(),
            access_ttl: "10m".to_owned(),
        }
    }
}

/// The `jobs` section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    /// How long a run is left to a process of which nothing is heard.
    pub lease: String,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            lease: "15s".to_owned(),
        }
    }
}

/// The `retention` section: whole days, after which records are dropped.
#[allow(
    clippy::struct_field_names,
    reason = "the unit belongs to the names of the keys"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Usage as nodes reported it.
    pub raw_usage_days: u32,
    /// Usage by the quarter of an hour.
    pub quarter_hour_days: u32,
    /// Usage by the hour.
    pub hourly_days: u32,
    /// Usage by the day.
    pub daily_days: u32,
    /// Hourly states of node servers.
    pub status_history_days: u32,
    /// Runs of jobs.
    pub job_run_days: u32,
    /// Records of calls, and those that were not stored.
    pub call_record_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            raw_usage_days: 14,
            quarter_hour_days: 35,
            hourly_days: 100,
            daily_days: 800,
            status_history_days: 400,
            job_run_days: 30,
            call_record_days: 90,
        }
    }
}

/// The `call_center` section.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallCenter {
    /// Its queues, by the name that PBXs give them.
    pub queues: BTreeMap<String, Queue>,
}

/// What is asked of a queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// A call is answered in time when it waited no longer.
    pub sla_seconds: u32,
    /// The share of calls that should be answered in time, in per cent.
    pub sla_target_percent: u32,
    /// Whether callers who gave up within five seconds are left out.
    pub exclude_short_abandons: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            sla_seconds: 20,
            sla_target_percent: 80,
            exclude_short_abandons: false,
        }
    }
}

/// The `calls` section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// Whether administrators see telephone numbers masked.
    pub mask_numbers: bool,
    /// How often PBXs that report nothing themselves are asked how they are.
    pub pbx_poll_interval: String,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            mask_numbers: false,
            pbx_poll_interval: "15s".to_owned(),
        }
    }
}

/// The `shutdown` section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// From "not ready" to the closed port, so that load balancers can look away first.
    pub delay: String,
    /// For requests already begun.
    pub drain_timeout: String,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            delay: "3s".to_owned(),
            drain_timeout: "20s".to_owned(),
        }
    }
}
