//! Requests on node clients that cannot be: each names its field or its reason.

use prost_types::FieldMask;
use telecom_proto::v1::{
    CreateNodeClientRequest, DeleteNodeClientRequest, ListNodeClientsRequest, NodeClientConfig,
    UpdateNodeClientRequest,
};
use tonic::Code;

use super::node_clients::{client_config, clients, create, refusal, set_factor, show};
use super::process::{Server, fields, reason};

/// A name, what to spoil, and the field that is at fault then.
type Case = (&'static str, fn(&mut NodeClientConfig), &'static str);

fn routes(config: &mut NodeClientConfig) -> &mut Vec<String> {
    &mut config.routing.as_mut().unwrap().routes
}

const CASES: [Case; 31] = [
    ("no name", |c| c.name.clear(), "config.name"),
    ("spaces around it", |c| c.name = " a".into(), "config.name"),
    ("a long name", |c| c.name = "é".repeat(101), "config.name"),
    (
        "a name of a mebibyte",
        |c| c.name = "a".repeat(1 << 20),
        "config.name",
    ),
    ("NUL in a name", |c| c.name = "a\0b".into(), "config.name"),
    (
        "a bell in a name",
        |c| c.name = "a\x07b".into(),
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
        |c| c.protocol = "WireGuard".into(),
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
        |c| c.country = "ch".into(),
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
        |c| c.location = "a\nb".into(),
        "config.location",
    ),
    (
        "a class with a space",
        |c| c.routing.as_mut().unwrap().route_class = "a b".into(),
        "config.routing.route_class",
    ),
    (
        "host bits",
        |c| routes(c)[1] = "10.0.0.1/8".into(),
        "config.routing.routes[1]",
    ),
    (
        "no length",
        |c| routes(c)[0] = "10.0.0.0".into(),
        "config.routing.routes[0]",
    ),
    (
        "a long length",
        |c| routes(c)[0] = "10.0.0.0/33".into(),
        "config.routing.routes[0]",
    ),
    (
        "an empty network",
        |c| routes(c).push(String::new()),
        "config.routing.routes[2]",
    ),
    (
        "NUL in a network",
        |c| routes(c)[0] = "10.0.0.0/8\0".into(),
        "config.routing.routes[0]",
    ),
    (
        "twice the same",
        |c| routes(c).push("10.0.0.0/8".into()),
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
        |c| drop(c.metadata.insert("k".into(), "v".repeat(257))),
        "config.metadata[\"k\"]",
    ),
];

#[tokio::test]
async fn bad_fields_are_named_with_their_paths() {
    let server = Server::start().await;
    let (home, _) = server.node("fra-1").await;
    for (name, spoil, field) in CASES {
        let mut bad = client_config("bad", home.id);
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
