//! The audit log as administrators read it.

use prost_types::value::Kind;
use prost_types::{Struct, Timestamp};
use telecom_proto::v1::audit_client::AuditClient;
use telecom_proto::v1::{AuditEntry, DeleteNodeServerRequest, ListAuditRequest, NodeServer};
use telecom_server::auth::Role;
use telecom_tests::tokens;
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use super::process::{Bearer, Server, fields};

type Audit = AuditClient<InterceptedService<Channel, Bearer>>;

async fn audit_as(server: &Server, token: &str) -> Audit {
    AuditClient::with_interceptor(server.channel().await, Bearer::new(token))
}

fn ask(filter: impl FnOnce(&mut ListAuditRequest)) -> ListAuditRequest {
    let mut request = ListAuditRequest::default();
    filter(&mut request);
    request
}

async fn list(audit: &mut Audit, request: ListAuditRequest) -> (Vec<AuditEntry>, i64) {
    let page = audit.list_audit(request).await.unwrap().into_inner();
    (page.entries, page.next_before_id)
}

/// Two administrators, three writes: the newest entry is a deletion by the second.
async fn three_writes() -> (Server, NodeServer, Vec<AuditEntry>) {
    let server = Server::start().await;
    let (first, _) = server.node("first").await;
    server.node("second").await;
    let delete = DeleteNodeServerRequest {
        id: first.id,
        etag: first.etag.clone(),
    };
    let night = tokens::of(Role::Admin, "night shift");
    let mut night = server.manage_as(&night).await;
    night.delete_node_server(delete).await.unwrap();
    let mut audit = audit_as(&server, tokens::admin()).await;
    let (all, next) = list(&mut audit, ListAuditRequest::default()).await;
    assert_eq!((all.len(), next), (3, 0));
    (server, first, all)
}

fn text<'a>(state: Option<&'a Struct>, field: &str) -> &'a str {
    match state.unwrap().fields[field].kind.as_ref().unwrap() {
        Kind::StringValue(text) => text,
        other => panic!("{field} is {other:?}"),
    }
}

#[tokio::test]
async fn an_entry_says_who_did_what_to_what() {
    let (_server, first, all) = three_writes().await;
    let found: Vec<_> = all
        .iter()
        .map(|entry| (entry.actor.as_str(), entry.method.as_str()))
        .collect();
    let expected = [
        ("admin/night shift", "DeleteNodeServer"),
        ("admin/tests", "CreateNodeServer"),
        ("admin/tests", "CreateNodeServer"),
    ];
    assert_eq!(found, expected);
    let target = format!("node_server/{}", first.id);
    assert_eq!((&all[0].target, &all[2].target), (&target, &target));
    assert_eq!(all[0].after, None);
    assert_eq!(text(all[0].before.as_ref(), "name"), "first");
    assert_eq!(all[2].before, None);
    assert_eq!(text(all[2].after.as_ref(), "etag"), first.etag);
    let bandwidth = &all[2].after.as_ref().unwrap().fields["bandwidth_bps"];
    assert_eq!(bandwidth.kind, Some(Kind::NumberValue(1e10)));
    assert!(all.iter().all(|entry| entry.trace_id.len() == 32));
}

#[tokio::test]
async fn filters_are_combined_and_pages_follow_each_other() {
    let (server, first, all) = three_writes().await;
    let mut audit = audit_as(&server, tokens::admin()).await;
    let target = format!("node_server/{}", first.id);
    let at = |n: usize| all[n].at;
    let just_after = |n: usize| {
        at(n).map(|at| Timestamp {
            nanos: at.nanos + 1000,
            ..at
        })
    };
    let day = || "admin/tests".to_owned();
    let create = || "CreateNodeServer".to_owned();
    let cases: [(ListAuditRequest, &[usize]); 12] = [
        (ask(|r| r.actor = day()), &[1, 2]),
        (ask(|r| r.actor = "admin/test".to_owned()), &[]),
        (ask(|r| r.method = create()), &[1, 2]),
        (ask(|r| r.target.clone_from(&target)), &[0, 2]),
        (
            ask(|r| (r.target, r.actor, r.method) = (target.clone(), day(), create())),
            &[2],
        ),
        (
            ask(|r| (r.actor, r.method) = ("admin/night shift".to_owned(), create())),
            &[],
        ),
        (ask(|r| r.start = at(1)), &[0, 1]),
        (ask(|r| r.end = at(1)), &[2]),
        (ask(|r| (r.start, r.end) = (at(1), just_after(1))), &[1]),
        (ask(|r| r.start = just_after(0)), &[]),
        (ask(|r| r.before_id = all[1].id), &[2]),
        (ask(|r| r.before_id = i64::MAX), &[0, 1, 2]),
    ];
    for (request, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|n| all[*n].clone()).collect();
        let (found, next) = list(&mut audit, request.clone()).await;
        assert_eq!((found, next), (expected, 0), "{request:?}");
    }
    let (page, next) = list(&mut audit, ask(|r| r.limit = 2)).await;
    assert_eq!((page, next), (all[..2].to_vec(), all[1].id));
    let (rest, next) = list(&mut audit, ask(|r| (r.limit, r.before_id) = (2, next))).await;
    assert_eq!((rest, next), (all[2..].to_vec(), 0));
    let (whole, next) = list(&mut audit, ask(|r| r.limit = 3)).await;
    assert_eq!((whole.len(), next), (3, 0));
}

#[tokio::test]
async fn filters_that_cannot_be_are_refused_and_only_admins_look() {
    let server = Server::start().await;
    let mut audit = audit_as(&server, tokens::admin()).await;
    let at = |seconds, nanos| Some(Timestamp { seconds, nanos });
    for (request, field) in [
        (ask(|r| r.limit = 501), "limit"),
        (ask(|r| r.before_id = -1), "before_id"),
        (ask(|r| r.actor = "a\0".to_owned()), "actor"),
        (ask(|r| r.method = "x".repeat(301)), "method"),
        (ask(|r| r.target = "x".repeat(1 << 20)), "target"),
        (ask(|r| r.start = at(-1, 0)), "start"),
        (ask(|r| r.start = at(i64::MAX, 0)), "start"),
        (ask(|r| r.end = at(0, -1)), "end"),
        (ask(|r| (r.start, r.end) = (at(9, 1), at(9, 1))), "end"),
    ] {
        let refused = audit.list_audit(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        assert_eq!(fields(&refused), [field]);
    }
    for role in [Role::Support, Role::Viewer, Role::Operator, Role::Collector] {
        let mut other = audit_as(&server, &tokens::of(role, "x")).await;
        let refused = other.list_audit(ListAuditRequest::default()).await;
        assert_eq!(
            refused.unwrap_err().code(),
            Code::PermissionDenied,
            "{role:?}"
        );
    }
}
