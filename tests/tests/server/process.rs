//! A server process for one test, and clients to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use telecom_proto::v1::node_agent_client::NodeAgentClient;
use telecom_proto::v1::node_server_manage_client::NodeServerManageClient;
use telecom_proto::v1::{CreateNodeServerRequest, HeartbeatRequest, NodeServer, NodeServerConfig};
use telecom_tests::{postgres, tokens};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

/// A test machine may be busy with compiling.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The program, built together with this test.
pub fn program() -> PathBuf {
    telecom_tests::operator::binary("telecom-server").unwrap()
}

/// Variables for a server that listens on free ports of 127.0.0.1 and does not wait at its end.
pub fn environment(url: &str) -> BTreeMap<String, String> {
    [
        ("TELECOM__DATABASE__URL", url),
        ("TELECOM__AUTH__JWT_SECRET", tokens::JWT_SECRET),
        ("TELECOM__GRPC__LISTEN", "127.0.0.1:0"),
        ("TELECOM__HTTP__LISTEN", "127.0.0.1:0"),
        ("TELECOM__SHUTDOWN__DELAY", "0s"),
        ("TELECOM__METRICS__EXPORT_INTERVAL_SECS", "1"),
        (
            "TELECOM__LOGGING__LEVEL",
            "debug,sqlx=info,h2=info,hyper=info",
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// A command of the program with exactly these variables.
pub fn command(environment: &BTreeMap<String, String>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .args(arguments)
        .env_clear()
        .envs(environment)
        .kill_on_drop(true);
    command
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    /// The URL of its database.
    pub url: String,
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    /// Every log line so far.
    pub log: Arc<Mutex<Vec<serde_json::Value>>>,
}

impl Server {
    /// A ready server on a fresh, migrated database.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more variables.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        let server = Self::launch(
            &postgres::shared().database(),
            variables,
            &["serve", "--migrate"],
        )
        .await;
        server.until_ready().await;
        server
    }

    /// A server as soon as its ports are open.
    pub async fn launch(url: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        Self::launch_without(url, variables, &[], arguments).await
    }

    /// The same without some of the usual variables.
    pub async fn launch_without(
        url: &str,
        variables: &[(&str, &str)],
        without: &[&str],
        arguments: &[&str],
    ) -> Self {
        let mut environment = environment(url);
        environment.retain(|name, _| !without.contains(&name.as_str()));
        for (name, value) in variables {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
        let mut child = command(&environment, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (serving, mut served) = tokio::sync::mpsc::channel(1);
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.expect("lines of text") {
                let line: serde_json::Value =
                    serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
                if line["message"] == "serving" {
                    let _ = serving.send(line.clone()).await;
                }
                kept.lock().unwrap().push(line);
            }
        });
        let line = tokio::time::timeout(PATIENCE, served.recv()).await.unwrap();
        let line = line.unwrap_or_else(|| panic!("ended early: {:?}", log.lock().unwrap()));
        let address = |key: &str| line[key].as_str().unwrap().parse().unwrap();
        Self {
            child,
            url: url.to_owned(),
            grpc: address("grpc"),
            http: address("http"),
            log,
        }
    }

    /// The first line of the log that is looked for. It is read beside the test, so it may come later
    /// than what it tells of.
    pub async fn logged(&self, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let found = || {
            let log = self.log.lock().unwrap();
            log.iter().find(|line| wanted(line)).cloned()
        };
        eventually("in the log", || async { found().is_some() }).await;
        found().unwrap()
    }

    pub async fn until_ready(&self) {
        let begun = Instant::now();
        loop {
            let answer = self.get("/healthz/ready").await;
            if answer.code == 200 {
                return;
            }
            let log = || self.log.lock().unwrap().clone();
            assert!(
                begun.elapsed() < PATIENCE,
                "not ready: {answer:?}\n{:#?}",
                log()
            );
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// GET over a connection of its own.
    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, "").await
    }

    pub async fn get_with(&self, path: &str, headers: &str) -> Answer {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        Answer::parse(&exchange(self.http, request.as_bytes()).await)
    }

    /// The value of a sample of `/metrics`, by the text before it.
    pub async fn metric(&self, sample: &str) -> Option<f64> {
        let text = self.get("/metrics").await.body;
        let line = text.lines().find(|line| {
            line.strip_prefix(sample)
                .is_some_and(|rest| rest.starts_with(' '))
        })?;
        line.rsplit(' ').next().unwrap().parse().ok()
    }

    /// Sends a signal by its name.
    pub async fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        let status = Command::new("kill")
            .args([format!("-{name}"), pid])
            .status()
            .await
            .unwrap();
        assert!(status.success());
    }

    pub async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("it ends")
            .unwrap()
    }

    pub async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.grpc)).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// A client with the administrator's token.
    pub async fn admin(&self) -> Manage {
        NodeServerManageClient::with_interceptor(self.channel().await, Bearer::new(tokens::admin()))
    }

    pub async fn manage_as(&self, token: &str) -> Manage {
        NodeServerManageClient::with_interceptor(self.channel().await, Bearer::new(token))
    }

    pub async fn agent(&self, token: &str) -> Agent {
        NodeAgentClient::with_interceptor(self.channel().await, Bearer::new(token))
    }

    /// A registered node server and its token.
    pub async fn node(&self, name: &str) -> (NodeServer, String) {
        let request = CreateNodeServerRequest {
            config: Some(config(name)),
            ..Default::default()
        };
        let created = self
            .admin()
            .await
            .create_node_server(request)
            .await
            .unwrap()
            .into_inner();
        (created.node_server.unwrap(), created.token)
    }
}

pub type Manage = NodeServerManageClient<InterceptedService<Channel, Bearer>>;
pub type Agent = NodeAgentClient<InterceptedService<Channel, Bearer>>;

/// Adds a token to each request; none when empty.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<tonic::metadata::Ascii>>);

impl Bearer {
    pub fn new(token: &str) -> Self {
        Self((!token.is_empty()).then(|| format!("Bearer {token}").parse().unwrap()))
    }
}

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        Ok(request)
    }
}

pub fn config(name: &str) -> NodeServerConfig {
    NodeServerConfig {
        name: name.to_owned(),
        address: "node.example.net".to_owned(),
        country: "DE".to_owned(),
        location: "Frankfurt".to_owned(),
        route_class: "premium".to_owned(),
        bandwidth_bps: 10_000_000_000,
        max_sessions: 5000,
        metadata: [("rack".to_owned(), "b7".to_owned())].into(),
    }
}

pub fn heartbeat() -> HeartbeatRequest {
    HeartbeatRequest {
        agent_version: "2.4.1".to_owned(),
        protocol_version: 1,
        boot_id: "0d9c3a52-6a54-4b39-8a3e-6f0b9a2f7c11".to_owned(),
        config_hash: "sha256:abc123".to_owned(),
        cpu_usage_ratio: 0.25,
        memory_used_bytes: 3 << 30,
        memory_total_bytes: 8 << 30,
        load_1m: 0.5,
        load_5m: 0.75,
        load_15m: 1.0,
        rx_bps: 120_000_000,
        tx_bps: 450_000_000,
        sessions: 321,
        clock: Some(std::time::SystemTime::now().into()),
        access_version: 0,
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let code = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        Self {
            code,
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }
}

/// Sends bytes and reads until the peer closes.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The peer may have closed already; what it said counts.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the peer closes");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Waits for something that takes its time.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut check: impl FnMut() -> F) {
    let begun = Instant::now();
    while !check().await {
        assert!(begun.elapsed() < PATIENCE, "not {what} in {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// The reason in an error's details.
pub fn reason(status: &tonic::Status) -> String {
    status
        .get_error_details()
        .error_info()
        .unwrap()
        .reason
        .clone()
}

/// The fields at fault in an error's details.
pub fn fields(status: &tonic::Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details
        .bad_request()
        .map(|bad| bad.field_violations.clone());
    violations
        .unwrap_or_default()
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}
