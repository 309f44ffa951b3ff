//! `kubectl telecom`: what the status of a `TelecomCluster` only samples, as it is at this moment.

#![allow(clippy::print_stdout, reason = "it is for a person at a terminal")]

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use clap::{Parser, Subcommand};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use telecom_crds::TelecomCluster;
use telecom_operator::build::GRPC_PORT;
use telecom_operator::jobs::run::{Past, RunState, States};
use telecom_operator::jobs::server::Server;
use telecom_operator::jobs::settings::JobSettings;
use telecom_operator::names::{Component, selector};
use telecom_operator::stores::ClusterKey;
use tokio::net::{TcpListener, TcpStream};

/// Looks into telecom backends on Kubernetes. Needs to read Pods and Secrets of the namespace and to forward ports.
#[derive(Debug, Parser)]
#[command(name = "kubectl telecom", version, about)]
struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How the jobs of a cluster stand, by its server's own record.
    Jobs {
        /// Name of the `TelecomCluster`.
        name: String,
        /// Its namespace. Unset: the one of the kubeconfig.
        #[arg(short, long)]
        namespace: Option<String>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Jobs { name, namespace } = Cli::parse().command;
    match jobs(name, namespace).await {
        Ok(table) => {
            print!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn jobs(name: String, namespace: Option<String>) -> Result<String> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("a TLS provider is installed already"))?;
    let config = kube::Config::infer()
        .await
        .map_err(|error| anyhow!("no usable kubeconfig was found: {error}"))?;
    let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config)?;
    let key = ClusterKey::new(namespace, name);
    let clusters: Api<TelecomCluster> = Api::namespaced(client.clone(), &key.namespace);
    let cluster = clusters
        .get_opt(&key.name)
        .await
        .map_err(|error| anyhow!("TelecomCluster {key} cannot be read: {error}"))?
        .with_context(|| format!("there is no TelecomCluster {key}"))?;
    let address = forward(client.clone(), &key).await?;
    let uid = cluster.uid().unwrap_or_default();
    let server = Server::new(client, &key, &uid, &address)?;
    let states = server.states().await?;
    Ok(table(&JobSettings::of(&cluster.spec, &uid), &states))
}

/// A local address that leads to a ready Pod of the server, for as long as this process lives.
async fn forward(client: Client, key: &ClusterKey) -> Result<String> {
    let pods: Api<Pod> = Api::namespaced(client, &key.namespace);
    let labels = selector(&key.name, Component::Server);
    let labels: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let found = pods
        .list(&ListParams::default().labels(&labels.join(",")))
        .await?;
    let pod = found.items.iter().find(|pod| is_ready(pod));
    let pod = pod
        .with_context(|| format!("no server Pod of {key} is ready"))?
        .name_any();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Err(error) = carry(&pods, &pod, stream).await {
                eprintln!("the way to Pod {pod} was lost: {error:#}");
            }
        }
    });
    Ok(address)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    ready.any(|condition| condition.status == "True")
}

async fn carry(pods: &Api<Pod>, pod: &str, mut near: TcpStream) -> Result<()> {
    let mut forwarder = pods.portforward(pod, &[GRPC_PORT]).await?;
    let mut far = forwarder
        .take_stream(GRPC_PORT)
        .context("the apiserver gave no stream")?;
    tokio::io::copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}

const HEADER: [&str; 7] = [
    "JOB",
    "DUE",
    "STATE",
    "LAST SLOT",
    "LAST SUCCESS",
    "FAILURES",
    "NEXT",
];

fn table(jobs: &[JobSettings], states: &States) -> String {
    let nothing = Past::default();
    let rows = jobs.iter().map(|job| {
        row(
            job,
            states.jobs.get(&job.name).unwrap_or(&nothing),
            states.now,
        )
    });
    let rows: Vec<_> = std::iter::once(HEADER.map(str::to_owned))
        .chain(rows)
        .collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: BTreeMap<_, _> = (0..HEADER.len())
        .map(|column| (column, width(column).unwrap_or(0)))
        .collect();
    let line = |row: &[String; 7]| {
        let cells = row
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<0$}", widths.get(&column).copied().unwrap_or(0)));
        let cells: Vec<_> = cells.collect();
        format!("{}\n", cells.join("   ").trim_end())
    };
    rows.iter().map(line).collect::<Vec<_>>().concat()
}

fn row(job: &JobSettings, past: &Past, now: Timestamp) -> [String; 7] {
    let slot = past.latest.as_ref().and_then(|run| run.key.slot());
    let next = job.schedule.as_ref().map(|schedule| schedule.next(now));
    let state = match (&past.active, past.latest.as_ref().map(|run| &run.state)) {
        (Some(run), _) => format!("running for {}", ago(now, run.started)),
        (None, Some(RunState::Failed { error })) => format!("failed: {error}"),
        (None, Some(RunState::Succeeded { .. } | RunState::Running)) => "succeeded".to_owned(),
        (None, None) => "never run".to_owned(),
    };
    let past_time = |at: Option<Timestamp>| {
        at.map_or_else(|| "-".to_owned(), |at| format!("{} ago", ago(now, at)))
    };
    [
        job.name.to_string(),
        job.words.clone(),
        state,
        past_time(slot),
        past_time(past.last_success),
        past.consecutive_failures.to_string(),
        match next {
            _ if job.suspend => "suspended".to_owned(),
            Ok(Some(next)) => format!("in {}", ago(next, now)),
            Ok(None) => "never".to_owned(),
            Err(bad) => bad.to_string(),
        },
    ]
}

/// The time between, in the two largest units.
fn ago(later: Timestamp, earlier: Timestamp) -> String {
    let seconds = later
        .duration_since(earlier)
        .max(SignedDuration::ZERO)
        .as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    //! What the table shows.

    use telecom_crds::JobName;
    use telecom_operator::jobs::run::{Run, RunKey};

    use super::*;

    #[test]
    fn each_job_has_a_line() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let now = at("2026-03-04T10:01:07Z");
        let spec = "jobs: {billTraffic: {interval: 1h}, packageExpiring: {suspend: true}, refreshServerStatus: {interval: 24h}}";
        let jobs = JobSettings::of(&serde_yaml::from_str(spec).unwrap(), "uid");
        let slot = at("2026-03-04T09:05:00Z");
        let failed = Run {
            key: RunKey::Slot(slot),
            state: RunState::Failed {
                error: "timed out after 10 minutes".to_owned(),
            },
            started: slot,
            took: Some(600.0),
            fresh: false,
        };
        let active = Run {
            state: RunState::Running,
            ..failed.clone()
        };
        let billing = Past {
            latest: Some(active.clone()),
            active: Some(active),
            ..Past::default()
        };
        let view = Past {
            latest: Some(failed),
            last_success: Some(at("2026-03-02T09:05:00Z")),
            consecutive_failures: 2,
            ..Past::default()
        };
        let states = States {
            now,
            jobs: [
                (JobName::BillTraffic, billing),
                (JobName::RefreshNodeStatusView, view),
            ]
            .into(),
        };
        insta::assert_snapshot!(table(&jobs, &states));
    }
}
