//! Operators that tests run themselves, as processes of the built binary against the running cluster.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::cluster;
use crate::postgres::free_port;

/// The label by which a test's own operator finds its manifests; the installed operator leaves them alone.
pub const SHARD: &str = "telecom.dev/shard";

/// A running operator process; killed when dropped.
pub struct Operator {
    child: Child,
    /// Its log file, printed by a failing test.
    pub log: PathBuf,
    /// The address of its `/metrics`, `/healthz`, `/readyz`.
    pub http: String,
}

/// What to start an operator with.
pub struct Settings<'a> {
    /// The identity it holds its Lease under.
    pub pod_name: &'a str,
    /// Where its Lease lives.
    pub namespace: &'a str,
    /// Label selector of the manifests it acts on.
    pub selector: String,
    /// Namespaces it watches; empty for all.
    pub watch_namespaces: &'a str,
    /// A kubeconfig of its own (another user), or the cluster's.
    pub kubeconfig: PathBuf,
    /// The server image it takes for its own version.
    pub server_image: &'a str,
    /// More flags.
    pub arguments: Vec<String>,
    /// More environment.
    pub environment: Vec<(&'a str, String)>,
}

impl<'a> Settings<'a> {
    /// An operator for manifests with the label `telecom.dev/shard=<shard>`.
    pub fn shard(shard: &str, namespace: &'a str, pod_name: &'a str) -> Self {
        Self {
            pod_name,
            namespace,
            selector: format!("{SHARD}={shard}"),
            watch_namespaces: "",
            kubeconfig: cluster::kubeconfig(),
            server_image: "docker.io/telecom-operator/server:0.1.0",
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }
}

impl Operator {
    /// Starts the process; it is ready when `/readyz` says so.
    pub fn start(settings: &Settings<'_>) -> Result<Self> {
        let port = free_port()?;
        let log = std::env::temp_dir().join(format!(
            "telecom-operator-{}-{}.log",
            settings.pod_name, port
        ));
        let output = File::create(&log)?;
        let child = Command::new(binary("telecom-operator")?)
            .arg("run")
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--watch-selector", &settings.selector])
            .args(["--watch-namespaces", settings.watch_namespaces])
            .args(["--leader-election-namespace", settings.namespace])
            .args(["--server-image", settings.server_image])
            .args(["--postgres-image", "docker.io/telecom-operator/postgres:15"])
            .args(&settings.arguments)
            .env("KUBECONFIG", &settings.kubeconfig)
            .env("POD_NAME", settings.pod_name)
            .env("POD_NAMESPACE", settings.namespace)
            .envs(settings.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("the operator did not start")?;
        Ok(Self {
            child,
            log,
            http: format!("127.0.0.1:{port}"),
        })
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// What it has logged.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.kill();
        let _ = std::fs::remove_file(&self.log);
    }
}

/// A binary of the workspace, built by the same `cargo build` as the running test.
pub fn binary(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    // target/debug/deps/<test> stands two folders below target/debug/<binary>.
    let path = test
        .parent()
        .and_then(|deps| deps.parent())
        .map(|profile| profile.join(name))
        .context("the test binary has no folder")?;
    anyhow::ensure!(
        path.exists(),
        "{} is not built: run `cargo build --workspace`",
        path.display()
    );
    Ok(path)
}
