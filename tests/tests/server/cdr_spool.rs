//! `telecom-server cdr-spool` as a process beside a PBX: what it has answered with 202 reaches the server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::calls::{BOUNDARY, multipart, record};
use super::process::{Answer, PATIENCE, eventually, program};

mod kept;
mod proxy;
mod refused;

/// A data directory with the token of the PBX in a file; gone when dropped.
pub struct Home(PathBuf);

impl Home {
    pub fn new(token: &str) -> Self {
        let home = Self(std::env::temp_dir().join(format!("cdr-spool-{}", uuid::Uuid::new_v4())));
        std::fs::create_dir_all(&home.0).unwrap();
        home.token(token);
        home
    }

    pub fn token(&self, token: &str) {
        std::fs::write(self.0.join("token"), format!("{token}\n")).unwrap();
    }

    /// Files in a folder of the data directory.
    pub fn files(&self, folder: &str) -> Vec<PathBuf> {
        let Ok(files) = std::fs::read_dir(self.0.join("data").join(folder)) else {
            return Vec::new();
        };
        files.map(|file| file.unwrap().path()).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running spool; killed when dropped.
pub struct Spool {
    child: Child,
    pub http: SocketAddr,
    /// Every log line so far.
    pub log: Arc<Mutex<Vec<Value>>>,
}

impl Spool {
    pub async fn start(home: &Home, server: SocketAddr) -> Self {
        Self::start_with(home, server, &["--listen", "127.0.0.1:0"]).await
    }

    pub async fn start_with(home: &Home, server: SocketAddr, more: &[&str]) -> Self {
        let mut child = Command::new(program())
            .env_clear()
            .arg("cdr-spool")
            .args(["--server", &format!("http://{server}/v1/call-records")])
            .args([Path::new("--token-file"), &home.0.join("token")])
            .args([Path::new("--data-dir"), &home.0.join("data")])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let line: Value = serde_json::from_str(&line).unwrap();
                kept.lock().unwrap().push(line);
            }
        });
        let mut spool = Self {
            child,
            http: SocketAddr::from(([0, 0, 0, 0], 0)),
            log,
        };
        let line = spool.logged("spooling").await;
        spool.http = line["http"].as_str().unwrap().parse().unwrap();
        spool
    }

    /// The first line of the log with a message.
    pub async fn logged(&self, message: &str) -> Value {
        let found = || {
            let log = self.log.lock().unwrap();
            log.iter().find(|line| line["message"] == message).cloned()
        };
        eventually("in the log", || async { found().is_some() }).await;
        found().unwrap()
    }

    pub async fn push(&self, id: &str) -> Option<u16> {
        push(self.http, "", &record(id, 0).to_string()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        exchange(self.http, request.as_bytes()).await.unwrap()
    }

    pub async fn metric(&self, sample: &str) -> Option<f64> {
        let text = self.get("/metrics").await.body;
        let line = text.lines().find_map(|line| line.strip_prefix(sample))?;
        line.trim().parse().ok()
    }

    /// Until the server has all of it.
    pub async fn until_empty(&self) {
        eventually("empty", || async {
            self.get("/healthz").await.json()["pending_records"] == 0
        })
        .await;
    }

    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Ends it as a supervisor does.
    pub async fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().unwrap().to_string();
        let told = Command::new("kill").arg(pid).status().await.unwrap();
        assert!(told.success());
        timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap()
    }
}

/// The code that a push of `RustPBX`'s form is answered with; none when nobody answers.
pub async fn push(to: SocketAddr, token: &str, calllog: &str) -> Option<u16> {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let answer = post(to, token, &content_type, &multipart(calllog)).await?;
    Some(answer.code)
}

pub async fn post(to: SocketAddr, token: &str, content_type: &str, body: &[u8]) -> Option<Answer> {
    let authorization = match token {
        "" => String::new(),
        token => format!("authorization: Bearer {token}\r\n"),
    };
    let head = format!(
        "POST /v1/call-records HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{authorization}\
         content-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut request = head.into_bytes();
    request.extend_from_slice(body);
    exchange(to, &request).await
}

/// As of a peer that may be gone at any moment.
async fn exchange(to: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(to).await.ok()?;
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer
        .starts_with("HTTP/1.1 ")
        .then(|| Answer::parse(&answer))
}

/// A port where nobody listens now.
pub fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// How long outages last: a moment, or as long as it is said.
pub fn outage() -> Duration {
    let seconds = std::env::var("OUTAGE_SECONDS").ok();
    Duration::from_secs(seconds.map_or(2, |seconds| seconds.parse().unwrap()))
}
