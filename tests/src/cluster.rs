//! The running cluster as tests reach it: a client, the tools beside it, the apiserver's audit log.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use anyhow::{Context, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// The top of the checkout.
pub fn checkout() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// `KUBECONFIG`, or the one that `make up` wrote.
pub fn kubeconfig() -> PathBuf {
    std::env::var_os("KUBECONFIG")
        .map_or_else(|| checkout().join(".cluster/kubeconfig"), PathBuf::from)
}

/// The audit log of the local cluster's apiserver (JSON lines, Metadata level).
pub fn audit_log() -> PathBuf {
    checkout().join(".cluster/log/audit.log")
}

/// A client of the running cluster.
pub async fn client() -> Result<Client> {
    install_crypto();
    let path = kubeconfig();
    let raw = Kubeconfig::read_from(&path)
        .with_context(|| format!("no cluster: {} (run `make up` first)", path.display()))?;
    let config = Config::from_custom_kubeconfig(raw, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// rustls wants one process-wide provider before the first connection.
pub fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A second provider is refused by rustls and would mean that somebody else installed the same one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

/// A tool of the cluster (`kubectl`, `helm`) that talks to it.
pub fn tool(name: &str) -> Command {
    let local = checkout().join(".cluster/bin").join(name);
    let mut command = Command::new(if local.exists() {
        local
    } else {
        PathBuf::from(name)
    });
    command.env("KUBECONFIG", kubeconfig());
    command
}

/// Runs a tool and returns what it printed; an exit code other than 0 is an error with its text.
pub fn run(name: &str, arguments: &[&str]) -> Result<String> {
    let output = tool(name)
        .args(arguments)
        .output()
        .with_context(|| format!("{name} did not start"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    anyhow::ensure!(
        output.status.success(),
        "{name} {}: {}{text}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr),
    );
    Ok(text)
}
