//! Administrators' requests that cannot be: each names its field or its reason.

use telecom_proto::v1::{
    CreateNodeServerRequest, DeleteNodeServerRequest, ListNodeServersRequest, NodeServerConfig,
    RotateTokenRequest, SetMaintenanceRequest, ShowNodeServerRequest, UpdateNodeServerRequest,
};
use tonic::Code;

use super::process::{Server, config, fields, reason};

/// A name, what to spoil, and the field that is at fault then.
type Case = (&'static str, fn(&mut NodeServerConfig), &'static str);

#[tokio::test]
async fn bad_fields_are_named_with_their_paths() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let cases: [Case; 14] = [
        ("no name", |c| c.name.clear(), "config.name"),
        (
            "spaces around a name",
            |c| c.name = " a ".to_owned(),
            "config.name",
        ),
        ("a long name", |c| c.name = "é".repeat(101), "config.name"),
        (
            "NUL in a name",
            |c| c.name = "a\0b".to_owned(),
            "config.name",
        ),
        ("no address", |c| c.address.clear(), "config.address"),
        (
            "an address with a port",
            |c| c.address = "10.0.0.1:80".to_owned(),
            "config.address",
        ),
        (
            "a mistyped IPv4",
            |c| c.address = "10.0.0.256".to_owned(),
            "config.address",
        ),
        (
            "a small country",
            |c| c.country = "de".to_owned(),
            "config.country",
        ),
        (
            "a long country",
            |c| c.country = "DEU".to_owned(),
            "config.country",
        ),
        (
            "capitals in a class",
            |c| c.route_class = "Gold".to_owned(),
            "config.route_class",
        ),
        (
            "too much bandwidth",
            |c| c.bandwidth_bps = u64::MAX,
            "config.bandwidth_bps",
        ),
        (
            "too many sessions",
            |c| c.max_sessions = u32::MAX,
            "config.max_sessions",
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
        let mut bad = config("bad");
        spoil(&mut bad);
        let refused = admin
            .create_node_server(CreateNodeServerRequest {
                config: Some(bad),
                ..Default::default()
            })
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name}");
        assert_eq!(fields(&refused), [field], "{name}");
        assert_eq!(reason(&refused), "FIELD_INVALID", "{name}");
    }
    let refused = admin
        .create_node_server(CreateNodeServerRequest {
            config: None,
            ..Default::default()
        })
        .await
        .unwrap_err();
    assert_eq!(
        fields(&refused),
        ["config.name", "config.address", "config.country"]
    );
    let none = admin
        .list_node_servers(ListNodeServersRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(none.total, 0, "nothing half-written");
}

#[tokio::test]
async fn each_field_of_a_request_on_a_node_is_checked() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let (node, _) = server.node("a").await;
    let update = |etag: &str, path: &str| UpdateNodeServerRequest {
        id: node.id,
        etag: etag.to_owned(),
        config: Some(config("a")),
        update_mask: Some(prost_types::FieldMask {
            paths: vec![path.to_owned()],
        }),
    };
    let refused = admin
        .update_node_server(update("", "name"))
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["etag"]);
    let refused = admin
        .update_node_server(update(&node.etag, "id"))
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["update_mask"]);
    let no_config = UpdateNodeServerRequest {
        config: None,
        ..update(&node.etag, "name")
    };
    assert_eq!(
        fields(&admin.update_node_server(no_config).await.unwrap_err()),
        ["config"]
    );

    let reason_without = SetMaintenanceRequest {
        id: node.id,
        reason: "x".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        fields(&admin.set_maintenance(reason_without).await.unwrap_err()),
        ["reason"]
    );
    let long = SetMaintenanceRequest {
        id: node.id,
        enabled: true,
        reason: "x".repeat(201),
        ..Default::default()
    };
    assert_eq!(
        fields(&admin.set_maintenance(long).await.unwrap_err()),
        ["reason"]
    );
    for (seconds, nanos) in [
        (-1, 0),
        (7 * 86400 + 1, 0),
        (i64::MAX, 0),
        (i64::MIN, 0),
        (0, -1),
    ] {
        let grace_period = Some(prost_types::Duration { seconds, nanos });
        let request = RotateTokenRequest {
            id: node.id,
            grace_period,
            etag: String::new(),
        };
        assert_eq!(
            fields(&admin.rotate_token(request).await.unwrap_err()),
            ["grace_period"]
        );
    }
}

#[tokio::test]
async fn a_number_is_checked_before_it_is_looked_for() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let update = UpdateNodeServerRequest {
        etag: "r1".to_owned(),
        config: Some(config("a")),
        ..Default::default()
    };
    for (id, code) in [
        (0, Code::InvalidArgument),
        (-5, Code::InvalidArgument),
        (i32::MAX, Code::NotFound),
    ] {
        let codes = [
            admin
                .show_node_server(ShowNodeServerRequest { id })
                .await
                .unwrap_err()
                .code(),
            admin
                .delete_node_server(DeleteNodeServerRequest {
                    id,
                    ..Default::default()
                })
                .await
                .unwrap_err()
                .code(),
            admin
                .update_node_server(UpdateNodeServerRequest {
                    id,
                    ..update.clone()
                })
                .await
                .unwrap_err()
                .code(),
            admin
                .set_maintenance(SetMaintenanceRequest {
                    id,
                    ..Default::default()
                })
                .await
                .unwrap_err()
                .code(),
            admin
                .rotate_token(RotateTokenRequest {
                    id,
                    ..Default::default()
                })
                .await
                .unwrap_err()
                .code(),
        ];
        assert_eq!(codes, [code; 5], "{id}");
    }
}

#[tokio::test]
async fn a_name_belongs_to_one_node_only() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let (_, _) = server.node("taken").await;
    let (other, _) = server.node("free").await;
    let again = admin.create_node_server(CreateNodeServerRequest {
        config: Some(config("taken")),
        ..Default::default()
    });
    let again = again.await.unwrap_err();
    assert_eq!(
        (again.code(), reason(&again).as_str()),
        (Code::AlreadyExists, "NODE_SERVER_NAME_TAKEN")
    );
    let renamed = UpdateNodeServerRequest {
        id: other.id,
        etag: other.etag,
        config: Some(config("taken")),
        update_mask: None,
    };
    assert_eq!(
        admin.update_node_server(renamed).await.unwrap_err().code(),
        Code::AlreadyExists
    );
}
