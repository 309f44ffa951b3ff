//! The reference node agent as a process, against a real server and its database.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::process::{PATIENCE, Server};
use super::usage::Site;

mod access;
mod kills;
mod reports;

/// A data directory with the node's token in a file; gone when dropped.
pub struct Home(PathBuf);

impl Home {
    pub fn new(token: &str) -> Self {
        let home = Self(std::env::temp_dir().join(format!("node-agent-{}", uuid::Uuid::new_v4())));
        std::fs::create_dir_all(home.data()).unwrap();
        home.token(token);
        home
    }

    pub fn token(&self, token: &str) {
        std::fs::write(self.0.join("token"), format!("{token}\n")).unwrap();
    }

    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Files in a folder of the data directory.
    pub fn files(&self, folder: &str) -> Vec<PathBuf> {
        let Ok(files) = std::fs::read_dir(self.data().join(folder)) else {
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

/// A running agent; killed when dropped.
pub struct NodeAgent {
    child: Child,
    input: ChildStdin,
    /// What it has said so far.
    said: Arc<Mutex<Vec<Value>>>,
    reader: tokio::task::JoinHandle<()>,
}

impl NodeAgent {
    pub fn start(server: &Server, home: &Home, more: &[&str]) -> Self {
        let program = telecom_tests::operator::binary("telecom-node-agent").unwrap();
        let mut child = Command::new(program)
            .env_clear()
            .args(["--server", &format!("http://{}", server.grpc)])
            .args([Path::new("--token-file"), &home.0.join("token")])
            .args([Path::new("--data-dir"), &home.data()])
            .args(["--report-every", "20ms"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let kept = Arc::clone(&said);
        let reader = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let line = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
                kept.lock().unwrap().push(line);
            }
        });
        Self {
            input: child.stdin.take().unwrap(),
            child,
            said,
            reader,
        }
    }

    /// Whether it still reads.
    pub async fn say(&mut self, line: &Value) -> bool {
        let line = format!("{line}\n");
        self.input.write_all(line.as_bytes()).await.is_ok()
    }

    pub async fn used(&mut self, user: &str, client: i32, upload: u64, download: u64) {
        let line = json!({"user_id": user, "node_client_id": client,
            "upload_bytes": upload, "download_bytes": download});
        assert!(self.say(&line).await);
    }

    /// The first of what it says, from a place on, that is looked for; and the place behind it.
    pub async fn heard(&self, from: usize, wanted: impl Fn(&Value) -> bool) -> (Value, usize) {
        let begun = Instant::now();
        loop {
            let found = {
                let said = self.said.lock().unwrap();
                let mut said = said.iter().enumerate().skip(from);
                said.find(|(_, line)| wanted(line))
                    .map(|(place, line)| (line.clone(), place + 1))
            };
            if let Some(found) = found {
                return found;
            }
            let said = || self.said.lock().unwrap().clone();
            assert!(begun.elapsed() < PATIENCE, "not heard: {:#?}", said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn place(&self) -> usize {
        self.said.lock().unwrap().len()
    }

    /// Asks whether somebody may.
    pub async fn ask(&mut self, user: &str, client: i32) -> Value {
        let place = self.place();
        let question = json!({"ask": {"user_id": user, "node_client_id": client}});
        assert!(self.say(&question).await);
        let about = |line: &Value| line["event"] == "access" && line["user_id"] == user;
        self.heard(place, about).await.0
    }

    /// The last line that it has said to be on the disk.
    pub fn taken(&self) -> u64 {
        let said = self.said.lock().unwrap();
        let taken = said.iter().filter_map(|line| line["through"].as_u64());
        taken.max().unwrap_or(0)
    }

    /// Ends it with a signal; what it said before is all there then.
    pub async fn signal(&mut self, name: &str) -> std::process::ExitStatus {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill")
            .args([format!("-{name}"), pid])
            .status();
        assert!(sent.await.unwrap().success());
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.expect("it ends").unwrap();
        let read = tokio::time::timeout(PATIENCE, &mut self.reader).await;
        read.expect("its output ends").unwrap();
        ended
    }
}

impl Site {
    /// Another server in the place of one that was killed.
    pub async fn back(&mut self) {
        let address = self.server.grpc.to_string();
        let listen = [("TELECOM__GRPC__LISTEN", address.as_str())];
        self.server = Server::launch(&self.database.url, &listen, &["serve"]).await;
        self.server.until_ready().await;
    }
}
