//! The life of a node server, and pages of them.

use telecom_proto::v1::{
    Compatibility, CreateNodeServerRequest, DeleteNodeServerRequest, ListNodeServersRequest,
    NodeServerConfig, NodeStatus, SetMaintenanceRequest, ShowNodeServerRequest,
    UpdateNodeServerRequest,
};
use tonic::Code;

use super::process::{Server, config, fields, heartbeat, reason};

#[tokio::test]
async fn a_node_server_lives_from_create_to_delete() {
    let server = Server::start().await;
    let mut admin = server.admin().await;

    let created = admin.create_node_server(CreateNodeServerRequest {
        config: Some(config("fra-1")),
        ..Default::default()
    });
    let created = created.await.unwrap().into_inner();
    let node = created.node_server.unwrap();
    assert_eq!(node.config, Some(config("fra-1")));
    assert_eq!(node.status(), NodeStatus::Offline);
    assert_eq!(node.compatibility(), Compatibility::Unspecified);
    assert!(created.token.starts_with(&format!("tnode_{}_", node.id)));

    let maintenance = SetMaintenanceRequest {
        id: node.id,
        enabled: true,
        reason: "new disks".to_owned(),
        etag: node.etag.clone(),
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
async fn an_update_changes_what_it_names_or_everything() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let (node, _) = server.node("fra-1").await;

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
