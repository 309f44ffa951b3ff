//! Configuration: one YAML file, each value overridable by environment, checked before anything starts.
//!
//! What a person writes is [`raw::Raw`]; what the rest of the server works with is [`TelecomConfig`], which
//! can only be had by checking. Secrets come by environment alone, so that no file holds one.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod auth;
mod calls;
mod check;
mod load;
pub mod raw;
mod retention;
#[cfg(test)]
mod tests;

use crate::auth::{Digest, JwksUrl, Rules, Secret};
use crate::call_center::CallCenter;
use crate::jobs::JobRules;
use sqlx::postgres::PgConnectOptions;

/// What is wrong with the configuration: where, which key, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the environment variable.
    pub source: String,
    /// The key with dots, as in the file; empty when the file as a whole is at fault.
    pub key: String,
    /// What is wrong and what would be right, as one sentence.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.source, self.reason)
        } else {
            write!(f, "{}: {}: {}", self.source, self.key, self.reason)
        }
    }
}

/// The configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct InvalidConfig(pub Vec<Problem>);

/// The checked configuration.
#[derive(Debug, Clone)]
pub struct TelecomConfig {
    /// The gRPC port.
    pub grpc: Listener,
    /// The port of health and metrics.
    pub http: Listener,
    /// The largest gRPC message that is read, in bytes.
    pub max_message_bytes: usize,
    /// Requests worked on at a time; more are refused.
    pub max_in_flight: usize,
    /// The longest a unary request may take, whatever deadline its caller sent.
    pub request_timeout: Duration,
    /// The database; absent when no URL was given.
    pub database: Option<Database>,
    /// Who may call.
    pub auth: Auth,
    /// The metrics endpoint.
    pub metrics: Metrics,
    /// A node is offline when its last heartbeat is older than this.
    pub offline_timeout: Duration,
    /// For how long a node may rely on what it was last told of access.
    pub access_ttl: Duration,
    /// How long a run of a job is left to an attempt of which nothing is heard.
    pub job_lease: Duration,
    /// How long records are kept.
    pub retention: raw::Retention,
    /// The queues of the call centre.
    pub call_center: CallCenter,
    /// Calls.
    pub calls: Calls,
    /// The certificate authorities that were given.
    pub authorities: Vec<Authorities>,
    /// Logs, traces and metrics out.
    pub telemetry: telecom_telemetry::Settings,
    /// The end of the process.
    pub shutdown: Shutdown,
}

/// A file of certificate authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities {
    /// Whose certificate they sign: `database` or `otlp`.
    pub of: &'static str,
    /// PEM.
    pub file: PathBuf,
}

/// A port and what its peers may do.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Connections at a time; more are closed at once.
    pub max_connections: usize,
    /// Requests at a time on one HTTP/2 connection.
    pub max_streams_per_connection: u32,
    /// The largest header block, in bytes.
    pub max_header_bytes: u32,
    /// How long a peer may take from connecting to its first complete request header.
    pub handshake_timeout: Duration,
    /// How long a connection may be without a request, or without a byte moving during one.
    pub idle_timeout: Duration,
}

/// How PostgreSQL is reached.
#[derive(Clone)]
pub struct Database {
    /// The primary, or the pooler before it.
    pub primary: PgConnectOptions,
    /// The primary without a pooler between, for migrations.
    pub direct: Option<PgConnectOptions>,
    /// A replica for reads that may be some seconds old.
    pub replica: Option<PgConnectOptions>,
    /// Connections in each pool.
    pub max_connections: u32,
    /// Whether `primary` and `replica` are behind a transaction-mode pooler.
    pub pooler: bool,
}

/// Without the URLs: they hold passwords.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("max_connections", &self.max_connections)
            .field("pooler", &self.pooler)
            .finish_non_exhaustive()
    }
}

/// Who may call, besides nodes.
#[derive(Debug, Clone)]
pub struct Auth {
    /// What tokens are signed with; absent when neither a secret nor a URL was given.
    pub keys: Option<Signing>,
    /// What else has to be right about a token.
    pub rules: Rules,
    /// The operator's own token, and the one before; none when no operator is about.
    pub operator: Vec<Digest>,
}

/// What tokens are signed with.
#[derive(Debug, Clone)]
pub enum Signing {
    /// HS256 with one of these; the first is the current one.
    Secrets(Vec<Secret>),
    /// The keys at this URL.
    Jwks(JwksUrl),
}

/// The metrics endpoint.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Whether it is served at all.
    pub enabled: bool,
    /// Who may read it.
    pub access: MetricsAccess,
    /// How often the gauges that come from the database are filled, and metrics pushed.
    pub interval: Duration,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone)]
pub enum MetricsAccess {
    /// Anybody who reaches the port.
    Open,
    /// Whoever sends this token.
    Token(Digest),
    /// Nobody: a token was configured but is empty.
    Closed,
}

/// What is done with calls.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    /// Whether administrators see telephone numbers masked; support always does.
    pub mask_numbers: bool,
    /// How often PBXs that report nothing themselves are asked how they are.
    pub pbx_poll_interval: Duration,
}

/// The end of the process.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// How long the server goes on accepting after it has said that it is not ready.
    pub delay: Duration,
    /// How long requests already begun may take after that.
    pub drain_timeout: Duration,
}

impl TelecomConfig {
    /// Reads the file, if one is given, lays the environment over it and checks the whole.
    pub fn load(
        file: Option<&Path>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, InvalidConfig> {
        let (raw, origins) = load::load(file, environment)?;
        check::check(&raw, &origins)
    }

    /// What the jobs keep to.
    pub fn job_rules(&self) -> JobRules {
        JobRules {
            offline_timeout: self.offline_timeout,
            status_history_days: self.retention.status_history_days,
            lease: self.job_lease,
        }
    }
}
