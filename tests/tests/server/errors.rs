//! Errors that come before or beside a method: bad messages, deadlines, too much at a time.

use std::time::Duration;

use telecom_proto::v1::ListNodeServersRequest;
use telecom_tests::{postgres, tokens};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::process::{Server, eventually};
use super::wire::{Wire, frame, framed};

const LIST: &str = "/telecom.v1.NodeServerManage/ListNodeServers";

/// A call made of raw bytes, as an administrator.
async fn raw(server: &Server, path: &str, headers: &[(&str, &[u8])], body: Vec<u8>) -> Status {
    let bearer = format!("Bearer {}", tokens::admin());
    let headers = [&[("authorization", bearer.as_bytes())], headers].concat();
    Wire::new(server.grpc)
        .send(path, &headers, body)
        .await
        .status
}

/// Name, path, headers, body, and the code and reason that are expected.
type Call = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static [u8])],
    Vec<u8>,
    Code,
    &'static str,
);

fn malformed_messages() -> [Call; 6] {
    let (bad, large) = (Code::InvalidArgument, Code::ResourceExhausted);
    let (malformed, too_large) = ("MESSAGE_MALFORMED", "MESSAGE_TOO_LARGE");
    let not_protobuf = frame(0, 3, &[0xff, 0xff, 0xff]);
    let huge = frame(0, 5000, &[0; 5000]);
    let promised = frame(0, u32::MAX, b"x");
    [
        ("not protobuf", LIST, &[], not_protobuf, bad, malformed),
        (
            "cut short",
            LIST,
            &[],
            frame(0, 100, b"abc"),
            bad,
            malformed,
        ),
        ("nothing", LIST, &[], vec![], bad, malformed),
        ("a bad flag", LIST, &[], frame(9, 0, &[]), bad, malformed),
        ("too large", LIST, &[], huge, large, too_large),
        ("said to be 4 GiB", LIST, &[], promised, large, too_large),
    ]
}

fn impossible_calls() -> [Call; 5] {
    let empty = || framed(&[]);
    let unknown = "/telecom.v1.NodeServerManage/Nothing";
    let (code, reason) = (Code::Unimplemented, "METHOD_UNKNOWN");
    [
        (
            "unknown compression",
            LIST,
            &[("grpc-encoding", b"rot13")],
            frame(1, 1, b"x"),
            Code::Unimplemented,
            "COMPRESSION_UNSUPPORTED",
        ),
        (
            "a bad timeout",
            LIST,
            &[("grpc-timeout", b"soon")],
            empty(),
            Code::InvalidArgument,
            "FIELD_INVALID",
        ),
        (
            "no time at all",
            LIST,
            &[("grpc-timeout", b"0n")],
            empty(),
            Code::DeadlineExceeded,
            "DEADLINE_EXCEEDED",
        ),
        ("no such method", unknown, &[], empty(), code, reason),
        ("no such service", "/x", &[], empty(), code, reason),
    ]
}

#[tokio::test]
async fn calls_that_cannot_be_are_the_callers_error() {
    let server = Server::start_with(&[("TELECOM__GRPC__MAX_MESSAGE_BYTES", "4096")]).await;
    let cases = malformed_messages().into_iter().chain(impossible_calls());
    for (name, path, headers, body, code, reason) in cases {
        let status = raw(&server, path, headers, body).await;
        assert_eq!(status.code(), code, "{name}: {status:?}");
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, reason, "{name}");
        assert_eq!(
            details.request_info().unwrap().request_id.len(),
            32,
            "{name}"
        );
    }
    assert!(server.metric("telecom_grpc_requests_total{code=\"UNIMPLEMENTED\",method=\"unknown\",service=\"unknown\"}").await == Some(2.0));
    server
        .admin()
        .await
        .list_node_servers(ListNodeServersRequest::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_gzip_message_may_not_be_larger_than_a_plain_one() {
    let server = Server::start_with(&[("TELECOM__GRPC__MAX_MESSAGE_BYTES", "4096")]).await;
    // 64 KiB of zeros, compressed.
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", "head -c 65536 /dev/zero | gzip -9"]);
    let small = command.output().await.unwrap().stdout;
    assert!(small.len() < 500);
    let mut body = vec![1];
    body.extend(u32::try_from(small.len()).unwrap().to_be_bytes());
    body.extend(small);
    let status = raw(&server, LIST, &[("grpc-encoding", b"gzip")], body).await;
    assert_eq!(
        status.get_error_details().error_info().unwrap().reason,
        "MESSAGE_TOO_LARGE",
        "{status:?}"
    );
}

/// A lock on the table of nodes, from outside, for as long as it lives.
struct Locked {
    _psql: tokio::process::Child,
}

impl Locked {
    async fn hold(database: &str) -> Self {
        let sql = "SET client_connection_check_interval = '50ms'; BEGIN; LOCK TABLE node_server IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)";
        let mut psql: tokio::process::Command = postgres::shared().program("psql").into();
        psql.args([
            "--quiet",
            "--dbname",
            &postgres::shared().url(database),
            "--command",
            sql,
        ]);
        psql.stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null());
        let held = Self {
            _psql: psql.kill_on_drop(true).spawn().unwrap(),
        };
        let waiting = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'node_server'::regclass";
        eventually("locked", || async {
            postgres::shared().sql(database, waiting).unwrap() == "1"
        })
        .await;
        held
    }
}

#[tokio::test]
async fn a_deadline_ends_the_call_and_its_statement() {
    let url = postgres::shared().database();
    let database = url.rsplit('/').next().unwrap();
    // The sampler would wait for the lock too.
    let quiet = ("TELECOM__METRICS__EXPORT_INTERVAL_SECS", "3600");
    let server = Server::launch(&url, &[quiet], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let lock = Locked::hold(database).await;
    let refused = raw(&server, LIST, &[("grpc-timeout", b"300m")], framed(&[])).await;
    assert_eq!(refused.code(), Code::DeadlineExceeded, "{refused:?}");
    eventually("no statement waits", || async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'telecom-server' AND wait_event_type = 'Lock'";
        postgres::shared().sql(database, waiting).unwrap() == "0"
    })
    .await;
    let counted = |code: &str| {
        format!(
            "telecom_grpc_requests_total{{code=\"{code}\",method=\"ListNodeServers\",service=\"telecom.v1.NodeServerManage\"}}"
        )
    };
    assert_eq!(
        server.metric(&counted("DEADLINE_EXCEEDED")).await,
        Some(1.0)
    );

    // A caller who goes away is counted too.
    let mut admin = server.admin().await;
    let left = admin.list_node_servers(ListNodeServersRequest::default());
    assert!(
        tokio::time::timeout(Duration::from_millis(300), left)
            .await
            .is_err()
    );
    eventually("counted", || async {
        server.metric(&counted("CANCELLED")).await == Some(1.0)
    })
    .await;
    drop(lock);
}

#[tokio::test]
async fn more_than_it_can_work_on_is_refused_at_once_with_a_time_to_retry() {
    let url = postgres::shared().database();
    let database = url.rsplit('/').next().unwrap();
    let server = Server::launch(
        &url,
        &[("TELECOM__GRPC__MAX_IN_FLIGHT", "2")],
        &["serve", "--migrate"],
    )
    .await;
    server.until_ready().await;
    let lock = Locked::hold(database).await;
    let blocked: Vec<_> = [server.admin().await, server.admin().await]
        .into_iter()
        .map(|mut admin| {
            tokio::spawn(async move {
                admin
                    .list_node_servers(ListNodeServersRequest::default())
                    .await
            })
        })
        .collect();
    let in_flight = "telecom_grpc_in_flight{method=\"ListNodeServers\",service=\"telecom.v1.NodeServerManage\"}";
    eventually("two in flight", || async {
        server.metric(in_flight).await == Some(2.0)
    })
    .await;
    let refused = server
        .admin()
        .await
        .list_node_servers(ListNodeServersRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let details = refused.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "OVERLOADED");
    assert!(details.retry_info().unwrap().retry_delay.is_some());
    assert_eq!(server.get("/healthz").await.code, 200);
    drop(lock);
    for call in blocked {
        call.await.unwrap().unwrap();
    }
}
