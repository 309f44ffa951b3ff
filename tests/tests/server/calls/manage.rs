//! The life of a PBX.

use telecom_proto::v1::pbx_manage_client::PbxManageClient;
use telecom_proto::v1::{
    CreatePbxRequest, DeletePbxRequest, ListPbxsRequest, PbxConfig, RotatePbxTokenRequest,
    ShowPbxRequest, UpdatePbxRequest,
};
use telecom_server::auth::Role;
use telecom_tests::tokens;
use tonic::Code;

use super::super::process::{Bearer, eventually, fields, reason};
use super::{Server, record};

#[tokio::test]
async fn a_pbx_lives_from_create_to_delete() {
    let server = Server::start().await;
    let mut admin = server.pbxs().await;
    let (pbx, token) = server.pbx("berlin").await;
    let again = CreatePbxRequest {
        config: pbx.config.clone(),
        idempotency_key: String::new(),
    };
    let refused = admin.create_pbx(again).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::AlreadyExists, "PBX_NAME_TAKEN")
    );
    let bad = PbxConfig {
        name: " ".to_owned(),
        health_url: "ftp://x".to_owned(),
        ..PbxConfig::default()
    };
    let bad = CreatePbxRequest {
        config: Some(bad),
        idempotency_key: String::new(),
    };
    let refused = admin.create_pbx(bad).await.unwrap_err();
    assert_eq!(fields(&refused), ["config.name", "config.health_url"]);

    let update = UpdatePbxRequest {
        id: pbx.id,
        etag: pbx.etag.clone(),
        config: Some(PbxConfig {
            health_url: "http://pbx.example.net:8080/ami/v1/health".to_owned(),
            ..PbxConfig::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["health_url".to_owned()],
        }),
    };
    let changed = admin
        .update_pbx(update.clone())
        .await
        .unwrap()
        .into_inner()
        .pbx
        .unwrap();
    assert_eq!(changed.config.as_ref().unwrap().name, "berlin");
    let refused = admin.update_pbx(update).await.unwrap_err();
    assert_eq!(reason(&refused), "ETAG_STALE");
    let page = admin
        .list_pbxs(ListPbxsRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((page.total, page.pbxs), (1, vec![changed.clone()]));

    assert_eq!(server.push(&token, &record("kept", 0)).await.code, 202);
    let delete = DeletePbxRequest {
        id: pbx.id,
        etag: changed.etag,
    };
    admin.delete_pbx(delete).await.unwrap();
    let refused = admin
        .show_pbx(ShowPbxRequest { id: pbx.id })
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "PBX_NOT_FOUND");
    eventually("the token does not work", || async {
        server.push(&token, &record("late", 0)).await.code == 401
    })
    .await;
    assert_eq!(
        server.query("SELECT count(*) > 0 FROM call_record WHERE call_id = 'kept'"),
        "t"
    );
    let methods = "SELECT string_agg(method, ' ' ORDER BY id) FROM audit_log";
    assert_eq!(server.query(methods), "CreatePbx UpdatePbx DeletePbx");
}

#[tokio::test]
async fn a_replaced_token_works_for_its_grace_period() {
    let server = Server::start().await;
    let mut admin = server.pbxs().await;
    let (pbx, first) = server.pbx("rotated").await;
    let works = async |token: &str| server.push(token, &record("x", 0)).await.code == 202;
    let mut rotate = async |seconds: i64| {
        let request = RotatePbxTokenRequest {
            id: pbx.id,
            grace_period: Some(prost_types::Duration { seconds, nanos: 0 }),
            etag: String::new(),
        };
        admin.rotate_pbx_token(request).await.unwrap().into_inner()
    };
    let second = rotate(3600).await;
    assert!(works(&first).await && works(&second.token).await);
    let third = rotate(0).await;
    assert!(works(&third.token).await);
    eventually("the others end", || async {
        !works(&first).await && !works(&second.token).await
    })
    .await;
    let log = server
        .query("SELECT string_agg(coalesce(before::text, '') || after::text, '') FROM audit_log");
    assert!(!log.contains("tpbx_"));
}

#[tokio::test]
async fn support_sees_no_tokens() {
    let server = Server::start().await;
    let (pbx, _) = server.pbx("seen").await;
    let channel = server.channel().await;
    for (token, tokens_shown) in [
        (tokens::admin().to_owned(), 1),
        (tokens::of(Role::Support, "helper"), 0),
    ] {
        let mut client = PbxManageClient::with_interceptor(channel.clone(), Bearer::new(&token));
        let shown = client
            .show_pbx(ShowPbxRequest { id: pbx.id })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(shown.tokens.len(), tokens_shown);
        assert_eq!(shown.state, None);
    }
}
