//! Subscribers from registration to erasure.

use std::collections::BTreeMap;

use telecom_proto::v1::user_manage_client::UserManageClient;
use telecom_proto::v1::{
    CreateUserRequest, EraseUserRequest, ExportUserRequest, ListUsersRequest, ResumeUserRequest,
    ShowUserRequest, SuspendUserRequest, User, UserStatus,
};
use telecom_server::auth::Role;
use telecom_tests::{postgres, tokens};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::process::{Bearer, Server, fields, reason};

pub type Users = UserManageClient<InterceptedService<Channel, Bearer>>;

pub const ALICE: &str = "0190f3a1-7c11-7cc3-98c4-dc0c0c07398f";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

pub async fn users(server: &Server) -> Users {
    users_as(server, tokens::admin()).await
}

pub async fn users_as(server: &Server, token: &str) -> Users {
    UserManageClient::with_interceptor(server.channel().await, Bearer::new(token))
}

pub async fn create(users: &mut Users, request: CreateUserRequest) -> Result<User, Status> {
    let created = users.create_user(request).await?.into_inner();
    Ok(created.user.unwrap())
}

fn alice() -> CreateUserRequest {
    CreateUserRequest {
        id: ALICE.to_owned(),
        time_zone: "asia/kathmandu".to_owned(),
        metadata: [("surname".to_owned(), "Liddell".to_owned())].into(),
        ..Default::default()
    }
}

async fn show(users: &mut Users, id: &str) -> User {
    let id = id.to_owned();
    let shown = users.show_user(ShowUserRequest { id }).await.unwrap();
    shown.into_inner().user.unwrap()
}

#[tokio::test]
async fn a_subscriber_lives_from_registration_to_erasure() {
    let server = Server::start().await;
    let mut users = users(&server).await;
    let created = create(&mut users, alice()).await.unwrap();
    assert_eq!(
        (created.id.as_str(), created.time_zone.as_str()),
        (ALICE, "Asia/Kathmandu")
    );
    assert_eq!(created.metadata, alice().metadata);
    assert_eq!(created.status(), UserStatus::Active);
    assert_eq!(show(&mut users, &ALICE.to_uppercase()).await, created);

    let suspend = |reason: &str, etag: &str| SuspendUserRequest {
        id: ALICE.to_owned(),
        reason: reason.to_owned(),
        etag: etag.to_owned(),
    };
    let suspended = users.suspend_user(suspend("unpaid", &created.etag));
    let suspended = suspended.await.unwrap().into_inner().user.unwrap();
    assert_eq!(suspended.status(), UserStatus::Suspended);
    assert_eq!(suspended.status_reason, "unpaid");
    let stale = users.suspend_user(suspend("", &created.etag)).await;
    assert_eq!(reason(&stale.unwrap_err()), "ETAG_STALE");
    // What is no etag at all is not repeated to whoever reads the message.
    let odd = users.suspend_user(suspend("", "\u{202e}\n\0odd")).await;
    let odd = odd.unwrap_err();
    assert_eq!(reason(&odd), "ETAG_STALE");
    assert!(!odd.message().contains("odd"), "{odd:?}");
    let again = users.suspend_user(suspend("abuse", "")).await.unwrap();
    assert_eq!(again.into_inner().user.unwrap().status_reason, "abuse");

    let resume = || ResumeUserRequest {
        id: ALICE.to_owned(),
        etag: String::new(),
    };
    let resumed = users.resume_user(resume()).await.unwrap().into_inner();
    let resumed = resumed.user.unwrap();
    assert_eq!(
        (resumed.status(), resumed.status_reason.as_str()),
        (UserStatus::Active, "")
    );
    let again = users.resume_user(resume()).await.unwrap().into_inner();
    assert_eq!(again.user.unwrap(), resumed, "nothing has changed");

    let erase = || EraseUserRequest {
        id: ALICE.to_owned(),
        reason: "request 4711".to_owned(),
        ..Default::default()
    };
    let erased = users.erase_user(erase()).await.unwrap().into_inner();
    let left = erased.user.unwrap();
    assert_eq!(left.status(), UserStatus::Erased);
    assert_eq!(left.metadata, BTreeMap::new());
    assert_eq!(left.time_zone, "UTC");
    assert_eq!(left.status_reason, "request 4711");
    let again = users.erase_user(erase()).await.unwrap().into_inner();
    assert_eq!(again.user.unwrap(), left, "nothing has changed");
    let stale = EraseUserRequest {
        etag: resumed.etag,
        ..erase()
    };
    let stale = users.erase_user(stale).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_STALE");
    for refused in [
        users.suspend_user(suspend("", "")).await.map(drop),
        users.resume_user(resume()).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert_eq!(reason(&refused), "USER_ERASED");
    }
    let taken = create(&mut users, alice()).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
    assert_eq!(reason(&taken), "USER_ID_TAKEN");
}

#[tokio::test]
async fn what_is_written_down_about_a_subscriber_is_nothing_personal() {
    let url = postgres::shared().database();
    let database = url.rsplit('/').next().unwrap();
    let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let mut users = users(&server).await;
    create(&mut users, alice()).await.unwrap();
    let id = || ALICE.to_owned();
    for reason in ["Liddell did not pay", "Liddell did not pay"] {
        let suspend = SuspendUserRequest {
            id: id(),
            reason: reason.to_owned(),
            ..Default::default()
        };
        users.suspend_user(suspend).await.unwrap();
    }
    for _ in 0..2 {
        let resume = ResumeUserRequest {
            id: id(),
            ..Default::default()
        };
        users.resume_user(resume).await.unwrap();
    }
    for _ in 0..2 {
        let erase = EraseUserRequest {
            id: id(),
            reason: "4711".to_owned(),
            ..Default::default()
        };
        users.erase_user(erase).await.unwrap();
    }
    let sql = |sql: &str| postgres::shared().sql(database, sql).unwrap();
    let rows = sql("SELECT method, target, before::text, after::text FROM audit_log ORDER BY id");
    let target = format!("user/{ALICE}");
    let expected = [
        format!("CreateUser|{target}||{{\"etag\": \"r1\", \"status\": \"active\"}}"),
        format!(
            "SuspendUser|{target}|{{\"etag\": \"r1\", \"status\": \"active\"}}|\
             {{\"etag\": \"r2\", \"status\": \"suspended\", \"changed\": [\"status_reason\"]}}"
        ),
        format!(
            "SuspendUser|{target}|{{\"etag\": \"r2\", \"status\": \"suspended\"}}|\
             {{\"etag\": \"r3\", \"status\": \"suspended\", \"changed\": []}}"
        ),
        format!(
            "ResumeUser|{target}|{{\"etag\": \"r3\", \"status\": \"suspended\"}}|\
             {{\"etag\": \"r4\", \"status\": \"active\", \"changed\": [\"status_reason\"]}}"
        ),
        format!(
            "EraseUser|{target}|{{\"etag\": \"r4\", \"status\": \"active\"}}|\
             {{\"etag\": \"r5\", \"status\": \"erased\", \
             \"changed\": [\"metadata\", \"status_reason\", \"time_zone\"], \"status_reason\": \"4711\"}}"
        ),
    ];
    assert_eq!(rows.lines().collect::<Vec<_>>(), expected);
    // Nor anywhere else in the database, nor in the log.
    let kept = sql(
        "SELECT query_to_xml('SELECT * FROM ' || c.oid::regclass, true, true, '')::text \
         FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    );
    let lines = format!("{:?}", server.log.lock().unwrap());
    for personal in ["Liddell", "Kathmandu"] {
        assert!(!kept.contains(personal) && !lines.contains(personal));
    }
    assert!(kept.contains(ALICE), "the id stays");
}

#[tokio::test]
async fn pages_and_filters_cover_every_subscriber_once() {
    let server = Server::start().await;
    let mut users = users(&server).await;
    let mut all = Vec::new();
    for _ in 0..7 {
        let made = create(&mut users, CreateUserRequest::default()).await;
        all.push(made.unwrap());
    }
    assert!(all.iter().all(|user| user.time_zone == "UTC"));
    let suspend = SuspendUserRequest {
        id: all[2].id.clone(),
        ..Default::default()
    };
    users.suspend_user(suspend).await.unwrap();
    let ids: Vec<_> = all.into_iter().map(|user| user.id).collect();
    let list = |status: UserStatus, limit, offset| {
        let mut users = users.clone();
        async move {
            let request = ListUsersRequest {
                status: status.into(),
                limit,
                offset,
            };
            let page = users.list_users(request).await.unwrap().into_inner();
            let ids: Vec<_> = page.users.into_iter().map(|user| user.id).collect();
            (ids, page.total)
        }
    };
    let any = UserStatus::Unspecified;
    assert_eq!(list(any, 0, 0).await, (ids.clone(), 7));
    assert_eq!(list(any, 3, 2).await, (ids[2..5].to_vec(), 7));
    assert_eq!(list(any, 500, u32::MAX).await, (vec![], 7));
    let suspended = list(UserStatus::Suspended, 0, 0).await;
    assert_eq!(suspended, (vec![ids[2].clone()], 1));
    let active = list(UserStatus::Active, 2, 1).await;
    assert_eq!(active, (vec![ids[1].clone(), ids[3].clone()], 6));
    assert_eq!(list(UserStatus::Erased, 0, 0).await, (vec![], 0));
}

/// A name, what to spoil, and the fields that are at fault then.
type Case = (
    &'static str,
    fn(&mut CreateUserRequest),
    &'static [&'static str],
);

#[tokio::test]
async fn bad_requests_name_their_fields_and_unknown_subscribers_are_not_found() {
    let server = Server::start().await;
    let mut users = users(&server).await;
    let cases: [Case; 9] = [
        ("no UUID", |r| r.id = "7".to_owned(), &["id"]),
        ("a bare UUID", |r| r.id = r.id.replace('-', ""), &["id"]),
        (
            "a place",
            |r| r.time_zone = "Berlin".to_owned(),
            &["time_zone"],
        ),
        (
            "an offset",
            |r| r.time_zone = "+05:45".to_owned(),
            &["time_zone"],
        ),
        (
            "a megabyte",
            |r| r.time_zone = "x".repeat(1 << 20),
            &["time_zone"],
        ),
        (
            "control characters",
            |r| drop(r.metadata.insert("k".to_owned(), "a\0b".to_owned())),
            &["metadata[\"k\"]"],
        ),
        (
            "a long key",
            |r| drop(r.metadata.insert("k".repeat(64), String::new())),
            &["metadata[\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\"]"],
        ),
        (
            "a key of spaces",
            |r| r.idempotency_key = "a b".to_owned(),
            &["idempotency_key"],
        ),
        (
            "a long key of idempotency",
            |r| r.idempotency_key = "k".repeat(65),
            &["idempotency_key"],
        ),
    ];
    for (name, spoil, expected) in cases {
        let mut request = alice();
        spoil(&mut request);
        let refused = create(&mut users, request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name}");
        assert_eq!(fields(&refused), expected, "{name}");
    }
    for (limit, status, field) in [(501, 0, "limit"), (0, 4, "status"), (0, -1, "status")] {
        let request = ListUsersRequest {
            status,
            limit,
            offset: 0,
        };
        let refused = users.list_users(request).await.unwrap_err();
        assert_eq!(fields(&refused), [field]);
    }
    let suspend = SuspendUserRequest {
        id: ALICE.to_owned(),
        reason: "r".repeat(201),
        ..Default::default()
    };
    let refused = users.suspend_user(suspend).await.unwrap_err();
    assert_eq!(fields(&refused), ["reason"]);

    for (id, code) in [("x", Code::InvalidArgument), (NOBODY, Code::NotFound)] {
        let id = || id.to_owned();
        let mut answers = Vec::new();
        let request = ShowUserRequest { id: id() };
        answers.push(users.show_user(request).await.map(drop));
        let request = SuspendUserRequest {
            id: id(),
            ..Default::default()
        };
        answers.push(users.suspend_user(request).await.map(drop));
        let request = ResumeUserRequest {
            id: id(),
            ..Default::default()
        };
        answers.push(users.resume_user(request).await.map(drop));
        let request = EraseUserRequest {
            id: id(),
            ..Default::default()
        };
        answers.push(users.erase_user(request).await.map(drop));
        let request = ExportUserRequest { id: id() };
        answers.push(users.export_user(request).await.map(drop));
        for refused in answers.into_iter().map(Result::unwrap_err) {
            assert_eq!(refused.code(), code);
            if code == Code::NotFound {
                assert_eq!(reason(&refused), "USER_NOT_FOUND");
            } else {
                assert_eq!(fields(&refused), ["id"]);
            }
        }
    }
    let none = users.list_users(ListUsersRequest::default()).await;
    assert_eq!(none.unwrap().into_inner().total, 0, "nothing half-written");
}

#[tokio::test]
async fn support_looks_and_does_nothing_else() {
    let server = Server::start().await;
    create(&mut users(&server).await, alice()).await.unwrap();
    let mut support = users_as(&server, &tokens::of(Role::Support, "helpdesk")).await;
    show(&mut support, ALICE).await;
    support
        .list_users(ListUsersRequest::default())
        .await
        .unwrap();
    let refused = create(&mut support, CreateUserRequest::default()).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let export = ExportUserRequest {
        id: ALICE.to_owned(),
    };
    let refused = support.export_user(export).await.map(drop);
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let mut herself = users_as(&server, &tokens::of(Role::User, ALICE)).await;
    let own = ShowUserRequest {
        id: ALICE.to_owned(),
    };
    let refused = herself.show_user(own).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}
