//! From what a person wrote to what the server works with; finds every problem, not only the first.

use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use jiff::SignedDuration;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::load::Origins;
use super::raw::{self, Raw};
use super::{
    Authorities, Database, InvalidConfig, Listener, Metrics, MetricsAccess, Problem, Shutdown,
    TelecomConfig,
};
use crate::auth::Digest;

pub(super) fn check(raw: &Raw, origins: &Origins) -> Result<TelecomConfig, InvalidConfig> {
    let mut checker = Checker {
        origins,
        problems: Vec::new(),
    };
    match checker.config(raw) {
        Some(config) if checker.problems.is_empty() => Ok(config),
        _ => Err(InvalidConfig(checker.problems)),
    }
}

pub(super) struct Checker<'a> {
    origins: &'a Origins,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    /// `None` only when a problem was noted.
    fn config(&mut self, raw: &Raw) -> Option<TelecomConfig> {
        let interval = self.whole(
            "metrics.export_interval_secs",
            raw.metrics.export_interval_secs,
            1,
            3600,
        );
        let interval = Duration::from_secs(interval);
        let telemetry = self.telemetry(raw, interval);
        let grpc = self.grpc(&raw.grpc);
        let http = self.http(&raw.http);
        let max_message_bytes = self.size(
            "grpc.max_message_bytes",
            raw.grpc.max_message_bytes,
            1024,
            64 << 20,
        );
        let max_in_flight = self.size("grpc.max_in_flight", raw.grpc.max_in_flight, 1, 1_000_000);
        let request_timeout = self.duration(
            "grpc.request_timeout",
            &raw.grpc.request_timeout,
            100,
            3_600_000,
        );
        let database = self.database(&raw.database);
        let auth = self.auth(&raw.auth);
        let offline_timeout = self.duration(
            "node_health_check.offline_timeout",
            &raw.node_health_check.offline_timeout,
            1_000,
            86_400_000,
        );
        let access_ttl = self.duration(
            "node_health_check.access_ttl",
            &raw.node_health_check.access_ttl,
            1_000,
            86_400_000,
        );
        let job_lease = self.duration("jobs.lease", &raw.jobs.lease, 1_000, 600_000);
        let retention = self.retention(&raw.retention);
        let call_center = self.call_center(&raw.call_center);
        let calls = self.calls(&raw.calls);
        let shutdown = self.shutdown(&raw.shutdown);
        Some(TelecomConfig {
            grpc: grpc?,
            http: http?,
            max_message_bytes: usize::try_from(max_message_bytes).ok()?,
            max_in_flight: usize::try_from(max_in_flight).ok()?,
            request_timeout: request_timeout?,
            database,
            auth: auth?,
            metrics: Metrics {
                enabled: raw.metrics.enabled,
                access: metrics_access(raw.metrics.bearer_token.as_deref()),
                interval,
            },
            offline_timeout: offline_timeout?,
            access_ttl: access_ttl?,
            job_lease: job_lease?,
            retention,
            call_center,
            calls: calls?,
            authorities: authorities(raw),
            telemetry: telemetry?,
            shutdown: shutdown?,
        })
    }

    pub(super) fn problem(&mut self, key: &str, reason: impl Into<String>) {
        self.problems.push(Problem {
            source: self.origins.of(key),
            key: key.to_owned(),
            reason: reason.into(),
        });
    }

    fn grpc(&mut self, raw: &raw::Grpc) -> Option<Listener> {
        let listen = self.address("grpc.listen", &raw.listen);
        let connections = self.size("grpc.max_connections", raw.max_connections, 1, 1_000_000);
        let streams = self.size(
            "grpc.max_streams_per_connection",
            raw.max_streams_per_connection,
            1,
            100_000,
        );
        let header = self.size("grpc.max_header_bytes", raw.max_header_bytes, 8192, 1 << 20);
        let handshake = self.duration(
            "grpc.handshake_timeout",
            &raw.handshake_timeout,
            100,
            600_000,
        );
        let idle = self.duration("grpc.idle_timeout", &raw.idle_timeout, 100, 86_400_000);
        Some(Listener {
            listen: listen?,
            max_connections: usize::try_from(connections).ok()?,
            max_streams_per_connection: streams,
            max_header_bytes: header,
            handshake_timeout: handshake?,
            idle_timeout: idle?,
        })
    }

    fn http(&mut self, raw: &raw::Http) -> Option<Listener> {
        let listen = self.address("http.listen", &raw.listen);
        let connections = self.size("http.max_connections", raw.max_connections, 1, 1_000_000);
        let header = self.size("http.max_header_bytes", raw.max_header_bytes, 8192, 1 << 20);
        let handshake = self.duration(
            "http.handshake_timeout",
            &raw.handshake_timeout,
            100,
            600_000,
        );
        let idle = self.duration("http.idle_timeout", &raw.idle_timeout, 100, 86_400_000);
        Some(Listener {
            listen: listen?,
            max_connections: usize::try_from(connections).ok()?,
            max_streams_per_connection: 1,
            max_header_bytes: header,
            handshake_timeout: handshake?,
            idle_timeout: idle?,
        })
    }

    fn shutdown(&mut self, raw: &raw::Shutdown) -> Option<Shutdown> {
        let delay = self.duration("shutdown.delay", &raw.delay, 0, 600_000);
        let drain = self.duration("shutdown.drain_timeout", &raw.drain_timeout, 0, 3_600_000);
        Some(Shutdown {
            delay: delay?,
            drain_timeout: drain?,
        })
    }

    fn telemetry(&mut self, raw: &Raw, interval: Duration) -> Option<telecom_telemetry::Settings> {
        let mut service =
            telecom_telemetry::Service::new("telecom-server", env!("CARGO_PKG_VERSION"));
        self.origins.instance().clone_into(&mut service.instance);
        if let Some(file) = &raw.otel.ca_file {
            self.readable("otel.ca_file", file);
        }
        let config = telecom_telemetry::Config {
            service,
            logging: raw.logging.clone(),
            otel: raw.otel.clone(),
            export_interval: interval,
        };
        match config.validate() {
            Ok(settings) => Some(settings),
            Err(invalid) => {
                self.problem(invalid.key, invalid.reason);
                None
            }
        }
    }

    fn database(&mut self, raw: &raw::Database) -> Option<Database> {
        let max_connections = self.size("database.max_connections", raw.max_connections, 1, 10_000);
        let ca_file = raw.ca_file.as_deref();
        if let Some(file) = ca_file {
            self.readable("database.ca_file", file);
        }
        let mut options = |key, url: &Option<String>| {
            let url = url.as_deref()?;
            connect_options(url, ca_file)
                .map_err(|reason| self.problem(key, reason))
                .ok()
        };
        let primary = options("database.url", &raw.url);
        let direct = options("database.direct_url", &raw.direct_url);
        let replica = options("database.read_url", &raw.read_url);
        if raw.url.is_none() && (raw.direct_url.is_some() || raw.read_url.is_some()) {
            self.problem("database.url", "is missing, though another URL is given");
        }
        // Prepared statements belong to a connection, which a pooler gives away with each transaction.
        let pooled = |options: PgConnectOptions| {
            if raw.pooler {
                options.statement_cache_capacity(0).extra_float_digits(None)
            } else {
                options
            }
        };
        Some(Database {
            primary: pooled(primary?),
            direct,
            replica: replica.map(pooled),
            max_connections,
            pooler: raw.pooler,
        })
    }

    fn address(&mut self, key: &str, text: &str) -> Option<SocketAddr> {
        let parsed = SocketAddr::from_str(text);
        if parsed.is_err() {
            let reason = format!(
                "`{text}` is not an address with a port, such as 0.0.0.0:8080 or [::]:8080"
            );
            self.problem(key, reason);
        }
        parsed.ok()
    }

    pub(super) fn duration(
        &mut self,
        key: &str,
        text: &str,
        min_ms: u64,
        max_ms: u64,
    ) -> Option<Duration> {
        let parsed = SignedDuration::from_str(text)
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok());
        let Some(duration) = parsed else {
            let reason = format!("`{text}` is not a duration, such as 90s, 5m or 1h 30m");
            self.problem(key, reason);
            return None;
        };
        let (min, max) = (Duration::from_millis(min_ms), Duration::from_millis(max_ms));
        if duration < min || duration > max {
            self.problem(key, format!("`{text}` is not between {min:?} and {max:?}"));
        }
        Some(duration)
    }

    pub(super) fn size(&mut self, key: &str, value: u32, min: u32, max: u32) -> u32 {
        let value = self.whole(key, u64::from(value), u64::from(min), u64::from(max));
        u32::try_from(value).unwrap_or(max)
    }

    fn whole(&mut self, key: &str, value: u64, min: u64, max: u64) -> u64 {
        if value < min || value > max {
            self.problem(key, format!("{value} is not between {min} and {max}"));
        }
        value
    }

    fn readable(&mut self, key: &str, file: &Path) {
        if let Err(error) = std::fs::read(file) {
            self.problem(key, format!("{} cannot be read: {error}", file.display()));
        }
    }
}

fn authorities(raw: &Raw) -> Vec<Authorities> {
    let files = [
        ("database", &raw.database.ca_file),
        ("otlp", &raw.otel.ca_file),
    ];
    let given = files.into_iter().filter_map(|(of, file)| {
        let file = file.clone()?;
        Some(Authorities { of, file })
    });
    given.collect()
}

fn metrics_access(token: Option<&str>) -> MetricsAccess {
    match token {
        None => MetricsAccess::Open,
        Some("") => MetricsAccess::Closed,
        Some(token) => MetricsAccess::Token(Digest::of(token)),
    }
}

/// Never quotes the URL: it holds a password.
fn connect_options(text: &str, ca_file: Option<&Path>) -> Result<PgConnectOptions, String> {
    const SHAPE: &str = "postgresql://user:password@host:5432/database";
    if text.is_empty() {
        return Err(format!("is empty; expected {SHAPE}"));
    }
    let url = url::Url::parse(text)
        .map_err(|error| format!("is not a URL ({error}); expected {SHAPE}"))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        let scheme = url.scheme();
        return Err(format!("has the scheme `{scheme}`; expected {SHAPE}"));
    }
    if url.host_str().is_none_or(str::is_empty) && !text.contains("host=") {
        return Err(format!("has no host; expected {SHAPE}"));
    }
    let options = PgConnectOptions::from_str(text)
        .map_err(|error| format!("cannot be used: {error}"))?
        .application_name("telecom-server")
        .disable_statement_logging();
    let Some(ca_file) = ca_file else {
        return Ok(options);
    };
    // Who gives the authority wants the certificate checked, unless the URL says how much.
    let says_how = url
        .query_pairs()
        .any(|(key, _)| key == "sslmode" || key == "ssl-mode");
    let options = options.ssl_root_cert(ca_file);
    Ok(if says_how {
        options
    } else {
        options.ssl_mode(PgSslMode::VerifyFull)
    })
}
