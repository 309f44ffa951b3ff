//! Garbage, silence and too much of everything on both ports: that connection ends, is counted, and
//! nobody else notices.

use std::net::SocketAddr;
use std::time::Duration;

use telecom_proto::v1::ListNodeServersRequest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::process::{Server, eventually, exchange};

async fn still_serves(server: &Server) {
    assert_eq!(server.get("/healthz").await.code, 200);
    server
        .admin()
        .await
        .list_node_servers(ListNodeServersRequest::default())
        .await
        .unwrap();
}

async fn closed(server: &Server, port: &str, reason: &str) -> f64 {
    let sample = format!("telecom_connections_closed_total{{port=\"{port}\",reason=\"{reason}\"}}");
    server.metric(&sample).await.unwrap()
}

#[tokio::test]
async fn garbage_closes_its_own_connection_and_is_counted() {
    let server = Server::start().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let garbage: [(&str, Vec<u8>); 5] = [
        (
            "random bytes",
            (0..4000_u32)
                .map(|n| u8::try_from(n * 7919 % 251).unwrap())
                .collect(),
        ),
        ("zeros", vec![0; 4096]),
        ("a TLS hello", [0x16, 0x03, 0x01, 0x02, 0x00].repeat(200)),
        (
            "an HTTP/2 preface and then nonsense",
            [preface, vec![0xff; 200]].concat(),
        ),
        (
            "an endless header",
            [b"GET / HTTP/1.1\r\nx: ".to_vec(), vec![b'a'; 300_000]].concat(),
        ),
    ];
    for (port, address) in [("grpc", server.grpc), ("http", server.http)] {
        for (name, bytes) in &garbage {
            let before =
                closed(&server, port, "malformed").await + closed(&server, port, "io").await;
            exchange(address, bytes).await;
            eventually(name, || async {
                closed(&server, port, "malformed").await + closed(&server, port, "io").await
                    > before
            })
            .await;
        }
        assert!(closed(&server, port, "malformed").await >= 3.0, "{port}");
    }
    still_serves(&server).await;
}

#[tokio::test]
async fn who_says_nothing_or_too_slowly_is_let_go() {
    let limit = "500ms";
    let server = Server::start_with(&[
        ("TELECOM__GRPC__HANDSHAKE_TIMEOUT", limit),
        ("TELECOM__HTTP__HANDSHAKE_TIMEOUT", limit),
        ("TELECOM__GRPC__IDLE_TIMEOUT", limit),
        ("TELECOM__HTTP__IDLE_TIMEOUT", limit),
    ])
    .await;
    for (port, address) in [("grpc", server.grpc), ("http", server.http)] {
        exchange(address, b"").await;
        exchange(address, b"GET /healthz HT").await;
        assert!(
            closed(&server, port, "handshake_timeout").await >= 2.0,
            "{port}"
        );
    }
    // One byte now and then does not extend the time for a header.
    let mut drip = TcpStream::connect(server.http).await.unwrap();
    let dripping = async {
        for byte in b"GET /healthz HTTP/1.1\r\nhost: x\r\n".iter().cycle() {
            if drip.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(super::process::PATIENCE, dripping)
        .await
        .expect("a drip is cut off");
    // A kept-alive connection without a second request.
    let answer = exchange(server.http, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"));
    eventually("idle", || async {
        closed(&server, "http", "idle").await >= 1.0
    })
    .await;
    // A body that never comes.
    let head = format!(
        "POST /telecom.v1.NodeServerManage/ListNodeServers HTTP/1.1\r\nhost: x\r\n\
         content-type: application/grpc-web\r\nauthorization: Bearer {}\r\n\
         content-length: 1000\r\n\r\n",
        telecom_tests::tokens::admin()
    );
    exchange(server.grpc, head.as_bytes()).await;
    assert!(closed(&server, "grpc", "stalled").await >= 1.0);
    still_serves(&server).await;
}

#[tokio::test]
async fn connections_over_the_limit_are_refused_and_counted() {
    let server = Server::start_with(&[("TELECOM__GRPC__MAX_CONNECTIONS", "3")]).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(TcpStream::connect(server.grpc).await.unwrap());
    }
    let open = "telecom_connections_open{port=\"grpc\"}";
    eventually("three open", || async {
        server.metric(open).await == Some(3.0)
    })
    .await;
    assert!(reads_end(server.grpc).await);
    let refused = "telecom_connections_refused_total{port=\"grpc\",reason=\"max_connections\"}";
    eventually("counted", || async {
        server.metric(refused).await == Some(1.0)
    })
    .await;
    assert_eq!(server.get("/healthz").await.code, 200);
    drop(held);
    eventually("free again", || async {
        server.metric(open).await == Some(0.0)
    })
    .await;
    still_serves(&server).await;
}

async fn reads_end(address: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut byte = [0];
    matches!(stream.read(&mut byte).await, Ok(0) | Err(_))
}
