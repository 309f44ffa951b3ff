//! Writers in each other's way, and what every write leaves behind.

use telecom_proto::v1::{
    DeleteNodeServerRequest, NodeServerConfig, RotateTokenRequest, SetMaintenanceRequest,
    ShowNodeServerRequest, UpdateNodeServerRequest,
};
use telecom_tests::postgres;
use tonic::Code;

use super::process::{Server, config, heartbeat, reason};

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
        format!("admin/tests|CreateNodeServer|{target}||audited|t"),
        format!("admin/tests|UpdateNodeServer|{target}|audited|renamed|t"),
        format!("admin/tests|SetMaintenance|{target}|renamed|renamed|t"),
        format!("admin/tests|RotateToken|{target}|renamed|renamed|t"),
        format!("admin/tests|DeleteNodeServer|{target}|renamed||t"),
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
    for secret in [&token, &rotated.token, telecom_tests::tokens::admin()] {
        assert!(!kept.contains(secret) && !lines.contains(secret));
    }
}
