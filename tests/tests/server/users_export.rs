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

/// A name for the kind of a record, and what it is told by.
fn told(record: Record) -> (&'static str, String) {
    match record {
        Record::User(user) => ("user", user.id),
        Record::QueuedPackage(package) => ("package", package.id.to_string()),
        Record::DailyUsage(sum) => ("daily", format!("{sum:?}")),
        Record::HourlyUsage(sum) => ("hourly", format!("{sum:?}")),
        Record::PackageUsage(usage) => ("package usage", format!("{usage:?}")),
        Record::UsageAdjustment(made) => ("adjustment", format!("{made:?}")),
        Record::AuditEntry(entry) => ("audit", entry.method),
    }
}

#[tokio::test]
async fn an_export_has_all_usage_over_many_pages() {
    let (server, database) = with_entries(1, 1).await;
    let sql = |sql: &str| postgres::shared().sql(&database, sql).unwrap();
    let hour = "date_bin('1 hour', now(), '2000-01-01 00:00:00+00') - interval '1 hour'";
    let day = "date_bin('1 day', now(), '2000-01-01 00:00:00+00')";
    sql(&format!(
        "CREATE TABLE daily_other PARTITION OF usage_daily DEFAULT; \
         CREATE TABLE hourly_other PARTITION OF usage_hourly DEFAULT; \
         CREATE TABLE package_other PARTITION OF user_package_usage DEFAULT; \
         INSERT INTO usage_hourly SELECT '{ALICE}', {hour} - n * interval '1 hour', c, s, 1, 2, 3, 1e29 \
             FROM generate_series(0, 99) n, generate_series(1, 3) c, generate_series(1, 2) s; \
         INSERT INTO usage_daily SELECT '{ALICE}', {day} - n * interval '1 day', 7, 1, n, 2, 3, 4 FROM generate_series(0, 449) n; \
         INSERT INTO user_package_usage SELECT '{ALICE}', {hour}, p, s, CASE WHEN p > 0 THEN 5 ELSE 0 END, 0, 0, \
             CASE WHEN p > 0 THEN 0 ELSE 6 END, 1 FROM generate_series(0, 120) s, \
             (VALUES (NULL::bigint), (1), (2), (3)) AS v (p); \
         INSERT INTO usage_daily SELECT gen_random_uuid(), {day}, 7, 1, 1, 2, 3, 4"
    ));
    let mut stream = export(&server).await;
    let mut kinds: Vec<(&str, Vec<String>)> = Vec::new();
    while let Some(record) = stream.message().await.unwrap() {
        let (kind, text) = told(record.record.unwrap());
        match kinds.last_mut() {
            Some((last, texts)) if *last == kind => texts.push(text),
            _ => kinds.push((kind, vec![text])),
        }
    }
    let counts: Vec<_> = kinds
        .iter()
        .map(|(kind, texts)| (*kind, texts.len()))
        .collect();
    let expected = [
        ("user", 1),
        ("daily", 450),
        ("hourly", 600),
        ("package usage", 484),
        ("audit", 3),
    ];
    assert_eq!(counts, expected);
    for (kind, mut texts) in kinds {
        if kind == "hourly" {
            let most = format!("billed_download_bytes: {}", i64::MAX);
            assert!(texts.iter().all(|text| text.contains(&most)));
        }
        texts.sort();
        texts.dedup();
        let count = expected.iter().find(|(name, _)| *name == kind).unwrap().1;
        assert!(texts.len() == count || kind == "audit", "{kind} twice");
    }
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
