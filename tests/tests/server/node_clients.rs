//! The life of a node client, its factors, and pages of them.

use std::time::{Duration, SystemTime};

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

async fn show(server: &Server, id: i32) -> Result<ShowNodeClientResponse, Status> {
    let request = ShowNodeClientRequest { id };
    let shown = clients(server).await.show_node_client(request).await?;
    Ok(shown.into_inner())
}

async fn set_factor(
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

fn refusal(status: &Status) -> (Code, String) {
    (status.code(), reason(status))
}

/// So far from now, in whole seconds.
fn in_seconds(seconds: u64) -> Timestamp {
    let mut at: Timestamp = (SystemTime::now() + Duration::from_secs(seconds)).into();
    at.nanos = 0;
    at
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
async fn factors_are_never_of_the_past_and_stay() {
    let server = Server::start().await;
    let (node, _) = server.node("fra-1").await;
    let request = CreateNodeClientRequest {
        config: Some(client_config("alps", node.id)),
        factor_millionths: Some(0),
        ..Default::default()
    };
    let mut clients = clients(&server).await;
    let created = clients.create_node_client(request).await.unwrap();
    let client = created.into_inner().node_client.unwrap();
    assert_eq!(client.factor.unwrap().factor_millionths, 0);

    // At once: seen in the answer, and the etag moves.
    let double = set_factor(&server, client.id, 2_000_000, None)
        .await
        .unwrap();
    assert_eq!(double.factor.unwrap().factor_millionths, 2_000_000);
    assert_ne!(double.etag, client.etag);
    // Later ones wait, the earliest first.
    let (soon, late) = (in_seconds(3_600), in_seconds(7_200));
    let set = set_factor(&server, client.id, 1_000_000_000, Some(late)).await;
    assert_eq!(set.unwrap().factor, double.factor);
    set_factor(&server, client.id, 500_000, Some(soon))
        .await
        .unwrap();
    let shown = show(&server, client.id).await.unwrap();
    assert_eq!(shown.node_client.unwrap().factor, double.factor);
    let coming = shown.coming_factors.iter();
    let coming: Vec<_> = coming
        .map(|f| (f.factor_millionths, f.valid_from))
        .collect();
    assert_eq!(coming, [(500_000, Some(soon)), (1_000_000_000, Some(late))]);

    let exists = set_factor(&server, client.id, 1, Some(soon))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&exists),
        (Code::AlreadyExists, "FACTOR_EXISTS".to_owned())
    );
    // A setting at once leaves what is set for later.
    set_factor(&server, client.id, 3, None).await.unwrap();
    assert_eq!(
        show(&server, client.id).await.unwrap().coming_factors.len(),
        2
    );
    let past: Timestamp = (SystemTime::now() - Duration::from_secs(5)).into();
    let broken = |seconds, nanos| Some(Timestamp { seconds, nanos });
    for (valid_from, what) in [
        (Some(past), "in the past"),
        (broken(0, 0), "in the past"),
        (broken(-1, 0), "between the years"),
        (broken(i64::MAX, 0), "between the years"),
        (broken(253_402_300_800, 0), "between the years"),
        (broken(4_000_000_000, -1), "between the years"),
        (broken(4_000_000_000, i32::MAX), "between the years"),
    ] {
        let refused = set_factor(&server, client.id, 1, valid_from)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{valid_from:?}");
        assert_eq!(fields(&refused), ["valid_from"]);
        assert!(
            refused.message().contains(what),
            "{valid_from:?} {refused:?}"
        );
    }
    let far = broken(253_402_300_799, 999_999_999);
    set_factor(&server, client.id, 1, far).await.unwrap();
    for factor in [1_000_000_001, u64::MAX] {
        let refused = set_factor(&server, client.id, factor, None)
            .await
            .unwrap_err();
        assert_eq!(fields(&refused), ["factor_millionths"]);
    }
    let stale = SetFactorRequest {
        id: client.id,
        etag: client.etag,
        ..Default::default()
    };
    let stale = clients.set_factor(stale).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_STALE");
}

#[tokio::test]
async fn of_many_who_set_a_factor_each_is_written_down() {
    let url = postgres::shared().database();
    let database = url.rsplit('/').next().unwrap();
    let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let (node, _) = server.node("fra-1").await;
    let client = create(&server, client_config("alps", node.id))
        .await
        .unwrap();
    let writes = (1..=20).map(|factor| set_factor(&server, client.id, factor, None));
    for set in futures::future::join_all(writes).await {
        set.unwrap();
    }
    let shown = show(&server, client.id).await.unwrap().node_client.unwrap();
    let sql = |sql: &str| postgres::shared().sql(database, sql).unwrap();
    // The last by the clock is the last by the lock, so that the log tells the same story.
    let last =
        sql("SELECT factor_millionths FROM node_client_factor ORDER BY valid_from DESC LIMIT 1");
    assert_eq!(shown.factor.unwrap().factor_millionths.to_string(), last);
    let logged = sql(
        "SELECT string_agg(after->'set_factor'->>'factor_millionths', ',' \
                      ORDER BY (after->'set_factor'->>'valid_from')::timestamptz) \
                      = string_agg(after->'set_factor'->>'factor_millionths', ',' ORDER BY id), count(*) \
                      FROM audit_log WHERE method = 'SetFactor'",
    );
    assert_eq!(logged, "t|20");
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

/// A name, what to spoil, and the field that is at fault then.
type Case = (&'static str, fn(&mut NodeClientConfig), &'static str);

fn routes(config: &mut NodeClientConfig) -> &mut Vec<String> {
    &mut config.routing.as_mut().unwrap().routes
}

#[tokio::test]
async fn bad_fields_are_named_with_their_paths() {
    let server = Server::start().await;
    let (node, _) = server.node("fra-1").await;
    let cases: [Case; 31] = [
        ("no name", |c| c.name.clear(), "config.name"),
        (
            "spaces around it",
            |c| c.name = " a".to_owned(),
            "config.name",
        ),
        ("a long name", |c| c.name = "é".repeat(101), "config.name"),
        (
            "a name of a mebibyte",
            |c| c.name = "a".repeat(1 << 20),
            "config.name",
        ),
        (
            "NUL in a name",
            |c| c.name = "a\0b".to_owned(),
            "config.name",
        ),
        (
            "a bell in a name",
            |c| c.name = "a\x07b".to_owned(),
            "config.name",
        ),
        (
            "no node server",
            |c| c.node_server_id = 0,
            "config.node_server_id",
        ),
        (
            "a negative one",
            |c| c.node_server_id = i32::MIN,
            "config.node_server_id",
        ),
        ("no protocol", |c| c.protocol.clear(), "config.protocol"),
        (
            "capitals in it",
            |c| c.protocol = "WireGuard".to_owned(),
            "config.protocol",
        ),
        (
            "a long protocol",
            |c| c.protocol = "w".repeat(33),
            "config.protocol",
        ),
        ("no port", |c| c.port = 0, "config.port"),
        ("a large port", |c| c.port = 65_536, "config.port"),
        ("the largest port", |c| c.port = u32::MAX, "config.port"),
        (
            "far back",
            |c| c.display_order = i32::MAX,
            "config.display_order",
        ),
        (
            "far ahead",
            |c| c.display_order = -1_000_001,
            "config.display_order",
        ),
        (
            "too fast",
            |c| c.speed_limit_bps = u64::MAX,
            "config.speed_limit_bps",
        ),
        (
            "a small country",
            |c| c.country = "ch".to_owned(),
            "config.country",
        ),
        (
            "a long country",
            |c| c.country = "C".repeat(1 << 20),
            "config.country",
        ),
        (
            "a long location",
            |c| c.location = "x".repeat(101),
            "config.location",
        ),
        (
            "a line in a location",
            |c| c.location = "a\nb".to_owned(),
            "config.location",
        ),
        (
            "a class with a space",
            |c| c.routing.as_mut().unwrap().route_class = "a b".to_owned(),
            "config.routing.route_class",
        ),
        (
            "host bits",
            |c| routes(c)[1] = "10.0.0.1/8".to_owned(),
            "config.routing.routes[1]",
        ),
        (
            "no length",
            |c| routes(c)[0] = "10.0.0.0".to_owned(),
            "config.routing.routes[0]",
        ),
        (
            "a long length",
            |c| routes(c)[0] = "10.0.0.0/33".to_owned(),
            "config.routing.routes[0]",
        ),
        (
            "an empty network",
            |c| routes(c).push(String::new()),
            "config.routing.routes[2]",
        ),
        (
            "NUL in a network",
            |c| routes(c)[0] = "10.0.0.0/8\0".to_owned(),
            "config.routing.routes[0]",
        ),
        (
            "twice the same",
            |c| routes(c).push("10.0.0.0/8".to_owned()),
            "config.routing.routes[2]",
        ),
        (
            "many networks",
            |c| *routes(c) = (0..65).map(|n| format!("10.{n}.0.0/16")).collect(),
            "config.routing.routes",
        ),
        (
            "a bad key",
            |c| drop(c.metadata.insert("a b".to_owned(), String::new())),
            "config.metadata[\"a b\"]",
        ),
        (
            "a long value",
            |c| drop(c.metadata.insert("k".to_owned(), "v".repeat(257))),
            "config.metadata[\"k\"]",
        ),
    ];
    for (name, spoil, field) in cases {
        let mut bad = client_config("bad", node.id);
        spoil(&mut bad);
        let refused = create(&server, bad).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name}");
        assert_eq!(fields(&refused), [field], "{name}");
        assert_eq!(reason(&refused), "FIELD_INVALID", "{name}");
    }
    // Everything at once.
    let nothing = CreateNodeClientRequest {
        factor_millionths: Some(u64::MAX),
        ..Default::default()
    };
    let mut clients = clients(&server).await;
    let refused = clients.create_node_client(nothing).await.unwrap_err();
    let needed = [
        "config.name",
        "config.node_server_id",
        "config.protocol",
        "config.port",
        "factor_millionths",
    ];
    assert_eq!(fields(&refused), needed);
    let none = clients
        .list_node_clients(ListNodeClientsRequest::default())
        .await
        .unwrap();
    assert_eq!(none.into_inner().total, 0, "nothing half-written");
}

#[tokio::test]
async fn requests_on_a_node_client_are_checked() {
    let server = Server::start().await;
    let mut clients = clients(&server).await;
    for id in [0, -1, i32::MIN] {
        let shown = show(&server, id).await.unwrap_err();
        let delete = DeleteNodeClientRequest {
            id,
            ..Default::default()
        };
        let deleted = clients.delete_node_client(delete).await.unwrap_err();
        let set = set_factor(&server, id, 1, None).await.unwrap_err();
        for refused in [shown, deleted, set] {
            assert_eq!(
                (refused.code(), fields(&refused)),
                (Code::InvalidArgument, vec!["id".to_owned()])
            );
        }
    }
    let set = set_factor(&server, i32::MAX, 1, None).await.unwrap_err();
    assert_eq!(
        refusal(&set),
        (Code::NotFound, "NODE_CLIENT_NOT_FOUND".to_owned())
    );
    let good = UpdateNodeClientRequest {
        id: 1,
        etag: "r1".to_owned(),
        config: Some(client_config("a", 1)),
        update_mask: None,
    };
    let mask = |path: &str| {
        Some(FieldMask {
            paths: vec![path.to_owned()],
        })
    };
    for (request, field) in [
        (
            UpdateNodeClientRequest {
                id: 0,
                ..good.clone()
            },
            "id",
        ),
        (
            UpdateNodeClientRequest {
                etag: String::new(),
                ..good.clone()
            },
            "etag",
        ),
        (
            UpdateNodeClientRequest {
                config: None,
                ..good.clone()
            },
            "config",
        ),
        (
            UpdateNodeClientRequest {
                update_mask: mask("id"),
                ..good.clone()
            },
            "update_mask",
        ),
        (
            UpdateNodeClientRequest {
                update_mask: mask(""),
                ..good.clone()
            },
            "update_mask",
        ),
    ] {
        let refused = clients.update_node_client(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, vec![field.to_owned()])
        );
    }
    let missing = clients.update_node_client(good).await.unwrap_err();
    assert_eq!(
        refusal(&missing),
        (Code::NotFound, "NODE_CLIENT_NOT_FOUND".to_owned())
    );
}
