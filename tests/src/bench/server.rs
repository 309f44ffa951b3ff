//! The server as a process of its own: started, waited for, weighed.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use crate::telecom::get;
use crate::tokens;

/// The program, configured for a database.
fn command(binary: &Path, database: &str) -> Command {
    let mut command = Command::new(binary);
    command
        .env("TELECOM__DATABASE__URL", database)
        .env("TELECOM__AUTH__JWT_SECRET", tokens::JWT_SECRET)
        .env("TELECOM__LOGGING__LEVEL", "warn")
        .stdout(Stdio::null());
    command
}

/// Runs a job as a process of its own, to its end.
pub async fn run_job(binary: &Path, database: &str, name: &str) -> Result<()> {
    let mut command = tokio::process::Command::from(command(binary, database));
    let status = command.args(["run-job", name]).kill_on_drop(true).status();
    let status = status.await?;
    ensure!(status.success(), "{name}: {status}");
    Ok(())
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where gRPC is spoken.
    pub grpc: SocketAddr,
    /// Where health and metrics are.
    pub http: SocketAddr,
    /// From the start of the process to its first "ready".
    pub ready_after: Duration,
}

impl Server {
    /// Starts `binary serve --migrate` on the database and waits until it is ready.
    pub async fn start(binary: &Path, database: &str) -> Result<Self> {
        Self::start_with(binary, database, &[]).await
    }

    /// The same with more variables.
    pub async fn start_with(
        binary: &Path,
        database: &str,
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let (grpc, http) = (free_address()?, free_address()?);
        let begun = Instant::now();
        let child = command(binary, database)
            .args(["serve", "--migrate"])
            .envs(variables.iter().copied())
            .env("TELECOM__GRPC__LISTEN", grpc.to_string())
            .env("TELECOM__HTTP__LISTEN", http.to_string())
            .spawn()
            .with_context(|| format!("{} did not start", binary.display()))?;
        let mut server = Self {
            child,
            grpc,
            http,
            ready_after: Duration::ZERO,
        };
        while !server.is_ready().await {
            let ended = server.child.try_wait()?;
            ensure!(ended.is_none(), "the server ended: {ended:?}");
            ensure!(
                begun.elapsed() < Duration::from_mins(1),
                "the server is not ready"
            );
            sleep(Duration::from_millis(2)).await;
        }
        server.ready_after = begun.elapsed();
        Ok(server)
    }

    /// Resident memory.
    #[allow(clippy::cast_precision_loss, reason = "a memory size is below 2^53")]
    pub fn resident_mebibytes(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let line = line.context("no VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes as f64 / 1024.0)
    }

    async fn is_ready(&self) -> bool {
        matches!(get(self.http, "/healthz/ready", None).await, Ok((200, _)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
