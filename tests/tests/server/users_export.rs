//! The export of a subscriber: complete, in order, written down, and nobody waits for a slow reader.

use telecom_proto::v1::export_user_response::Record;
use telecom_proto::v1::{CreateUserRequest, ExportUserRequest, ExportUserResponse};
use telecom_tests::postgres;
use tonic::{Code, Streaming};

use super::process::{Server, eventually, reason};
use super::users::{ALICE, create, users};

/// A server with Alice, whose log has `entries` entries of `bytes` bytes more.
async fn with_entries(entries: u32, bytes: u32) -> (Server, String) {
    let url = postgres::shared().database();
    let database = url.rsplit('/').next().unwrap().to_owned();
    let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let request = CreateUserRequest {
        id: ALICE.to_owned(),
        ..Default::default()
    };
    create(&mut users(&server).await, request).await.unwrap();
    let insert = format!(
        "INSERT INTO audit_log (actor, method, target, after, trace_id) \
         SELECT 'admin/tests', 'SuspendUser', 'user/{ALICE}', \
         jsonb_build_object('n', n, 'filling', repeat('x', {bytes})), '' \
         FROM generate_series(1, {entries}) n"
    );
    postgres::shared().sql(&database, &insert).unwrap();
    (server, database)
}

async fn export(server: &Server) -> Streaming<ExportUserResponse> {
    let request = ExportUserRequest {
        id: ALICE.to_owned(),
    };
    let answer = users(server).await.export_user(request).await.unwrap();
    answer.into_inner()
}

#[tokio::test]
async fn an_export_has_everything_once_and_is_written_down() {
    let (server, database) = with_entries(450, 1).await;
    // Of somebody else.
    create(&mut users(&server).await, CreateUserRequest::default())
        .await
        .unwrap();
    let mut stream = export(&server).await;
    let mut records = Vec::new();
    while let Some(record) = stream.message().await.unwrap() {
        records.push(record.record.unwrap());
    }
    let mut records = records.into_iter();
    let Some(Record::User(user)) = records.next() else {
        panic!("the subscriber comes first");
    };
    assert_eq!(user.id, ALICE);
    let entries: Vec<_> = records
        .map(|record| match record {
            Record::AuditEntry(entry) => entry,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(entries.len(), 452);
    assert!(
        entries
            .iter()
            .all(|entry| entry.target == format!("user/{ALICE}"))
    );
    assert!(entries.is_sorted_by(|a, b| a.id < b.id));
    assert_eq!(entries[0].method, "CreateUser");
    assert_eq!(entries[451].method, "ExportUser");
    assert_eq!(entries[451].before, entries[451].after);
    let written = postgres::shared().sql(
        &database,
        "SELECT count(*) FROM audit_log WHERE method = 'ExportUser'",
    );
    assert_eq!(written.unwrap().trim(), "1");
}

#[tokio::test]
async fn a_slow_reader_holds_no_transaction_and_no_server() {
    // More than the windows of HTTP/2 take.
    let (mut server, database) = with_entries(2000, 20_000).await;
    let mut stream = export(&server).await;
    stream.message().await.unwrap().unwrap();
    let busy = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' \
         AND pid <> pg_backend_pid() AND (xact_start IS NOT NULL OR state LIKE 'idle in%')"
    );
    // The pages that fit are read, then everything stands still.
    eventually("no transaction", || async {
        postgres::shared().sql(&database, &busy).unwrap().trim() == "0"
    })
    .await;
    server.signal("TERM").await;
    let ended = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it cannot have been complete"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Unavailable);
    assert_eq!(reason(&ended), "DRAINING");
    assert_eq!(server.ended().await.code(), Some(0));
}
