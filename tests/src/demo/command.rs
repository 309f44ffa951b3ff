//! The commands of `telecom-server` beside a running server: its jobs, the ledger.

use std::ffi::OsString;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::cluster;

/// How `telecom-server` is called.
#[derive(Debug, Clone)]
pub struct ServerCommand(Vec<OsString>);

impl ServerCommand {
    /// Inside a server Pod of a `TelecomCluster`, with the server's own configuration.
    pub fn in_cluster(namespace: &str, cluster: &str) -> Self {
        let kubectl = cluster::tool("kubectl").get_program().to_owned();
        let server = format!("deployment/{cluster}-server");
        let exec = ["-n", namespace, "exec", &server, "--", "/telecom-server"];
        Self(
            std::iter::once(kubectl)
                .chain(exec.map(OsString::from))
                .collect(),
        )
    }

    /// A program of this machine, with its first arguments; it has the server's environment.
    pub fn program(words: &str) -> Self {
        Self(words.split_whitespace().map(OsString::from).collect())
    }

    /// Runs it; gives its last line, which is JSON, also when it ends with 1.
    pub async fn run(&self, arguments: &[&str]) -> Result<Value> {
        let (program, first) = self.0.split_first().context("no command is given")?;
        let output = Command::new(program)
            .args(first)
            .args(arguments)
            .env("KUBECONFIG", cluster::kubeconfig())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| program.display().to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().last().unwrap_or_default();
        serde_json::from_str(line).with_context(|| {
            format!(
                "{arguments:?}: {text}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }

    /// Bills what is not billed yet; gives of how many keys that was.
    pub async fn bill(&self) -> Result<u64> {
        let line = self.run(&["run-job", "billTraffic"]).await?;
        ensure!(line["result"] != "failed", "{line}");
        Ok(line["changed"].as_u64().unwrap_or(0))
    }

    /// The accounts, which hold.
    pub async fn check_ledger(&self) -> Result<Value> {
        let line = self.run(&["check-ledger"]).await?;
        ensure!(line["holds"] == true, "the ledger does not hold: {line:#}");
        Ok(line)
    }
}
