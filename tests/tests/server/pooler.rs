//! Behind PgBouncer in transaction mode: every statement finds its own answer.

use std::process::Stdio;

use telecom_proto::v1::{
    CreateUserRequest, ListNodeServersRequest, ListUsersRequest, ShowNodeServerRequest,
    ShowUserRequest, SuspendUserRequest,
};
use telecom_tests::postgres::{self, Postgres, free_port};
use tokio::process::{Child, Command};

use super::process::{Server, eventually, heartbeat};
use super::{node_clients, users};

/// A PgBouncer with two server connections for everybody, so that clients do share them.
pub async fn bouncer(postgres: &Postgres) -> (Child, u16) {
    let port = free_port().unwrap();
    let name = format!("pgbouncer-{port}");
    let file = postgres.folder().join(format!("{name}.ini"));
    let users = postgres.folder().join(format!("{name}.txt"));
    std::fs::write(&users, "\"postgres\" \"\"\n").unwrap();
    let settings = format!(
        "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr=127.0.0.1\n\
         listen_port={port}\nauth_type=trust\nauth_file={}\npool_mode=transaction\n\
         default_pool_size=2\nunix_socket_dir=\n",
        postgres.port(),
        users.display()
    );
    std::fs::write(&file, settings).unwrap();
    let mut command: Command = postgres.program("pgbouncer").into();
    command
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = command.kill_on_drop(true).spawn().unwrap();
    eventually("the pooler listens", || async {
        tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_ok()
    })
    .await;
    (child, port)
}

/// A server behind the pooler, which goes away with the first of the two.
async fn pooled() -> (Child, Server) {
    let postgres = postgres::shared();
    let (bouncer, port) = bouncer(postgres).await;
    let direct = postgres.database();
    let pooled = direct.replace(&format!(":{}/", postgres.port()), &format!(":{port}/"));
    let variables = [
        ("TELECOM__DATABASE__POOLER", "true"),
        ("TELECOM__DATABASE__DIRECT_URL", direct.as_str()),
    ];
    let server = Server::launch(&pooled, &variables, &["serve", "--migrate"]).await;
    server.until_ready().await;
    (bouncer, server)
}

#[tokio::test]
async fn through_a_transaction_pooler_every_answer_is_the_right_one() {
    let (_bouncer, server) = pooled().await;
    let mut nodes = Vec::new();
    for n in 0..6 {
        nodes.push(server.node(&format!("pooled-{n}")).await);
    }
    let calls = nodes
        .iter()
        .flat_map(|node| std::iter::repeat_n(node, 5))
        .map(|(node, token)| {
            let server = &server;
            async move {
                let mut agent = server.agent(token).await;
                let mut admin = server.admin().await;
                for _ in 0..8 {
                    let beat = agent.heartbeat(heartbeat()).await.unwrap().into_inner();
                    assert_eq!(beat.node_server_id, node.id);
                    let shown = admin
                        .show_node_server(ShowNodeServerRequest { id: node.id })
                        .await
                        .unwrap();
                    assert_eq!(shown.into_inner().node_server.unwrap().config, node.config);
                    let list = admin
                        .list_node_servers(ListNodeServersRequest::default())
                        .await
                        .unwrap();
                    assert_eq!(list.get_ref().total, 6);
                }
            }
        });
    futures::future::join_all(calls).await;
}

#[tokio::test]
async fn writes_of_many_callers_do_not_mix() {
    let (_bouncer, server) = pooled().await;
    let (node, _) = server.node("pooled").await;
    let calls = (0..16).map(|n| {
        let (server, node) = (&server, node.id);
        async move {
            let mut users = users::users(server).await;
            for round in 0..6 {
                let name = format!("{n}-{round}");
                let request = CreateUserRequest {
                    time_zone: "Asia/Kathmandu".to_owned(),
                    metadata: [("name".to_owned(), name.clone())].into(),
                    idempotency_key: name.clone(),
                    ..Default::default()
                };
                let user = users::create(&mut users, request.clone()).await.unwrap();
                assert_eq!(user.metadata["name"], name);
                let again = users::create(&mut users, request).await.unwrap();
                assert_eq!(again.id, user.id, "the retry finds what the first has made");
                let suspend = SuspendUserRequest {
                    id: user.id.clone(),
                    reason: name.clone(),
                    ..Default::default()
                };
                users.suspend_user(suspend).await.unwrap();
                let show = ShowUserRequest { id: user.id };
                let shown = users.show_user(show).await.unwrap().into_inner();
                assert_eq!(shown.user.unwrap().status_reason, name);
                let config = node_clients::client_config(&name, node);
                let client = node_clients::create(server, config).await.unwrap();
                assert_eq!(client.config.unwrap().name, name);
            }
        }
    });
    futures::future::join_all(calls).await;
    let mut users = users::users(&server).await;
    let list = users.list_users(ListUsersRequest::default()).await.unwrap();
    assert_eq!(list.get_ref().total, 16 * 6);
}
