//! Reads on a replica: while it keeps up, and on the primary when it does not.

use telecom_proto::v1::ListNodeServersRequest;
use telecom_tests::postgres::Postgres;

use super::process::{Server, eventually};

#[tokio::test]
async fn reads_follow_the_replica_and_fall_back_to_the_primary() {
    let primary = Postgres::start().unwrap();
    let url = primary.database();
    let name = url.rsplit('/').next().unwrap();
    let mut standby = primary.standby().unwrap();
    let read_url = standby.url(name);
    let variables = [("TELECOM__DATABASE__READ_URL", read_url.as_str())];
    let server = Server::launch(&url, &variables, &["serve", "--migrate"]).await;
    server.until_ready().await;
    let reads = || {
        let sql = format!("SELECT xact_commit FROM pg_stat_database WHERE datname = '{name}'");
        standby
            .sql("postgres", &sql)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    server.node("seen-by-both").await;
    let mut admin = server.admin().await;
    let before = reads();
    // Statistics are written now and then; the lag watcher makes commits too, one a second.
    eventually("read from the replica", || {
        let mut admin = admin.clone();
        let reads = &reads;
        async move {
            for _ in 0..50 {
                admin
                    .list_node_servers(ListNodeServersRequest::default())
                    .await
                    .unwrap();
            }
            reads() > before + 50
        }
    })
    .await;

    standby.stop().unwrap();
    let list = admin
        .list_node_servers(ListNodeServersRequest::default())
        .await
        .unwrap();
    assert_eq!(list.get_ref().total, 1, "the primary answers");
    assert_eq!(server.get("/healthz/ready").await.code, 200);
}
