//! Requests that nobody would write, to every method in every role: each is answered with a code that
//! tells the caller what to do, the server goes on, and nothing is left half-written.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use prost_reflect::{DescriptorPool, MethodDescriptor};
use telecom_server::auth::Role;
use telecom_tests::{postgres, tokens};
use tokio::runtime::Runtime;
use tonic::Code;

use super::process::Server;
use super::users::{ALICE, create, users};
use super::wire::{Wire, framed};

mod messages;

/// Messages to a method in a role that it takes; in the others it does not even read them.
const MESSAGES: u32 = 24;

/// What the server reads when its configuration does not say.
const MAX_MESSAGE_BYTES: usize = 4 << 20;

/// What a caller can act on. Nothing else is going on here, so that the rest would be a defect.
const ANSWERS: [Code; 7] = [
    Code::Ok,
    Code::InvalidArgument,
    Code::NotFound,
    Code::AlreadyExists,
    Code::PermissionDenied,
    Code::FailedPrecondition,
    Code::Unauthenticated,
];

fn methods() -> Vec<MethodDescriptor> {
    let pool = DescriptorPool::decode(telecom_proto::FILE_DESCRIPTOR_SET).unwrap();
    let services: Vec<_> = pool.services().collect();
    services
        .iter()
        .flat_map(prost_reflect::ServiceDescriptor::methods)
        .collect()
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    })
}

/// A server with some users and node servers, its database, a token of each role.
async fn crowd() -> (Server, String, Vec<(&'static str, String)>) {
    let url = postgres::shared().database();
    let database = url.rsplit('/').next().unwrap().to_owned();
    let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let mut admin = users(&server).await;
    for id in messages::USERS {
        let request = telecom_proto::v1::CreateUserRequest {
            id: id.to_owned(),
            ..Default::default()
        };
        create(&mut admin, request).await.unwrap();
    }
    let mut callers = Vec::new();
    for role in Role::OF_TOKENS {
        let subject = if role == Role::User { ALICE } else { "fuzz" };
        callers.push((role.as_str(), tokens::of(role, subject)));
    }
    for name in ["fuzzed", "other"] {
        callers.push(("node", server.node(name).await.1));
    }
    callers.push(("nobody", String::new()));
    (server, database, callers)
}

#[test]
fn whatever_is_sent_every_method_answers_sensibly() {
    let runtime = Runtime::new().unwrap();
    let (server, database, callers) = runtime.block_on(crowd());
    let wire = Wire::new(server.grpc);
    for method in methods() {
        let path = format!("{}/{}", method.parent_service().full_name(), method.name());
        let bodies = messages::bodies(&method.input());
        for (role, token) in &callers {
            let call = |body: &[u8]| {
                runtime.block_on(async {
                    if method.name() == "WatchAccess" {
                        wire.begin(&path, token, body).await
                    } else {
                        wire.call(&path, token, body).await.code()
                    }
                })
            };
            let taken = !matches!(call(&[]), Code::PermissionDenied | Code::Unauthenticated);
            let cases = if taken { MESSAGES } else { 2 };
            let result = runner(cases).run(&bodies, |body| {
                let code = call(&body.bytes);
                let too_large =
                    body.bytes.len() > MAX_MESSAGE_BYTES && code == Code::ResourceExhausted;
                prop_assert!(too_large || ANSWERS.contains(&code), "{code:?}");
                Ok(())
            });
            if let Err(TestError::Fail(why, body)) = result {
                let log: Vec<_> = server.log.lock().unwrap().clone();
                let last = &log[log.len().saturating_sub(5)..];
                panic!("{path} as {role}: {why}\n{body:?}\n{last:#?}");
            }
        }
    }
    assert_eq!(runtime.block_on(server.get("/healthz/ready")).code, 200);
    let lines = server.log.lock().unwrap().clone();
    let errors: Vec<_> = lines.iter().filter(|l| l["level"] == "ERROR").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    nothing_is_half_written(&database);
}

/// Each thing was made by one entry of the audit log, and each of its revisions by one more.
fn nothing_is_half_written(database: &str) {
    let sql = |sql: &str| postgres::shared().sql(database, sql).unwrap();
    for (table, target, create) in [
        ("subscriber", "user", "CreateUser"),
        ("node_server", "node_server", "CreateNodeServer"),
        ("node_client", "node_client", "CreateNodeClient"),
        ("package_series", "package_series", "CreatePackageSeries"),
        ("package", "package", "CreatePackage"),
        ("queued_package", "queued_package", "Enqueue"),
    ] {
        let unexplained = sql(&format!(
            "SELECT t.id FROM {table} t WHERE (SELECT count(*) FROM audit_log \
             WHERE target = '{target}/' || t.id AND method = '{create}' AND before IS NULL) <> 1"
        ));
        assert_eq!(unexplained.trim(), "", "{table} without its entry");
        let gone = sql(&format!(
            "SELECT target FROM audit_log a WHERE method = '{create}' \
             AND NOT EXISTS (SELECT FROM {table} t WHERE a.target = '{target}/' || t.id) \
             AND NOT EXISTS (SELECT FROM audit_log d WHERE d.target = a.target AND d.after IS NULL)"
        ));
        assert_eq!(gone.trim(), "", "{table} that an entry tells of");
    }
    for (table, target) in [("subscriber", "user"), ("node_server", "node_server")] {
        let skipped = sql(&format!(
            "SELECT t.id, revision FROM {table} t WHERE revision <> (SELECT count(*) \
             FROM audit_log WHERE target = '{target}/' || t.id AND method NOT IN ('ExportUser', 'ReadmitUsage'))"
        ));
        assert_eq!(skipped.trim(), "", "{table}: a revision without its entry");
    }
}

/// Text that looks like a token, and some that does not.
fn token() -> impl Strategy<Value = Vec<u8>> {
    let good = tokens::admin().as_bytes();
    let part = || {
        prop_oneof![
            "[A-Za-z0-9_-]{0,80}".prop_map(String::into_bytes),
            "\\{\"(alg|typ|kid|jwk|x5c|crit)\":(\"(none|HS256|RS256|ES256|)\"|[0-9]{1,20}|null|\\[\\])\\}"
                .prop_map(|json| encode(json.as_bytes())),
            "\\{\"sub\":\"[a-z]{0,9}\",\"role\":\"admin\",\"exp\":(-?[0-9]{1,30}|1e400|\"x\")\\}"
                .prop_map(|json| encode(json.as_bytes())),
        ]
    };
    prop_oneof![
        proptest::collection::vec(prop_oneof![0x21..=0x7e_u8, 0x80..=0xff_u8], 1..300),
        (part(), part(), part()).prop_map(|(a, b, c)| [a, b, c].join(&b'.')),
        // A good one with one character changed, cut, or doubled.
        (0..good.len(), 0x21..=0x7e_u8).prop_map(move |(at, byte)| {
            let mut token = good.to_vec();
            token[at] = byte;
            token
        }),
        (0..good.len()).prop_map(move |at| good[..at].to_vec()),
        Just([good, good].concat()),
        "tnode_-?[0-9]{0,30}_[A-Za-z0-9_-]{0,80}".prop_map(String::into_bytes),
    ]
}

fn encode(json: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json);
    encoded.into_bytes()
}

#[test]
fn whatever_stands_for_a_token_proves_nothing() {
    let runtime = Runtime::new().unwrap();
    let (server, _, _) = runtime.block_on(crowd());
    let wire = Wire::new(server.grpc);
    let path = "/telecom.v1.UserManage/ListUsers";
    let result = runner(600).run(&token(), |token| {
        let bearer = [b"Bearer ", &token[..]].concat();
        let headers = [("authorization", bearer.as_slice())];
        let answer = runtime.block_on(wire.send(path, &headers, framed(&[])));
        // The change may have changed nothing.
        if token == tokens::admin().as_bytes() {
            return Ok(());
        }
        if answer.status.code() == Code::Unauthenticated {
            Ok(())
        } else {
            Err(TestCaseError::fail(format!("{:?}", answer.status)))
        }
    });
    if let Err(TestError::Fail(why, token)) = result {
        panic!("{why}: {:?}", String::from_utf8_lossy(&token));
    }
    assert_eq!(runtime.block_on(server.get("/healthz/ready")).code, 200);
}
