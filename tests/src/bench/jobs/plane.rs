//! An etcd and an apiserver of the benchmark's own: on free ports of 127.0.0.1, in a temporary folder, with an audit
//! log. Nothing schedules and nothing runs Pods.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;
use tokio::time::sleep;

use super::audit::AuditLog;
use super::process::{Folder, Process};
use crate::cluster::install_crypto;
use crate::postgres::free_port;

/// Where everything that is measured lies.
pub const NAMESPACE: &str = "bench";
/// The definition as users install it.
const DEFINITION: &str = include_str!("../../../../crds/telecom.dev_telecomclusters.yaml");
/// RFC 2544: routed nowhere, and room for thousands of Services.
const SERVICES: &str = "198.18.128.0/17";
const PATIENCE: Duration = Duration::from_mins(1);
const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
";

/// A running control plane. What it runs ends before its folder goes.
pub struct Plane {
    apiserver: Process,
    etcd: Process,
    folder: Folder,
    tools: PathBuf,
    token: String,
    port: u16,
    /// The benchmark's own client.
    pub client: Client,
}

impl Plane {
    /// Starts both, and waits until namespace and definition are there.
    pub async fn start(tools: &Path) -> Result<Self> {
        install_crypto();
        let folder = Folder::new()?;
        let token = uuid::Uuid::new_v4().simple().to_string();
        write_files(folder.path(), &token)?;
        let (etcd, address) = start_etcd(tools, folder.path())?;
        let port = free_port()?;
        let mut apiserver = start_apiserver(tools, folder.path(), &address, port)?;
        let begun = Instant::now();
        let certificate = folder.path().join("pki/apiserver.crt");
        // It makes its certificate itself.
        while !certificate.exists() {
            apiserver.check()?;
            ensure!(begun.elapsed() < PATIENCE, "{}", apiserver.last_words());
            sleep(Duration::from_millis(50)).await;
        }
        let path = write_kubeconfig(folder.path(), "bench", port, &token)?;
        let client = client(&path).await?;
        let mut plane = Self {
            apiserver,
            etcd,
            folder,
            tools: tools.to_path_buf(),
            token,
            port,
            client,
        };
        plane.wait(begun).await?;
        plane.furnish().await?;
        Ok(plane)
    }

    async fn wait(&mut self, begun: Instant) -> Result<()> {
        loop {
            let ready = http::Request::get("/readyz").body(Vec::new())?;
            if self.client.request_text(ready).await.is_ok() {
                return Ok(());
            }
            self.check()?;
            ensure!(
                begun.elapsed() < PATIENCE,
                "the apiserver is not ready: {}",
                self.apiserver.last_words()
            );
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn furnish(&self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
        namespaces
            .create(&PostParams::default(), &namespace)
            .await?;
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let definition: CustomResourceDefinition = serde_yaml::from_str(DEFINITION)?;
        definitions
            .create(&PostParams::default(), &definition)
            .await?;
        let established = kube::runtime::conditions::is_crd_established();
        let name = definition.metadata.name.context("a definition's name")?;
        let waited = kube::runtime::wait::await_condition(definitions, &name, established);
        tokio::time::timeout(PATIENCE, waited).await??;
        Ok(())
    }

    /// An error if one of them has ended: nothing that is measured then means anything.
    pub fn check(&mut self) -> Result<()> {
        self.etcd.check()?;
        self.apiserver.check()
    }

    /// A kubeconfig for a program, with all rights.
    pub fn kubeconfig(&self, name: &str) -> Result<PathBuf> {
        write_kubeconfig(self.folder.path(), name, self.port, &self.token)
    }

    /// Where logs may go.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A program of Kubernetes.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.tools.join(name)
    }

    /// Who asked for what.
    pub fn audit(&self) -> AuditLog {
        AuditLog::new(self.folder.path().join("audit.log"))
    }
}

fn write_files(folder: &Path, token: &str) -> Result<()> {
    std::fs::write(folder.join("audit-policy.yaml"), AUDIT_POLICY)?;
    std::fs::write(
        folder.join("tokens.csv"),
        format!("{token},bench,bench,system:masters\n"),
    )?;
    // For the tokens of ServiceAccounts, which nobody uses here; without the key the apiserver does not start.
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt"])
        .args(["rsa_keygen_bits:2048", "-out"])
        .arg(folder.join("service-account.key"))
        .stderr(Stdio::null())
        .status()
        .context("openssl is not installed")?;
    ensure!(made.success(), "openssl genpkey: {made}");
    Ok(())
}

fn start_etcd(tools: &Path, folder: &Path) -> Result<(Process, String)> {
    let address = format!("http://127.0.0.1:{}", free_port()?);
    let peers = format!("http://127.0.0.1:{}", free_port()?);
    let etcd = Process::start("etcd", &tools.join("etcd"), folder, |command| {
        command
            .args(["--name", "bench", "--unsafe-no-fsync", "--log-level"])
            .args(["warn", "--quota-backend-bytes", "4294967296"])
            .args(["--listen-client-urls", &address])
            .args(["--advertise-client-urls", &address])
            .args(["--listen-peer-urls", &peers])
            .args(["--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &format!("bench={peers}")])
            .arg("--data-dir")
            .arg(folder.join("etcd"));
    })?;
    Ok((etcd, address))
}

fn start_apiserver(tools: &Path, folder: &Path, etcd: &str, port: u16) -> Result<Process> {
    let program = tools.join("kube-apiserver");
    Process::start("kube-apiserver", &program, folder, |command| {
        let mut file = |flag: &str, name: &str| {
            command.arg(format!("--{flag}={}", folder.join(name).display()));
        };
        file("cert-dir", "pki");
        file("token-auth-file", "tokens.csv");
        file("service-account-key-file", "service-account.key");
        file("service-account-signing-key-file", "service-account.key");
        file("audit-policy-file", "audit-policy.yaml");
        file("audit-log-path", "audit.log");
        command
            .args(["--bind-address=127.0.0.1", &format!("--secure-port={port}")])
            .arg(format!("--etcd-servers={etcd}"))
            .arg(format!("--service-cluster-ip-range={SERVICES}"))
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .args(["--authorization-mode=RBAC", "--anonymous-auth=false"])
            .args(["--endpoint-reconciler-type=none", "--profiling=false"])
            .arg("--audit-log-maxsize=0");
    })
}

fn write_kubeconfig(folder: &Path, name: &str, port: u16, token: &str) -> Result<PathBuf> {
    let path = folder.join(format!("{name}.kubeconfig"));
    let text = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bench", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority": folder.join("pki/apiserver.crt"),
        }}],
        "users": [{"name": "bench", "user": {"token": token}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "current-context": "bench",
    });
    std::fs::write(&path, text.to_string())?;
    Ok(path)
}

async fn client(kubeconfig: &Path) -> Result<Client> {
    let raw = Kubeconfig::read_from(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(raw, &KubeConfigOptions::default()).await?;
    config.headers.push((
        http::header::USER_AGENT,
        http::HeaderValue::from_static("telecom-bench"),
    ));
    Ok(Client::try_from(config)?)
}
