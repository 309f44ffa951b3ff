//! Token rotation: the old one works for its grace period, older ones not at all.

use telecom_proto::v1::{RotateTokenRequest, ShowNodeServerRequest};
use tonic::Code;

use super::process::{Server, eventually, heartbeat};

async fn works(server: &Server, token: &str) -> bool {
    match server.agent(token).await.heartbeat(heartbeat()).await {
        Ok(_) => true,
        Err(status) => {
            assert_eq!(status.code(), Code::Unauthenticated);
            false
        }
    }
}

#[tokio::test]
async fn a_replaced_token_works_for_its_grace_period() {
    let server = Server::start().await;
    let (node, first) = server.node("rotated").await;
    let mut admin = server.admin().await;
    let mut rotate = async |seconds: i64| {
        let grace_period = Some(prost_types::Duration { seconds, nanos: 0 });
        let request = RotateTokenRequest {
            id: node.id,
            grace_period,
            etag: String::new(),
        };
        admin.rotate_token(request).await.unwrap().into_inner()
    };

    let second = rotate(3600).await;
    assert!(second.previous_expires_at.is_some());
    assert!(works(&server, &first).await && works(&server, &second.token).await);

    // The first was replaced before: it does not get a second grace.
    let third = rotate(3600).await;
    assert!(!works(&server, &first).await);
    assert!(works(&server, &second.token).await && works(&server, &third.token).await);
    let shown = server
        .admin()
        .await
        .show_node_server(ShowNodeServerRequest { id: node.id })
        .await
        .unwrap();
    let tokens = &shown.get_ref().tokens;
    assert_eq!(tokens.len(), 2);
    assert_eq!(tokens[0].expires_at, None);
    assert_eq!(tokens[1].expires_at, third.previous_expires_at);

    let fourth = rotate(0).await;
    assert!(!works(&server, &second.token).await && !works(&server, &third.token).await);
    assert!(works(&server, &fourth.token).await);

    let fifth = rotate(1).await;
    eventually("expired", || async { !works(&server, &fourth.token).await }).await;
    assert!(works(&server, &fifth.token).await);
}

#[tokio::test]
async fn rotation_with_a_stale_etag_changes_nothing() {
    let server = Server::start().await;
    let (node, token) = server.node("kept").await;
    let request = RotateTokenRequest {
        id: node.id,
        grace_period: None,
        etag: "r99".to_owned(),
    };
    let refused = server
        .admin()
        .await
        .rotate_token(request)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(works(&server, &token).await);
}
