//! The operator that is measured: a process of the built program, asking one server for the jobs of all clusters.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use super::plane::{NAMESPACE, Plane};
use super::process::Process;
use crate::postgres::free_port;
use crate::telecom::get;

/// Its user agent begins so.
pub const AGENT: &str = "telecom-operator/";
const PATIENCE: Duration = Duration::from_mins(1);

/// A running operator that leads.
pub struct Operator {
    /// Its process.
    pub process: Process,
    http: SocketAddr,
}

impl Operator {
    /// Starts it and waits until it leads.
    pub async fn start(program: &Path, plane: &Plane, server: SocketAddr) -> Result<Self> {
        let kubeconfig = plane.kubeconfig("operator")?;
        let http = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let process = Process::start("telecom-operator", program, plane.folder(), |command| {
            command
                .args(["run", "--listen", &http.to_string()])
                .args(["--leader-election-namespace", NAMESPACE])
                .args(["--server-endpoint", &server.to_string()])
                .env("KUBECONFIG", kubeconfig)
                .env("POD_NAME", "telecom-operator-bench");
        })?;
        let mut operator = Self { process, http };
        let begun = Instant::now();
        while !operator.leads().await.unwrap_or(false) {
            operator.process.check()?;
            ensure!(
                begun.elapsed() < PATIENCE,
                "the operator does not lead: {}",
                operator.process.last_words()
            );
            sleep(Duration::from_millis(100)).await;
        }
        Ok(operator)
    }

    /// An error if it has ended or lost its lead: what is measured then means nothing.
    pub async fn check(&mut self) -> Result<()> {
        self.process.check()?;
        ensure!(
            self.leads().await?,
            "the operator is no longer leader: {}",
            self.process.last_words()
        );
        Ok(())
    }

    async fn leads(&self) -> Result<bool> {
        Ok(self.metric("telecom_operator_leader").await? > 0.5)
    }

    /// Reconciles since its start, whatever their end.
    pub async fn reconciles(&self) -> Result<f64> {
        self.metric("telecom_operator_reconciles_total").await
    }

    /// The sum of all series of a metric.
    async fn metric(&self, name: &str) -> Result<f64> {
        let (status, text) = get(self.http, "/metrics", None).await?;
        ensure!(status == 200, "/metrics: {status}");
        let of_it = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let labelled = rest.starts_with('{') || rest.starts_with(' ');
            labelled.then(|| rest.rsplit(' ').next())?
        });
        let values: Vec<f64> = of_it.map(str::parse).collect::<Result<_, _>>()?;
        ensure!(!values.is_empty(), "/metrics has no {name}");
        values
            .into_iter()
            .reduce(|sum, value| sum + value)
            .context(name.to_owned())
    }
}
