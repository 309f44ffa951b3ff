//! The database goes away and comes back: said in readiness, in answers, and healed without a restart.

use telecom_proto::v1::ListNodeServersRequest;
use telecom_tests::postgres::{self, Postgres};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::process::{Server, eventually};

#[tokio::test]
async fn an_outage_is_said_and_heals() {
    let mut postgres = Postgres::start().unwrap();
    let server = Server::launch(&postgres.database(), &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let mut admin = server.admin().await;
    admin
        .list_node_servers(ListNodeServersRequest::default())
        .await
        .unwrap();

    postgres.stop().unwrap();
    eventually("not ready", || async {
        let answer = server.get("/healthz/ready").await;
        let sentence = answer.json()["checks"]["database"]
            .as_str()
            .unwrap()
            .to_owned();
        answer.code == 503 && sentence.contains("the database cannot be reached")
    })
    .await;
    assert_eq!(server.get("/healthz").await.code, 200);
    assert_eq!(server.get("/metrics").await.code, 200);
    let refused = admin
        .list_node_servers(ListNodeServersRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    let details = refused.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "DATABASE_UNAVAILABLE");
    assert!(details.retry_info().is_some());
    assert!(!refused.message().contains("127.0.0.1"), "{refused:?}");

    postgres.resume().unwrap();
    server.until_ready().await;
    admin
        .list_node_servers(ListNodeServersRequest::default())
        .await
        .unwrap();
}

/// Whether anybody is let in to the database of that URL; as on a full disk, a login that is refused ends with a FATAL
/// error that is none of the usual ones.
pub(super) fn admit(url: &str, admitted: bool) {
    let (_, name) = url.rsplit_once('/').unwrap();
    let sql = |sql: &str| postgres::shared().sql("postgres", sql).unwrap();
    sql(&format!(
        "ALTER DATABASE {name} ALLOW_CONNECTIONS {admitted}"
    ));
    if !admitted {
        sql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ));
    }
}

#[tokio::test]
async fn a_database_that_lets_nobody_in_is_away() {
    let url = postgres::shared().database();
    let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let mut admin = server.admin().await;

    admit(&url, false);
    let refused = admin
        .list_node_servers(ListNodeServersRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    eventually("not ready", || async {
        server.get("/healthz/ready").await.code == 503
    })
    .await;

    admit(&url, true);
    server.until_ready().await;
}
