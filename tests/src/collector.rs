//! A collector of one test's own: started on free ports, its data in files, gone with the test.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::cluster::checkout;
use serde_json::Value;
use telecom_telemetry::Protocol;
use uuid::Uuid;

use crate::certificates::Certificates;

/// How long anything may take on a machine that compiles at the same time.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where a collector will listen, and what it asks for; nothing runs yet.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub host: Ipv4Addr,
    pub port: u16,
    pub protocol: Protocol,
    /// The path of its traces, over HTTP.
    pub traces_path: &'a str,
    pub token: Option<&'a str>,
    pub tls: Option<&'a Certificates>,
}

impl Place<'_> {
    pub fn new(protocol: Protocol) -> Self {
        Self::on(Ipv4Addr::LOCALHOST, protocol)
    }

    /// At another address of this machine.
    pub fn on(host: Ipv4Addr, protocol: Protocol) -> Self {
        // Free now; the collector cannot be told to take any port and say which.
        let listener = TcpListener::bind((host, 0)).unwrap();
        Self {
            host,
            port: listener.local_addr().unwrap().port(),
            protocol,
            traces_path: "/v1/traces",
            token: None,
            tls: None,
        }
    }

    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    fn address(&self) -> SocketAddr {
        (self.host, self.port).into()
    }

    fn configuration(&self, folder: &Path) -> String {
        let folder = folder.display();
        let mut receiver = format!("endpoint: {}", self.address());
        if let Some(tls) = self.tls {
            let (certificate, key) = (tls.certificate.display(), tls.key.display());
            write!(
                receiver,
                ", tls: {{cert_file: {certificate}, key_file: {key}}}"
            )
            .unwrap();
        }
        if self.token.is_some() {
            receiver.push_str(", auth: {authenticator: bearertokenauth}");
        }
        let protocol = match self.protocol {
            Protocol::Grpc => format!("grpc: {{{receiver}}}"),
            Protocol::Http => {
                format!(
                    "http: {{{receiver}, traces_url_path: {}}}",
                    self.traces_path
                )
            }
        };
        let token = self.token.unwrap_or("unused");
        let mut pipelines = String::new();
        let mut exporters = String::new();
        for signal in ["traces", "metrics", "logs"] {
            writeln!(
                exporters,
                "  file/{signal}: {{path: {folder}/{signal}.json, flush_interval: 100ms}}"
            )
            .unwrap();
            writeln!(
                pipelines,
                "    {signal}: {{receivers: [otlp], exporters: [file/{signal}]}}"
            )
            .unwrap();
        }
        format!(
            "extensions:\n  bearertokenauth: {{token: {token}}}\n\
             receivers:\n  otlp: {{protocols: {{{protocol}}}}}\n\
             exporters:\n{exporters}\
             service:\n  extensions: [bearertokenauth]\n  telemetry: {{metrics: {{level: none}}}}\n  \
             pipelines:\n{pipelines}"
        )
    }
}

/// A running collector.
pub struct Collector {
    child: Child,
    folder: PathBuf,
}

impl Collector {
    /// Starts one and waits until it listens.
    pub fn start(place: &Place<'_>) -> Self {
        let folder = std::env::temp_dir().join(format!("telecom-otlp-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let configuration = folder.join("config.yaml");
        std::fs::write(&configuration, place.configuration(&folder)).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = Command::new(binary())
            .arg("--config")
            .arg(&configuration)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut collector = Self { child, folder };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(place.address()).is_err() {
            let ended = collector.child.try_wait().unwrap();
            let late = Instant::now() > deadline;
            assert!(
                ended.is_none() && !late,
                "the collector: {ended:?}\n{}",
                collector.log()
            );
            sleep(Duration::from_millis(50));
        }
        collector
    }

    /// Every span that has arrived, with `resource` added.
    pub fn spans(&self) -> Vec<Value> {
        self.items("traces", ["resourceSpans", "scopeSpans", "spans"])
    }

    /// Every log record that has arrived, with `resource` added.
    pub fn log_records(&self) -> Vec<Value> {
        self.items("logs", ["resourceLogs", "scopeLogs", "logRecords"])
    }

    /// Every request of metrics that has arrived, oldest first.
    pub fn metrics(&self) -> Vec<Vec<Value>> {
        let requests = self.requests("metrics");
        requests
            .iter()
            .map(|request| flatten(request, ["resourceMetrics", "scopeMetrics", "metrics"]))
            .collect()
    }

    /// Polls until `enough` says so.
    pub fn wait_for<T>(&self, read: impl Fn(&Self) -> T, enough: impl Fn(&T) -> bool) -> T
    where
        T: std::fmt::Debug,
    {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = read(self);
            if enough(&found) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "never arrived: {found:#?}\n{}",
                self.log()
            );
            sleep(Duration::from_millis(50));
        }
    }

    fn items(&self, signal: &str, path: [&str; 3]) -> Vec<Value> {
        self.requests(signal)
            .iter()
            .flat_map(|request| flatten(request, path))
            .collect()
    }

    fn requests(&self, signal: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join(format!("{signal}.json")));
        let text = text.unwrap_or_default();
        // The last line may be half written.
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // Nothing to do about a child that has gone already, or a folder that stays.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn flatten(request: &Value, [resources, scopes, items]: [&str; 3]) -> Vec<Value> {
    let mut found = Vec::new();
    for resource in request[resources].as_array().into_iter().flatten() {
        for scope in resource[scopes].as_array().into_iter().flatten() {
            for item in scope[items].as_array().into_iter().flatten() {
                let mut item = item.clone();
                item["resource"] = resource["resource"]["attributes"].clone();
                found.push(item);
            }
        }
    }
    found
}

/// The string value of an attribute in OTLP's list of pairs.
pub fn attribute<'a>(attributes: &'a Value, key: &str) -> Option<&'a str> {
    let pairs = attributes.as_array()?;
    let pair = pairs.iter().find(|pair| pair["key"] == key)?;
    pair["value"]["stringValue"].as_str()
}

/// The collector of this project's tests, built when it is not there yet.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let script = checkout().join("tests/cluster/collector.sh");
        let output = Command::new(script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "tests/cluster/collector.sh failed, see above"
        );
        let path = String::from_utf8(output.stdout).unwrap();
        PathBuf::from(path.trim())
    })
}
