//! The server as a process of its own: started, waited for, weighed.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use crate::telecom::get;
use crate::tokens;

/// A running server.
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
        let (grpc, http) = (free_address()?, free_address()?);
        let begun = Instant::now();
        let child = Command::new(binary)
            .args(["serve", "--migrate"])
            .env("TELECOM__DATABASE__URL", database)
            .env("TELECOM__AUTH__JWT_SECRET", tokens::JWT_SECRET)
            .env("TELECOM__GRPC__LISTEN", grpc.to_string())
            .env("TELECOM__HTTP__LISTEN", http.to_string())
            .env("TELECOM__LOGGING__LEVEL", "warn")
            .stdout(Stdio::null())
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

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let line = line.context("no VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
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
