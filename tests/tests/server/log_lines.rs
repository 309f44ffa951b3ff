//! What the log says of requests, what it never says, and how it is changed while the server runs.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use telecom_proto::v1::telecom_client::TelecomClient;
use telecom_proto::v1::{GetRecentTrafficUsageRequest, ListNodeServersRequest};
use telecom_server::auth::Role;
use telecom_tests::tokens;

use super::calls::record;
use super::process::{Answer, Bearer, Server, eventually, exchange, heartbeat};

/// All lines of the log that tell of requests of a method.
fn requests(server: &Server, method: &str) -> Vec<Value> {
    let log = server.log.lock().unwrap();
    let of_method = |line: &&Value| line["message"] == "request" && line["method"] == method;
    log.iter().filter(of_method).cloned().collect()
}

async fn as_subscriber(server: &Server, user: &str) {
    let bearer = Bearer::new(&tokens::of(Role::User, user));
    let mut client = TelecomClient::with_interceptor(server.channel().await, bearer);
    // What is answered does not matter here.
    let _ = client
        .get_recent_traffic_usage(GetRecentTrafficUsageRequest::default())
        .await;
}

#[tokio::test]
async fn each_request_is_one_line_with_method_code_duration_trace_and_caller() {
    let server = Server::start().await;
    let (pbx, token) = server.pbx("pbx-1").await;
    let user = server.subscriber("UTC").await;
    as_subscriber(&server, &user).await;
    assert_eq!(server.push(&token, &record("a", 5)).await.code, 202);
    assert_eq!(server.push("wrong", &record("b", 5)).await.code, 401);

    // (method, code, caller)
    let usage = "telecom.v1.Telecom/GetRecentTrafficUsage";
    let push = "POST /v1/call-records";
    let digest = digest(&SHA256, user.as_bytes());
    let first = u64::from_be_bytes(*digest.as_ref().first_chunk().unwrap());
    let hash = format!("{first:016x}");
    eventually("two pushes", || async {
        requests(&server, push).len() == 2
    })
    .await;
    let lines = [requests(&server, usage), requests(&server, push)].concat();
    let said: Vec<_> = lines
        .iter()
        .map(|line| (line["level"].as_str(), line["caller"].as_str()))
        .collect();
    let (user_name, pbx_name) = (format!("user/{hash}"), format!("pbx/{}", pbx.id));
    let info = Some("INFO");
    assert_eq!(
        said,
        [
            (info, Some(user_name.as_str())),
            (info, Some(pbx_name.as_str())),
            (info, Some("")),
        ]
    );
    assert_eq!(lines[1]["code"], 202);
    assert_eq!(lines[2]["code"], 401);
    for line in &lines {
        assert!(line["duration_ms"].as_f64().unwrap() > 0.0, "{line}");
        assert_eq!(line["trace_id"].as_str().unwrap().len(), 32, "{line}");
    }
}

/// At `trace`, of all crates, through each door.
#[tokio::test]
async fn no_secret_and_no_telephone_number_is_ever_in_the_log() {
    let server = Server::start_with(&[
        ("TELECOM__LOGGING__LEVEL", "trace"),
        ("TELECOM__METRICS__BEARER_TOKEN", "scrape-with-this"),
    ])
    .await;
    let (_, node) = server.node("fra-1").await;
    let (_, pbx) = server.pbx("pbx-1").await;
    let user = server.subscriber("UTC").await;
    as_subscriber(&server, &user).await;
    server
        .agent(&node)
        .await
        .heartbeat(heartbeat())
        .await
        .unwrap();
    let list = ListNodeServersRequest::default();
    let admin = tokens::of(Role::Admin, "tests");
    server
        .manage_as(&admin)
        .await
        .list_node_servers(list)
        .await
        .unwrap();
    server
        .manage_as("not-a-token-at-all")
        .await
        .list_node_servers(list)
        .await
        .unwrap_err();
    assert_eq!(server.push(&pbx, &record("a", 5)).await.code, 202);
    let mut refused = record("b", 5);
    refused["endTime"] = "4930123456".into();
    assert_eq!(server.push(&pbx, &refused).await.code, 202);
    server
        .post_json(&pbx, &serde_json::json!([record("c", 5), refused]))
        .await;
    server
        .get_with("/metrics", "authorization: Bearer scrape-with-this\r\n")
        .await;

    // Lines come in their order: this is the last.
    server.get("/healthz").await;
    server.logged(|line| line["method"] == "GET /healthz").await;
    let subscriber = tokens::of(Role::User, &user);
    let secrets = [
        &node[..],
        &pbx,
        &admin,
        &subscriber,
        "not-a-token-at-all",
        "scrape-with-this",
        tokens::JWT_SECRET,
        "4930123456",
        "15550100",
    ];
    let log = server.log.lock().unwrap();
    let found: Vec<_> = log
        .iter()
        .map(Value::to_string)
        .filter(|line| secrets.iter().any(|secret| line.contains(secret)))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(
        log.iter().any(|line| line["level"] == "TRACE"),
        "nothing of it at trace"
    );
}

impl Server {
    /// `GET` without a body, `PUT` with one.
    async fn log_filter(&self, token: &str, filter: Option<&str>) -> Answer {
        let method = if filter.is_some() { "PUT" } else { "GET" };
        let body = filter.unwrap_or_default();
        let request = format!(
            "{method} /v1/log-filter HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Answer::parse(&exchange(self.http, request.as_bytes()).await)
    }
}

#[tokio::test]
async fn an_administrator_changes_the_levels_of_a_running_server() {
    let server = Server::start_with(&[("TELECOM__LOGGING__LEVEL", "info,sqlx=warn")]).await;
    let admin = tokens::admin();
    let shown = server.log_filter(admin, None).await;
    assert_eq!((shown.code, shown.body.as_str()), (200, "sqlx=warn,info\n"));
    let probes = || requests(&server, "GET /healthz").len();
    server.get("/healthz").await;
    let changed = server
        .log_filter(admin, Some("info,telecom_server=debug"))
        .await;
    assert_eq!(
        (changed.code, changed.body.as_str()),
        (200, "telecom_server=debug,info\n")
    );
    server.get("/healthz").await;
    eventually("a probe is told of", || async { probes() == 1 }).await;
    // An empty one is that of the configuration.
    assert_eq!(
        server.log_filter(admin, Some("")).await.body,
        "sqlx=warn,info\n"
    );
    server.get("/healthz").await;
    server
        .logged(|line| {
            line["message"] == "log levels changed" && line["filter"] == "sqlx=warn,info"
        })
        .await;
    assert_eq!(probes(), 1);

    // (token, filter, code, what the answer says)
    let long = "x".repeat(1001);
    let support = tokens::of(Role::Support, "noc");
    for (token, filter, code, says) in [
        (
            admin,
            Some("verbose"),
            400,
            "`verbose` is not a level: off, error, warn, info, debug or trace",
        ),
        (admin, Some("info,=,"), 400, "is not a level"),
        (admin, Some(&long), 413, "a filter has up to 1000 bytes"),
        ("", None, 401, "no token"),
        ("wrong", None, 401, "token"),
        (&support, Some("trace"), 403, "not for this method"),
    ] {
        let answer = server.log_filter(token, filter).await;
        assert_eq!(answer.code, code, "{filter:?}: {answer:?}");
        assert!(answer.body.contains(says), "{filter:?}: {answer:?}");
        assert_eq!(answer.head.contains("www-authenticate"), code == 401);
    }
    assert_eq!(
        server.log_filter(admin, None).await.body,
        "sqlx=warn,info\n"
    );
}
