//! Reads on a replica: while it keeps up, and on the primary when it does not.

use prost::Message as _;
use telecom_proto::v1::{
    GetRecentTrafficUsageRequest, ListNodeServersRequest, ListUsuallyUsedNodesRequest, RecentRange,
};
use telecom_tests::postgres::Postgres;
use telecom_tests::tokens;
use tonic::Code;

use super::process::{Manage, Server, eventually};
use super::wire::Wire;

/// Lists that answer to an empty message.
const LISTS: [&str; 11] = [
    "telecom.v1.Audit/ListAudit",
    "telecom.v1.EventManage/ListDeadLetters",
    "telecom.v1.EventManage/ListEvents",
    "telecom.v1.NodeClientManage/ListNodeClients",
    "telecom.v1.NodeServerManage/ListRefusedUsage",
    "telecom.v1.PackageManage/ListPackageSeries",
    "telecom.v1.PackageManage/ListPackages",
    "telecom.v1.PackageQueueManage/CountQueuedPackages",
    "telecom.v1.PackageQueueManage/ListQueuedPackages",
    "telecom.v1.Telecom/ListNodes",
    "telecom.v1.UserManage/ListUsers",
];

/// Reads of one subscriber, with their messages.
fn of_a_subscriber(user: &str) -> [(&'static str, Vec<u8>); 2] {
    let recent = GetRecentTrafficUsageRequest {
        range: RecentRange::Month.into(),
        user_id: user.to_owned(),
        ..Default::default()
    };
    let usual = ListUsuallyUsedNodesRequest {
        user_id: user.to_owned(),
    };
    [
        (
            "telecom.v1.Telecom/GetRecentTrafficUsage",
            recent.encode_to_vec(),
        ),
        (
            "telecom.v1.Telecom/ListUsuallyUsedNodes",
            usual.encode_to_vec(),
        ),
    ]
}

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

    // So does each of the other lists.
    let wire = Wire::new(server.grpc);
    let of_one = of_a_subscriber(&server.subscriber("UTC").await);
    let lists = LISTS.map(|method| (method, Vec::new()));
    for (method, message) in lists.into_iter().chain(of_one) {
        let before = reads();
        eventually(&format!("{method} reads from the replica"), || {
            let (reads, wire, message) = (&reads, &wire, &message);
            async move {
                for _ in 0..50 {
                    let status = wire.call(method, tokens::admin(), message).await;
                    assert_eq!(status.code(), Code::Ok, "{method}: {status:?}");
                }
                reads() > before + 50
            }
        })
        .await;
    }

    // It no longer replays, but answers: after 5 s what is new is seen all the same, so the primary is
    // asked; and the replica again when it has caught up.
    standby.sql(name, "SELECT pg_wal_replay_pause()").unwrap();
    server.node("seen-by-the-primary").await;
    let total = |admin: &Manage| {
        let mut admin = admin.clone();
        async move {
            let list = admin.list_node_servers(ListNodeServersRequest::default());
            list.await.unwrap().into_inner().total
        }
    };
    eventually("read from the primary", || async {
        total(&admin).await == 2
    })
    .await;
    assert_eq!(
        standby
            .sql(name, "SELECT count(*) FROM node_server")
            .unwrap(),
        "1"
    );
    standby.sql(name, "SELECT pg_wal_replay_resume()").unwrap();
    let before = reads();
    eventually("read from the replica again", || {
        let reads = &reads;
        let admin = &admin;
        async move {
            for _ in 0..50 {
                assert_eq!(total(admin).await, 2);
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
    assert_eq!(list.get_ref().total, 2, "the primary answers");
    assert_eq!(server.get("/healthz/ready").await.code, 200);
}
