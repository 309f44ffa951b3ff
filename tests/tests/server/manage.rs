//! Every administrators' method, good and bad, and the audit rows they leave.

use telecom_proto::v1::{
    Compatibility, CreateNodeServerRequest, DeleteNodeServerRequest, ListNodeServersRequest,
    NodeServerConfig, NodeStatus, RotateTokenRequest, SetMaintenanceRequest, ShowNodeServerRequest,
    UpdateNodeServerRequest,
};
use telecom_tests::postgres;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::process::{Server, config, heartbeat};

fn reason(status: &tonic::Status) -> String {
    status
        .get_error_details()
        .error_info()
        .unwrap()
        .reason
        .clone()
}

fn fields(status: &tonic::Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details
        .bad_request()
        .map(|bad| bad.field_violations.clone());
    violations
        .unwrap_or_default()
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

#[tokio::test]
async fn a_node_server_lives_from_create_to_delete() {
    let server = Server::start().await;
    let mut admin = server.admin().await;

    let created = admin.create_node_server(CreateNodeServerRequest {
        config: Some(config("fra-1")),
    });
    let created = created.await.unwrap().into_inner();
    let node = created.node_server.unwrap();
    assert_eq!(node.config, Some(config("fra-1")));
    assert_eq!(node.status(), NodeStatus::Offline);
    assert_eq!(node.compatibility(), Compatibility::Unspecified);
    assert!(created.token.starts_with(&format!("tnode_{}_", node.id)));

    let changed = NodeServerConfig {
        location: "Berlin".to_owned(),
        ..NodeServerConfig::default()
    };
    let updated = admin
        .update_node_server(UpdateNodeServerRequest {
            id: node.id,
            etag: node.etag.clone(),
            config: Some(changed),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["location".to_owned()],
            }),
        })
        .await
        .unwrap()
        .into_inner()
        .node_server
        .unwrap();
    assert_ne!(updated.etag, node.etag);
    let expected = NodeServerConfig {
        location: "Berlin".to_owned(),
        ..config("fra-1")
    };
    assert_eq!(updated.config, Some(expected));

    let whole = NodeServerConfig {
        max_sessions: 7,
        ..config("fra-2")
    };
    let replaced = admin
        .update_node_server(UpdateNodeServerRequest {
            id: node.id,
            etag: updated.etag.clone(),
            config: Some(whole.clone()),
            update_mask: None,
        })
        .await
        .unwrap()
        .into_inner()
        .node_server
        .unwrap();
    assert_eq!(replaced.config, Some(whole));

    let maintenance = SetMaintenanceRequest {
        id: node.id,
        enabled: true,
        reason: "new disks".to_owned(),
        etag: replaced.etag.clone(),
    };
    let kept = admin
        .set_maintenance(maintenance)
        .await
        .unwrap()
        .into_inner()
        .node_server
        .unwrap();
    assert_eq!(kept.status(), NodeStatus::Maintenance);
    assert_eq!(kept.maintenance.as_ref().unwrap().reason, "new disks");

    // Maintenance is an administrator's word: a heartbeat does not end it.
    let mut agent = server.agent(&created.token).await;
    let answer = agent.heartbeat(heartbeat()).await.unwrap().into_inner();
    assert!(answer.maintenance);
    let shown = admin
        .show_node_server(ShowNodeServerRequest { id: node.id })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        shown.node_server.as_ref().unwrap().status(),
        NodeStatus::Maintenance
    );
    assert_eq!(
        shown.node_server.as_ref().unwrap().etag,
        kept.etag,
        "heartbeats leave the etag alone"
    );

    let back = SetMaintenanceRequest {
        id: node.id,
        ..SetMaintenanceRequest::default()
    };
    let back = admin
        .set_maintenance(back)
        .await
        .unwrap()
        .into_inner()
        .node_server
        .unwrap();
    assert_eq!(
        (back.status(), back.maintenance),
        (NodeStatus::Online, None)
    );

    let delete = DeleteNodeServerRequest {
        id: node.id,
        etag: back.etag,
    };
    admin.delete_node_server(delete).await.unwrap();
    let gone = admin
        .show_node_server(ShowNodeServerRequest { id: node.id })
        .await
        .unwrap_err();
    assert_eq!(
        (gone.code(), reason(&gone).as_str()),
        (Code::NotFound, "NODE_SERVER_NOT_FOUND")
    );
    let refused = agent.heartbeat(heartbeat()).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unauthenticated, "TOKEN_INVALID")
    );
}

#[tokio::test]
async fn pages_and_filters_cover_every_node_once() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let mut tokens = Vec::new();
    for n in 0..7 {
        tokens.push(server.node(&format!("node-{n}")).await);
    }
    for (_, token) in &tokens[..3] {
        server
            .agent(token)
            .await
            .heartbeat(heartbeat())
            .await
            .unwrap();
    }
    let list = |status: NodeStatus, limit, offset| {
        let mut admin = admin.clone();
        async move {
            let request = ListNodeServersRequest {
                status: status.into(),
                limit,
                offset,
            };
            let page = admin.list_node_servers(request).await.unwrap().into_inner();
            let names = page
                .node_servers
                .into_iter()
                .map(|node| node.config.unwrap().name);
            (names.collect::<Vec<_>>(), page.total)
        }
    };
    let all: Vec<_> = (0..7).map(|n| format!("node-{n}")).collect();
    assert_eq!(list(NodeStatus::Unspecified, 0, 0).await, (all.clone(), 7));
    assert_eq!(
        list(NodeStatus::Unspecified, 500, 0).await,
        (all.clone(), 7)
    );
    let mut paged = Vec::new();
    for offset in [0, 3, 6, 9] {
        let (names, total) = list(NodeStatus::Unspecified, 3, offset).await;
        assert_eq!(total, 7);
        paged.extend(names);
    }
    assert_eq!(paged, all);
    assert_eq!(list(NodeStatus::Online, 0, 0).await, (all[..3].to_vec(), 3));
    assert_eq!(
        list(NodeStatus::Offline, 2, 2).await,
        (all[5..].to_vec(), 4)
    );
    assert_eq!(list(NodeStatus::Maintenance, 0, 0).await, (vec![], 0));
    assert_eq!(
        list(NodeStatus::Unspecified, 1, u32::MAX).await,
        (vec![], 7)
    );

    for (request, field) in [
        (
            ListNodeServersRequest {
                limit: 501,
                ..Default::default()
            },
            "limit",
        ),
        (
            ListNodeServersRequest {
                status: 99,
                ..Default::default()
            },
            "status",
        ),
        (
            ListNodeServersRequest {
                status: -1,
                ..Default::default()
            },
            "status",
        ),
    ] {
        let refused = admin.list_node_servers(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(fields(&refused), [field]);
    }
}

#[tokio::test]
async fn bad_fields_are_named_with_their_paths() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let cases: [(&str, fn(&mut NodeServerConfig), &str); 14] = [
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
            .create_node_server(CreateNodeServerRequest { config: Some(bad) })
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name}");
        assert_eq!(fields(&refused), [field], "{name}");
        assert_eq!(reason(&refused), "FIELD_INVALID", "{name}");
    }
    let refused = admin
        .create_node_server(CreateNodeServerRequest { config: None })
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
async fn requests_on_a_node_are_checked_before_it_is_looked_for() {
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
                    ..update("r1", "name")
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
    for (seconds, nanos) in [(-1, 0), (7 * 86400 + 1, 0), (i64::MAX, 0), (0, -1)] {
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
async fn a_name_belongs_to_one_node_only() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let (_, _) = server.node("taken").await;
    let (other, _) = server.node("free").await;
    let again = admin.create_node_server(CreateNodeServerRequest {
        config: Some(config("taken")),
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

#[tokio::test]
async fn of_many_writers_with_one_etag_one_wins() {
    let server = Server::start().await;
    let (node, _) = server.node("contended").await;
    let writes = (0..12).map(|n| {
        let request = UpdateNodeServerRequest {
            id: node.id,
            etag: node.etag.clone(),
            config: Some(NodeServerConfig {
                max_sessions: n,
                ..config("contended")
            }),
            update_mask: None,
        };
        let server = &server;
        async move { server.admin().await.update_node_server(request).await }
    });
    let results = futures::future::join_all(writes).await;
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 11));
    for status in lost.into_iter().map(Result::unwrap_err) {
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::FailedPrecondition, "ETAG_STALE")
        );
    }
    let stale = DeleteNodeServerRequest {
        id: node.id,
        etag: node.etag,
    };
    let stale = server
        .admin()
        .await
        .delete_node_server(stale)
        .await
        .unwrap_err();
    assert_eq!(stale.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn every_write_leaves_one_audit_row_that_nobody_can_change() {
    let url = postgres::shared().database();
    let database = url.rsplit('/').next().unwrap();
    let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let mut admin = server.admin().await;
    let (node, token) = server.node("audited").await;
    let update = UpdateNodeServerRequest {
        id: node.id,
        etag: node.etag,
        config: Some(config("renamed")),
        update_mask: None,
    };
    admin.update_node_server(update.clone()).await.unwrap();
    admin.update_node_server(update).await.unwrap_err();
    admin
        .set_maintenance(SetMaintenanceRequest {
            id: node.id,
            enabled: true,
            ..Default::default()
        })
        .await
        .unwrap();
    let rotated = admin
        .rotate_token(RotateTokenRequest {
            id: node.id,
            ..Default::default()
        })
        .await
        .unwrap()
        .into_inner();
    server
        .agent(&rotated.token)
        .await
        .heartbeat(heartbeat())
        .await
        .unwrap();
    admin
        .show_node_server(ShowNodeServerRequest { id: node.id })
        .await
        .unwrap();
    admin
        .delete_node_server(DeleteNodeServerRequest {
            id: node.id,
            ..Default::default()
        })
        .await
        .unwrap();

    let sql = |sql: &str| postgres::shared().sql(database, sql);
    let rows = sql("SELECT actor, method, target, before->>'name', after->>'name', trace_id ~ '^[0-9a-f]{32}$' FROM audit_log ORDER BY id").unwrap();
    let target = format!("node_server/{}", node.id);
    let expected = [
        format!("admin|CreateNodeServer|{target}||audited|t"),
        format!("admin|UpdateNodeServer|{target}|audited|renamed|t"),
        format!("admin|SetMaintenance|{target}|renamed|renamed|t"),
        format!("admin|RotateToken|{target}|renamed|renamed|t"),
        format!("admin|DeleteNodeServer|{target}|renamed||t"),
    ];
    assert_eq!(rows.lines().collect::<Vec<_>>(), expected);

    // Not even the owner of the table.
    for change in [
        "UPDATE audit_log SET actor = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ] {
        let refused = sql(change).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{change}: {refused}");
    }
    // Tokens are nowhere: not in the log of changes, not in the log of lines, not beside their digest.
    let kept =
        sql("SELECT coalesce(string_agg(before::text || after::text, ''), '') FROM audit_log")
            .unwrap();
    let lines = format!("{:?}", server.log.lock().unwrap());
    for secret in [&token, &rotated.token, super::process::ADMIN_TOKEN] {
        assert!(!kept.contains(secret) && !lines.contains(secret));
    }
}
