//! PBXs that report nothing are asked: a port that answers as `RustPBX`'s `GET /ami/v1/health` does, or not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use telecom_proto::v1::{CreatePbxRequest, PbxConfig, ReportPbxStateRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::Server;
use crate::server::process::eventually;

/// What a PBX answers, and how often it was asked.
#[derive(Clone)]
struct Health {
    url: String,
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<AtomicUsize>,
}

impl Health {
    async fn start(calls: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let health = Self {
            url: format!("http://{}/ami/v1/health", listener.local_addr().unwrap()),
            answer: Arc::new(Mutex::new((200, Self::body(calls)))),
            asked: Arc::default(),
        };
        let served = health.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let read = stream.read(&mut request).await.unwrap_or_default();
                if request[..read].starts_with(b"GET /ami/v1/health HTTP/1.1\r\n") {
                    served.asked.fetch_add(1, Ordering::Relaxed);
                }
                let (code, body) = served.answer.lock().unwrap().clone();
                let answer = format!(
                    "HTTP/1.1 {code} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        health
    }

    /// As the real one has it, with more around.
    fn body(calls: u32) -> String {
        let health = json!({
            "status": "running", "version": "0.5.0-rc.1", "total": 17,
            "sipserver": {"calls": calls, "dialogs": 2 * calls, "running_tx": 0},
            "callrecord": {"backlog": 0, "failed": 0, "processed": 3, "avg": 0.1},
        });
        health.to_string()
    }

    fn say(&self, code: u16, body: &str) {
        *self.answer.lock().unwrap() = (code, body.to_owned());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    async fn asked_more(&self, times: usize) {
        let before = self.asked();
        eventually("asked", || async { self.asked() >= before + times }).await;
    }

    /// Registers a PBX that is asked here; its token.
    async fn register(&self, server: &Server, name: &str) -> String {
        let request = CreatePbxRequest {
            config: Some(PbxConfig {
                name: name.to_owned(),
                health_url: self.url.clone(),
                ..PbxConfig::default()
            }),
            idempotency_key: String::new(),
        };
        let created = server.pbxs().await.create_pbx(request).await.unwrap();
        created.into_inner().token
    }
}

const OFTEN: [(&str, &str); 1] = [("TELECOM__CALLS__PBX_POLL_INTERVAL", "1s")];

async fn polls(server: &Server, result: &str) -> Option<f64> {
    let sample = format!("telecom_pbx_polls_total{{result=\"{result}\"}}");
    server.metric(&sample).await
}

#[tokio::test]
async fn a_pbx_is_asked_and_what_it_says_holds_for_three_intervals() {
    let server = Server::start_with(&OFTEN).await;
    for result in ["ok", "unreachable", "timeout", "status", "malformed"] {
        assert_eq!(polls(&server, result).await, Some(0.0));
    }
    let pbx = Health::start(7).await;
    pbx.register(&server, "stock").await;
    let shown = || async { server.metric("rustpbx_active_calls").await };
    eventually("shown", || async { shown().await == Some(7.0) }).await;
    assert_eq!(
        server.metric("rustpbx_info{version=\"0.5.0-rc.1\"}").await,
        Some(1.0)
    );
    assert_eq!(server.get("/healthz").await.json()["active_calls"], 7);
    let row = "SELECT source, active_calls, queues, expires_at - reported_at FROM pbx_state";
    assert_eq!(server.query(row), "poll|7|[]|00:00:03");

    for (code, body, result) in [
        (500, "", "status"),
        (200, "{\"version\":\"0.5.0\"}", "malformed"),
        (200, "<html>", "malformed"),
    ] {
        let before = polls(&server, result).await;
        pbx.say(code, body);
        eventually(result, || async { polls(&server, result).await > before }).await;
    }
    eventually("forgotten", || async { shown().await.is_none() }).await;
    let told = |server: &Server| {
        let log = server.log.lock().unwrap();
        let told = log
            .iter()
            .filter(|line| line["message"] == "a PBX does not say how it is");
        told.count()
    };
    // Once for each thing that was the matter, however often it was asked.
    assert_eq!(told(&server), 2);
    pbx.say(200, &Health::body(3));
    eventually("shown again", || async { shown().await == Some(3.0) }).await;
    server
        .logged(|line| line["message"] == "a PBX says again how it is")
        .await;
}

#[tokio::test]
async fn a_pbx_that_reports_itself_is_not_asked_and_two_replicas_ask_as_often_as_one() {
    let server = Server::start_with(&OFTEN).await;
    let other = Server::launch(&server.url, &OFTEN, &["serve"]).await;
    other.until_ready().await;
    let (stock, modern) = (Health::start(7).await, Health::start(99).await);
    let token = modern.register(&server, "modern").await;
    modern.asked_more(1).await;
    let report = ReportPbxStateRequest {
        active_calls: 5,
        ..ReportPbxStateRequest::default()
    };
    let mut client = server.call_ingest(&token).await;
    client.report_pbx_state(report).await.unwrap();
    stock.register(&server, "stock").await;
    stock.asked_more(1).await;
    // The round that was under way at the report has ended; none after it asks.
    let asked = modern.asked();
    stock.asked_more(4).await;
    assert_eq!(modern.asked(), asked);
    let sources = "SELECT source, active_calls FROM pbx_state ORDER BY pbx_id";
    assert_eq!(server.query(sources), "report|5\npoll|7");
    let shown = || async { server.metric("rustpbx_active_calls").await };
    eventually("shown", || async { shown().await == Some(12.0) }).await;
    // Each question was one of one replica, and has one answer in the database.
    let both = polls(&server, "ok").await.unwrap() + polls(&other, "ok").await.unwrap();
    #[allow(clippy::cast_precision_loss, reason = "some tens")]
    let asked = (stock.asked() + modern.asked()) as f64;
    assert!(both <= asked, "{both} {asked}");
}
