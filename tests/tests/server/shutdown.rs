//! The end: not ready first, what has begun is finished, nothing waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use http_body_util::BodyExt as _;
use telecom_tests::postgres;
use tonic::Code;

use super::process::{Server, eventually, heartbeat};
use super::wire::{Wire, framed};

#[tokio::test]
async fn under_load_every_request_gets_an_answer() {
    let url = postgres::shared().database();
    let delay = ("TELECOM__SHUTDOWN__DELAY", "1s");
    let mut leaving = Server::launch(&url, &[delay], &["serve", "--migrate"]).await;
    let staying = Arc::new(Server::launch(&url, &[], &["serve"]).await);
    leaving.until_ready().await;
    staying.until_ready().await;
    let (_, token) = staying.node("busy").await;

    // Clients as a load balancer would have them: to the leaving one until it says it is not ready,
    // once more elsewhere when it answers UNAVAILABLE.
    let gone = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicU32::new(0));
    let mut load = Vec::new();
    for _ in 0..8 {
        let mut first = leaving.agent(&token).await;
        let mut second = staying.agent(&token).await;
        let (gone, answered) = (Arc::clone(&gone), Arc::clone(&answered));
        load.push(tokio::spawn(async move {
            while !gone.load(Ordering::Relaxed) {
                match first.heartbeat(heartbeat()).await {
                    Ok(_) => {}
                    Err(status) => {
                        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                        second.heartbeat(heartbeat()).await.unwrap();
                    }
                }
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    eventually("under load", || async {
        answered.load(Ordering::Relaxed) > 50
    })
    .await;
    leaving.signal("TERM").await;
    eventually("not ready while still answering", || async {
        let answer = leaving.get("/healthz/ready").await;
        answer.code == 503 && answer.json()["status"] == "draining"
    })
    .await;
    assert_eq!(leaving.ended().await.code(), Some(0));
    gone.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn an_open_stream_is_ended_and_does_not_hold_the_process() {
    let mut server = Server::start().await;
    let wire = Wire::new(server.grpc);
    let watch = wire.open("/grpc.health.v1.Health/Watch", &[], framed(&[]));
    let mut watch = watch.await.into_body();
    assert!(watch.frame().await.unwrap().unwrap().is_data());
    server.signal("TERM").await;
    let end = tokio::time::timeout(super::process::PATIENCE, async {
        loop {
            match watch.frame().await {
                Some(Ok(frame)) if frame.is_data() => {}
                Some(Ok(frame)) => return frame.into_trailers().unwrap(),
                other => panic!("{other:?}"),
            }
        }
    });
    let trailers = end.await.expect("the stream ends");
    assert_eq!(trailers["grpc-status"], "14", "UNAVAILABLE");
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_peer_that_does_not_finish_is_cut_off() {
    let mut server = Server::start_with(&[("TELECOM__SHUTDOWN__DRAIN_TIMEOUT", "300ms")]).await;
    let mut peer = tokio::net::TcpStream::connect(server.http).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut peer, b"GET /heal")
        .await
        .unwrap();
    let open = "telecom_connections_open{port=\"http\"}";
    eventually("seen", || async { server.metric(open).await == Some(2.0) }).await;
    server.signal("TERM").await;
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn told_twice_it_ends_at_once() {
    let mut server = Server::start_with(&[("TELECOM__SHUTDOWN__DELAY", "10m")]).await;
    server.signal("TERM").await;
    eventually("draining", || async {
        server.get("/healthz/ready").await.code == 503
    })
    .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.signal("INT").await;
    assert_eq!(server.ended().await.code(), Some(0));
}
