//! The database goes away while PBXs push: a push waits for it, and is not acknowledged without it.

use std::time::Duration;

use futures::StreamExt as _;
use telecom_tests::postgres::Postgres;

use super::{Server, record};

#[tokio::test]
async fn a_push_waits_for_a_database_that_is_away() {
    let mut postgres = Postgres::start().unwrap();
    let url = postgres.database();
    let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let (_, token) = server.pbx("patient").await;
    assert_eq!(server.push(&token, &record("before", 0)).await.code, 202);
    let during = record("during", 0);

    postgres.stop().unwrap();
    let (answer, ()) = tokio::join!(server.push(&token, &during), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        postgres.resume().unwrap();
    });
    assert_eq!(answer.code, 202, "{answer:?}");

    postgres.stop().unwrap();
    let answer = server.push(&token, &record("lost", 0)).await;
    assert_eq!(answer.code, 503, "{answer:?}");
    assert!(answer.head.contains("retry-after: 1"), "{answer:?}");
    postgres.resume().unwrap();
    server.until_ready().await;
    let name = url.rsplit('/').next().unwrap();
    let ids = postgres.sql(name, "SELECT call_id FROM call_record ORDER BY 1");
    assert_eq!(ids.unwrap(), "before\nduring");
}

#[tokio::test]
async fn records_of_many_requests_at_once_are_each_stored_once() {
    let server = Server::start().await;
    let (_, token) = server.pbx("busy").await;
    let start = (chrono::Utc::now() - chrono::TimeDelta::hours(1)).to_rfc3339();
    // Each comes twice, by different connections.
    let pushes = (0..400).map(|number| {
        let (server, token, start) = (&server, token.as_str(), &start);
        async move {
            let id = format!("call-{}", number / 2);
            let mut pushed = record(&id, 0);
            pushed["startTime"] = start.as_str().into();
            server.push(token, &pushed).await.code
        }
    });
    let codes: Vec<_> = futures::stream::iter(pushes)
        .buffer_unordered(64)
        .collect()
        .await;
    assert!(codes.iter().all(|code| *code == 202), "{codes:?}");
    assert_eq!(server.query("SELECT count(*) FROM call_record"), "200");
    let stored = server
        .metric("telecom_call_records_total{result=\"stored\"}")
        .await;
    assert_eq!(stored, Some(200.0));
}
