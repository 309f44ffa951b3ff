//! Creates that are sent again with their key: done once, whoever sends them however often.

use std::collections::BTreeSet;

use telecom_proto::v1::{
    CreateNodeServerRequest, CreateUserRequest, DeleteNodeServerRequest, EraseUserRequest,
    ListNodeServersRequest, ListUsersRequest, User,
};
use telecom_server::auth::Role;
use telecom_tests::{postgres, tokens};
use tonic::Code;

use super::process::{Server, config, fields, reason};
use super::users::{create, users, users_as};

fn keyed(key: &str) -> CreateUserRequest {
    CreateUserRequest {
        metadata: [("plan", "gold"), ("branch", "north"), ("a", "b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        idempotency_key: key.to_owned(),
        ..Default::default()
    }
}

fn node(name: &str, key: &str) -> CreateNodeServerRequest {
    CreateNodeServerRequest {
        config: Some(config(name)),
        idempotency_key: key.to_owned(),
    }
}

#[tokio::test]
async fn fifty_at_once_make_one() {
    let url = postgres::shared().database();
    let database = url.rsplit('/').next().unwrap();
    let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let requests = (0..50).map(|_| async {
        let mut users = users(&server).await;
        create(&mut users, keyed("order-1")).await
    });
    let made = futures::future::join_all(requests).await;
    let made: Vec<User> = made.into_iter().map(Result::unwrap).collect();
    assert!(made.iter().all(|user| user == &made[0]));

    // A node server's token is shown once.
    let requests = (0..50).map(|_| async {
        let mut admin = server.admin().await;
        let answer = admin.create_node_server(node("one", "n-1")).await;
        answer.unwrap().into_inner()
    });
    let made = futures::future::join_all(requests).await;
    let ids: BTreeSet<_> = made
        .iter()
        .map(|m| m.node_server.clone().unwrap().id)
        .collect();
    assert_eq!(ids.len(), 1);
    let tokens: Vec<_> = made.iter().filter(|m| !m.token.is_empty()).collect();
    assert_eq!(tokens.len(), 1);

    let counts = "SELECT (SELECT count(*) FROM subscriber), (SELECT count(*) FROM node_server), \
         (SELECT count(*) FROM audit_log), (SELECT count(*) FROM idempotency_key)";
    let counts = postgres::shared().sql(database, counts).unwrap();
    assert_eq!(counts.trim(), "1|1|2|2");
}

#[tokio::test]
async fn a_key_stands_for_one_request_of_one_caller_to_one_method() {
    let server = Server::start().await;
    let mut users = users(&server).await;
    let first = create(&mut users, keyed("k")).await.unwrap();
    let other = CreateUserRequest {
        time_zone: "Europe/Berlin".to_owned(),
        ..keyed("k")
    };
    let refused = create(&mut users, other).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert_eq!(reason(&refused), "IDEMPOTENCY_KEY_REUSED");
    // Neither a key in other letters, nor another method's, nor another caller's.
    let upper = create(&mut users, keyed("K")).await.unwrap();
    let mut admin = server.admin().await;
    admin.create_node_server(node("n", "k")).await.unwrap();
    let colleague = tokens::of(Role::Admin, "colleague");
    let mut colleague = users_as(&server, &colleague).await;
    let theirs = create(&mut colleague, keyed("k")).await.unwrap();
    let ids: BTreeSet<_> = [&first, &upper, &theirs].map(|user| &user.id).into();
    assert_eq!(ids.len(), 3);
    // Without one, every request makes something.
    let unkeyed = create(&mut users, keyed("")).await.unwrap();
    assert_ne!(unkeyed.id, create(&mut users, keyed("")).await.unwrap().id);
}

#[tokio::test]
async fn a_repetition_tells_how_things_are_now() {
    let server = Server::start().await;
    let mut users = users(&server).await;
    let first = create(&mut users, keyed("k")).await.unwrap();
    let erase = EraseUserRequest {
        id: first.id,
        ..Default::default()
    };
    let erased = users.erase_user(erase).await.unwrap().into_inner().user;
    assert_eq!(create(&mut users, keyed("k")).await.ok(), erased);

    let mut admin = server.admin().await;
    let made = admin.create_node_server(node("n", "k")).await.unwrap();
    let made = made.into_inner().node_server.unwrap();
    let delete = DeleteNodeServerRequest {
        id: made.id,
        etag: made.etag,
    };
    admin.delete_node_server(delete).await.unwrap();
    let gone = admin.create_node_server(node("n", "k")).await.unwrap_err();
    assert_eq!(reason(&gone), "NODE_SERVER_NOT_FOUND");
}

#[tokio::test]
async fn what_failed_can_be_corrected_under_the_same_key() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    admin.create_node_server(node("taken", "")).await.unwrap();
    for _ in 0..2 {
        let refused = admin.create_node_server(node("taken", "k")).await;
        assert_eq!(reason(&refused.unwrap_err()), "NODE_SERVER_NAME_TAKEN");
    }
    admin.create_node_server(node("free", "k")).await.unwrap();
}

#[tokio::test]
async fn keys_are_short_and_visible() {
    let server = Server::start().await;
    let mut users = users(&server).await;
    let mut admin = server.admin().await;
    let longest = "k".repeat(64);
    for good in ["!", "~", "0190f3a1-7c11-7cc3-98c4-dc0c0c07398f", &longest] {
        create(&mut users, keyed(good)).await.unwrap();
    }
    let longer = "k".repeat(65);
    let megabyte = "k".repeat(1 << 20);
    for bad in [" ", "a b", "a\n", "\0", "\u{7f}", "é", &longer, &megabyte] {
        let refused = create(&mut users, keyed(bad)).await.unwrap_err();
        assert_eq!(fields(&refused), ["idempotency_key"], "{bad:?}");
        let refused = admin.create_node_server(node("n", bad)).await;
        assert_eq!(fields(&refused.unwrap_err()), ["idempotency_key"]);
    }
    let made = users.list_users(ListUsersRequest::default()).await.unwrap();
    assert_eq!(made.into_inner().total, 4);
    let none = ListNodeServersRequest::default();
    let none = admin.list_node_servers(none).await.unwrap();
    assert_eq!(none.into_inner().total, 0);
}
