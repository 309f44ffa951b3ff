//! The life of a node client, its factors, and pages of them.

use prost_types::{FieldMask, Timestamp};
use telecom_proto::v1::node_client_manage_client::NodeClientManageClient;
use telecom_proto::v1::{
    CreateNodeClientRequest, DeleteNodeClientRequest, DeleteNodeServerRequest,
    ListNodeClientsRequest, NodeClient, NodeClientConfig, NodeStatus, Routing, SetFactorRequest,
    ShowNodeClientRequest, ShowNodeClientResponse, ShowNodeServerRequest, UpdateNodeClientRequest,
};
use telecom_tests::{postgres, tokens};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::process::{Bearer, Server, fields, heartbeat, reason};

type Clients = NodeClientManageClient<InterceptedService<Channel, Bearer>>;

pub async fn clients(server: &Server) -> Clients {
    let bearer = Bearer::new(tokens::admin());
    NodeClientManageClient::with_interceptor(server.channel().await, bearer)
}

pub fn client_config(name: &str, node_server_id: i32) -> NodeClientConfig {
    NodeClientConfig {
        name: name.to_owned(),
        node_server_id,
        protocol: "wireguard".to_owned(),
        port: 51_820,
        display_order: 10,
        speed_limit_bps: 100_000_000,
        country: "CH".to_owned(),
        location: "Zürich".to_owned(),
        routing: Some(Routing {
            route_class: "premium".to_owned(),
            routes: vec!["10.0.0.0/8".to_owned(), "2001:DB8::/32".to_owned()],
        }),
        metadata: [("app/icon".to_owned(), "alps".to_owned())].into(),
    }
}

pub async fn create(server: &Server, config: NodeClientConfig) -> Result<NodeClient, Status> {
    let request = CreateNodeClientRequest {
        config: Some(config),
        ..Default::default()
    };
    let created = clients(server).await.create_node_client(request).await?;
    Ok(created.into_inner().node_client.unwrap())
}

pub async fn show(server: &Server, id: i32) -> Result<ShowNodeClientResponse, Status> {
    let request = ShowNodeClientRequest { id };
    let shown = clients(server).await.show_node_client(request).await?;
    Ok(shown.into_inner())
}

pub async fn set_factor(
    server: &Server,
    id: i32,
    factor_millionths: u64,
    valid_from: Option<Timestamp>,
) -> Result<NodeClient, Status> {
    let request = SetFactorRequest {
        id,
        factor_millionths,
        valid_from,
        etag: String::new(),
    };
    let set = clients(server)
        .await
        .set_factor(request)
        .await?
        .into_inner();
    assert_eq!(set.factor.unwrap().factor_millionths, factor_millionths);
    Ok(set.node_client.unwrap())
}

pub fn refusal(status: &Status) -> (Code, String) {
    (status.code(), reason(status))
}

#[tokio::test]
async fn a_node_client_lives_from_create_to_delete() {
    let server = Server::start().await;
    let (node, token) = server.node("fra-1").await;

    let created = create(&server, client_config("alps", node.id))
        .await
        .unwrap();
    let mut expected = client_config("alps", node.id);
    expected.routing.as_mut().unwrap().routes[1] = "2001:db8::/32".to_owned();
    assert_eq!(created.config.as_ref(), Some(&expected));
    assert_eq!(created.status(), NodeStatus::Offline);
    let factor = created.factor.unwrap();
    assert_eq!(factor.factor_millionths, 1_000_000);
    assert_eq!(factor.valid_from, created.created_at);

    let mut agent = server.agent(&token).await;
    agent.heartbeat(heartbeat()).await.unwrap();
    let shown = show(&server, created.id).await.unwrap();
    let client = shown.node_client.unwrap();
    assert_eq!(client.status(), NodeStatus::Online);
    assert_eq!(client.etag, created.etag, "heartbeats leave the etag alone");
    assert_eq!(shown.node_server.unwrap().id, node.id);
    assert_eq!(shown.performance.unwrap().sessions, 321);
    assert_eq!(shown.coming_factors, []);

    // A node server with node clients stays.
    let request = ShowNodeServerRequest { id: node.id };
    let mut admin = server.admin().await;
    let shown = admin.show_node_server(request).await.unwrap().into_inner();
    assert_eq!(shown.node_server.unwrap().client_count, 1);
    assert_eq!(shown.status_since, None, "the job has not run");
    let delete_server = DeleteNodeServerRequest {
        id: node.id,
        ..Default::default()
    };
    let refused = admin.delete_node_server(delete_server.clone()).await;
    assert_eq!(
        refusal(&refused.unwrap_err()),
        (Code::FailedPrecondition, "NODE_SERVER_IN_USE".to_owned())
    );

    let delete = |etag: &str| DeleteNodeClientRequest {
        id: created.id,
        etag: etag.to_owned(),
    };
    let mut clients = clients(&server).await;
    let stale = clients.delete_node_client(delete("r0")).await.unwrap_err();
    assert_eq!(
        refusal(&stale),
        (Code::FailedPrecondition, "ETAG_STALE".to_owned())
    );
    let etag = created.etag.as_str();
    clients.delete_node_client(delete(etag)).await.unwrap();
    let not_found = (Code::NotFound, "NODE_CLIENT_NOT_FOUND".to_owned());
    let gone = clients.delete_node_client(delete("")).await.unwrap_err();
    assert_eq!(refusal(&gone), not_found);
    let gone = show(&server, created.id).await.unwrap_err();
    assert_eq!(refusal(&gone), not_found);
    admin.delete_node_server(delete_server).await.unwrap();
}

#[tokio::test]
async fn what_a_node_client_needs_has_to_be_there() {
    let url = postgres::shared().database();
    let database = url.rsplit('/').next().unwrap();
    let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let (node, _) = server.node("fra-1").await;

    let orphan = create(&server, client_config("orphan", node.id + 1)).await;
    assert_eq!(
        refusal(&orphan.unwrap_err()),
        (Code::FailedPrecondition, "NODE_SERVER_NOT_FOUND".to_owned())
    );
    let client = create(&server, client_config("alps", node.id))
        .await
        .unwrap();
    let taken = create(&server, client_config("alps", node.id)).await;
    assert_eq!(
        refusal(&taken.unwrap_err()),
        (Code::AlreadyExists, "NODE_CLIENT_NAME_TAKEN".to_owned())
    );

    let sql = |sql: &str| postgres::shared().sql(database, sql).unwrap();
    let series = sql(
        "WITH s AS (INSERT INTO package_series (name, description, display_order) \
         VALUES ('s', '', 0) RETURNING id) INSERT INTO package_series_node_client \
         SELECT id, (SELECT max(id) FROM node_client) FROM s RETURNING package_series_id",
    );
    let delete = DeleteNodeClientRequest {
        id: client.id,
        ..Default::default()
    };
    let mut clients = clients(&server).await;
    let used = clients
        .delete_node_client(delete.clone())
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&used),
        (Code::FailedPrecondition, "NODE_CLIENT_IN_USE".to_owned())
    );
    assert!(used.message().contains(&format!("series {series} ")));
    sql("DELETE FROM package_series_node_client");
    clients.delete_node_client(delete).await.unwrap();
    let rows = sql("SELECT count(*) FROM audit_log WHERE target LIKE 'node_client/%'");
    assert_eq!(rows, "2", "a refused write leaves no row");
}

#[tokio::test]
async fn an_update_changes_what_it_names_or_everything_but_the_node_server() {
    let server = Server::start().await;
    let (node, _) = server.node("fra-1").await;
    let (other, _) = server.node("fra-2").await;
    let client = create(&server, client_config("alps", node.id))
        .await
        .unwrap();
    let update = |etag: &str, config: NodeClientConfig, paths: &[&str]| {
        let request = UpdateNodeClientRequest {
            id: client.id,
            etag: etag.to_owned(),
            config: Some(config),
            update_mask: Some(FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            }),
        };
        let server = &server;
        async move {
            let updated = clients(server).await.update_node_client(request).await?;
            Ok::<_, Status>(updated.into_inner().node_client.unwrap())
        }
    };

    let change = NodeClientConfig {
        display_order: -5,
        routing: Some(Routing {
            route_class: "economy".to_owned(),
            routes: vec![],
        }),
        ..Default::default()
    };
    let named = ["display_order", "routing.route_class"];
    let changed = update(&client.etag, change.clone(), &named).await.unwrap();
    let mut expected = client.config.clone().unwrap();
    expected.display_order = -5;
    expected.routing.as_mut().unwrap().route_class = "economy".to_owned();
    assert_eq!(changed.config, Some(expected.clone()));
    assert_ne!(changed.etag, client.etag);
    let changed = update(&changed.etag, change, &["routing"]).await.unwrap();
    expected.routing.as_mut().unwrap().routes.clear();
    assert_eq!(changed.config, Some(expected));

    // Without a mask everything is replaced; the node server may be left out.
    let whole = NodeClientConfig {
        node_server_id: 0,
        speed_limit_bps: 0,
        ..client_config("valley", 0)
    };
    let replaced = update(&changed.etag, whole, &[]).await.unwrap();
    let config = replaced.config.unwrap();
    assert_eq!(
        (
            config.name.as_str(),
            config.node_server_id,
            config.speed_limit_bps
        ),
        ("valley", node.id, 0)
    );

    for (paths, to) in [
        (&[][..], other.id),
        (&["node_server_id"], other.id),
        (&["node_server_id"], 0),
    ] {
        let moved = update(&replaced.etag, client_config("valley", to), paths).await;
        let moved = moved.unwrap_err();
        assert_eq!(moved.code(), Code::InvalidArgument);
        assert_eq!(fields(&moved), ["config.node_server_id"]);
    }
    let stale = update(&client.etag, client_config("alps", node.id), &[]).await;
    assert_eq!(reason(&stale.unwrap_err()), "ETAG_STALE");
    create(&server, client_config("taken", node.id))
        .await
        .unwrap();
    let taken = update(&replaced.etag, client_config("taken", node.id), &["name"]).await;
    assert_eq!(reason(&taken.unwrap_err()), "NODE_CLIENT_NAME_TAKEN");
}

#[tokio::test]
async fn pages_and_filters_cover_every_node_client_once() {
    let server = Server::start().await;
    let (one, _) = server.node("one").await;
    let (two, _) = server.node("two").await;
    for (n, order) in [3, 1, 2, 1, 0].into_iter().enumerate() {
        let node = if n % 2 == 0 { one.id } else { two.id };
        let config = NodeClientConfig {
            display_order: order,
            ..client_config(&format!("c{n}"), node)
        };
        create(&server, config).await.unwrap();
    }
    let list = |node_server_id, limit, offset| {
        let server = &server;
        async move {
            let request = ListNodeClientsRequest {
                node_server_id,
                limit,
                offset,
            };
            let page = clients(server).await.list_node_clients(request).await?;
            let page = page.into_inner();
            let names = page
                .node_clients
                .into_iter()
                .map(|c| c.config.unwrap().name);
            Ok::<_, Status>((names.collect::<Vec<_>>().join(" "), page.total))
        }
    };
    let page = |names: &str, total| (names.to_owned(), total);
    for ((node, limit, offset), expected) in [
        ((0, 0, 0), page("c4 c1 c3 c2 c0", 5)),
        ((0, 500, 0), page("c4 c1 c3 c2 c0", 5)),
        ((0, 2, 0), page("c4 c1", 5)),
        ((0, 2, 2), page("c3 c2", 5)),
        ((0, 2, 4), page("c0", 5)),
        ((0, 2, u32::MAX), page("", 5)),
        ((one.id, 0, 0), page("c4 c2 c0", 3)),
        ((two.id, 1, 1), page("c3", 2)),
        ((i32::MAX, 0, 0), page("", 0)),
    ] {
        assert_eq!(
            list(node, limit, offset).await.unwrap(),
            expected,
            "{node} {limit} {offset}"
        );
    }
    for ((node, limit), field) in [
        ((0, 501), "limit"),
        ((0, u32::MAX), "limit"),
        ((-1, 0), "node_server_id"),
        ((i32::MIN, 0), "node_server_id"),
    ] {
        let refused = list(node, limit, 0).await.unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, vec![field.to_owned()])
        );
    }
}

#[tokio::test]
async fn a_repeated_create_makes_one_node_client() {
    let server = Server::start().await;
    let (node, _) = server.node("fra-1").await;
    let request = CreateNodeClientRequest {
        config: Some(client_config("alps", node.id)),
        factor_millionths: None,
        idempotency_key: "0d9c3a52".to_owned(),
    };
    let attempts = (0..10).map(|_| {
        let (server, request) = (&server, request.clone());
        async move { clients(server).await.create_node_client(request).await }
    });
    let made = futures::future::join_all(attempts).await;
    let made: Vec<_> = made
        .into_iter()
        .map(|made| made.unwrap().into_inner())
        .collect();
    assert!(made.iter().all(|reply| reply == &made[0]), "{made:?}");
    let another = CreateNodeClientRequest {
        factor_millionths: Some(7),
        ..request
    };
    let refused = clients(&server)
        .await
        .create_node_client(another)
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED".to_owned())
    );
}
