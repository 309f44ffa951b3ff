//! The command line and its environment variables.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use telecom_operator::leader::{LeaseIdentity, without_kube};
use telecom_operator::run::Options;
use telecom_telemetry::{Config, LogFormat, Service, Settings};

mod otlp;
#[cfg(test)]
mod tests;

pub use otlp::HEADERS;
use otlp::{BadFlag, Otlp};

/// Runs telecom backends on Kubernetes: one `TelecomCluster` manifest each.
#[derive(Debug, Parser)]
#[command(name = "telecom-operator", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch manifests and bring about what they ask for.
    Run(Box<Run>),
}

/// Flags of `run`. Each may be given by environment instead.
#[derive(Debug, Args)]
pub struct Run {
    /// Namespaces to watch, separated by commas. Empty: all. Set: Roles in these namespaces are enough.
    #[arg(long, env = "TELECOM_OPERATOR_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// Label selector of the manifests to act on. Empty: every manifest.
    #[arg(long, env = "TELECOM_OPERATOR_WATCH_SELECTOR", default_value = "")]
    pub watch_selector: String,
    /// Namespace of the Lease. Unset: the operator's own.
    #[arg(long, env = "TELECOM_OPERATOR_LEADER_ELECTION_NAMESPACE")]
    pub leader_election_namespace: Option<String>,
    /// Name of the Lease. Operators that share manifests must share it.
    #[arg(
        long,
        env = "TELECOM_OPERATOR_LEASE_NAME",
        default_value = "telecom-operator"
    )]
    pub lease_name: String,
    /// Server image that a manifest without `spec.image` gets.
    #[arg(
        long, env = "TELECOM_OPERATOR_SERVER_IMAGE",
        default_value = concat!("docker.io/telecom-operator/server:", env!("CARGO_PKG_VERSION")),
    )]
    pub server_image: String,
    /// Image of the embedded PostgreSQL.
    #[arg(
        long,
        env = "TELECOM_OPERATOR_POSTGRES_IMAGE",
        default_value = "docker.io/library/postgres:15"
    )]
    pub postgres_image: String,
    /// Address of /healthz, /readyz and /metrics.
    #[arg(long, env = "TELECOM_OPERATOR_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// How many clusters are reconciled at once.
    #[arg(long, env = "TELECOM_OPERATOR_CONCURRENCY", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub concurrency: u16,
    /// Let the apiserver stream initial lists, which needs less memory on both sides.
    #[arg(long, env = "TELECOM_OPERATOR_STREAMING_LISTS")]
    pub streaming_lists: bool,
    /// Seconds between two looks for the kind ServiceMonitor.
    #[arg(long, env = "TELECOM_OPERATOR_DISCOVERY_INTERVAL", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub discovery_interval: u64,
    /// Host and port at which every server is asked for its jobs, instead of its Service: for benchmarks.
    #[arg(long, hide = true)]
    pub server_endpoint: Option<String>,
    /// A level, or a level per target: `info`, `info,kube=debug`.
    #[arg(long, env = "TELECOM_OPERATOR_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// Form of the log.
    #[arg(long, env = "TELECOM_OPERATOR_LOG_FORMAT", value_enum, default_value_t = Format::Json)]
    pub log_format: Format,
    /// The collector.
    #[command(flatten)]
    pub otlp: Otlp,
    /// Name of this Pod: our name on the Lease. Unset: made up for this process.
    #[arg(long, env = "POD_NAME", hide = true)]
    pub pod_name: Option<String>,
    /// Namespace of this Pod. Unset: we run outside the cluster.
    #[arg(long, env = "POD_NAMESPACE", hide = true)]
    pub pod_namespace: Option<String>,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}

impl Run {
    /// Our name on the Lease: a restarted container of the same Pod takes up its own again.
    fn identity(&self) -> String {
        let pod = self.pod_name.clone().filter(|name| !name.is_empty());
        pod.unwrap_or_else(|| format!("telecom-operator-{}", uuid::Uuid::new_v4()))
    }

    /// The settings of logs, traces and metrics; `headers` are those of [`HEADERS`].
    pub fn telemetry(&self, identity: &str, headers: String) -> Result<Settings, BadFlag> {
        let mut service = Service::new("telecom-operator", env!("CARGO_PKG_VERSION"));
        identity.clone_into(&mut service.instance);
        "telecom_operator".clone_into(&mut service.metric_prefix);
        let mut config = Config::for_service(service);
        config.logging.level = without_kube(&self.log_level);
        config.logging.format = match self.log_format {
            Format::Json => LogFormat::Json,
            Format::Text => LogFormat::Text,
        };
        config.otel = self.otlp.settings(headers);
        config.export_interval = Duration::from_secs(self.otlp.metrics_interval);
        Ok(config.validate()?)
    }

    /// What the operator runs with; `fallback` is the namespace of the kubeconfig.
    pub fn options(&self, fallback: &str) -> Options {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let own_namespace = given(&self.pod_namespace);
        let namespace = given(&self.leader_election_namespace)
            .or_else(|| own_namespace.clone())
            .unwrap_or_else(|| fallback.to_owned());
        let mut namespaces: Vec<String> = self
            .watch_namespaces
            .iter()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        namespaces.sort();
        namespaces.dedup();
        Options {
            namespaces,
            selector: Some(self.watch_selector.clone()).filter(|selector| !selector.is_empty()),
            lease: LeaseIdentity {
                namespace,
                name: self.lease_name.clone(),
                identity: self.identity(),
            },
            server_image: self.server_image.clone(),
            postgres_image: self.postgres_image.clone(),
            own_namespace,
            concurrency: self.concurrency,
            streaming_lists: self.streaming_lists,
            discovery_interval: Duration::from_secs(self.discovery_interval),
            server_endpoint: self.server_endpoint.clone(),
        }
    }
}
