//! The program `telecom-operator`.

mod cli;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Parser;
use telecom_operator::metrics::Metrics;
use telecom_operator::run::{self, Options};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long the last spans and samples may take to leave.
const FLUSH: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli::Command::Run(flags) = cli::Cli::parse().command;
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("a TLS provider is installed already"))?;
    let config = kube::Config::infer()
        .await
        .context("neither a ServiceAccount of a Pod nor a usable kubeconfig was found")?;
    let options = flags.options(&config.default_namespace);
    let headers = std::env::var(cli::HEADERS).unwrap_or_default();
    let settings = flags.telemetry(&options.lease.identity, headers)?;
    let metrics = Arc::new(Metrics::new()?);
    let telemetry = telecom_telemetry::init(&settings, &metrics.registry)?;
    let stop = CancellationToken::new();
    stop_on_signal(&stop)?;
    let listener = TcpListener::bind(flags.listen)
        .await
        .with_context(|| format!("cannot listen on {}", flags.listen))?;
    let client = run::client(config)?;
    announce(&options);
    let filter = telemetry.log_filter();
    let ended = run::run(options, client, listener, metrics, filter, stop).await;
    if let Err(error) = &ended {
        tracing::error!(%error, "ended");
    }
    telemetry.shutdown(FLUSH).await;
    Ok(ended?)
}

/// The settings that decide which clusters are acted on, and by whom.
fn announce(options: &Options) {
    let lease = &options.lease;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        namespaces = options.namespaces.join(","),
        selector = options.selector.as_deref().unwrap_or_default(),
        lease = format_args!("{}/{}", lease.namespace, lease.name),
        identity = lease.identity,
        server_image = options.server_image,
        postgres_image = options.postgres_image,
        "starting"
    );
}

fn stop_on_signal(stop: &CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
    });
    Ok(())
}
