//! The numbers of subscribers who are erased go from records of calls; what was counted and charged stays.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use telecom_proto::v1::{CreateUserRequest, EraseUserRequest, EraseUserResponse};
use telecom_server::auth::Role;
use tonic::{Code, Request};

use super::{Call, Provider, moment};
use crate::server::process::fields;
use crate::server::users::{ALICE, create, users};

const NUMBER: &str = "+493012345678";
const OTHER: &str = "+4915198765432";

async fn erase(provider: &Provider, numbers: &[&str]) -> EraseUserResponse {
    let request = EraseUserRequest {
        id: ALICE.to_owned(),
        reason: "request 17".to_owned(),
        numbers: numbers.iter().map(|number| (*number).to_owned()).collect(),
        ..Default::default()
    };
    let erased = users(&provider.server).await.erase_user(request).await;
    erased.unwrap().into_inner()
}

fn call(id: &str, start: &str, from: &str, to: &str) -> Call {
    Call::new(id, start)
        .by("customer")
        .rang(1000)
        .answered(30_000)
        .text("caller", &format!("sip:{from}@pbx.example.net"))
        .text("callee", &format!("sip:{to}@pbx.example.net"))
        .text("from_number", from)
        .text("to_number", to)
        .text("caller_name", "Caller")
        .text(
            "extra",
            &format!("{{\"from\": \"{from}\", \"to\": \"{to}\"}}"),
        )
}

#[tokio::test]
async fn numbers_go_and_sums_stay() {
    let provider = Provider::start().await;
    let sql = |text: &str| provider.database.sql(text);
    let request = CreateUserRequest {
        id: ALICE.to_owned(),
        ..Default::default()
    };
    create(&mut users(&provider.server).await, request)
        .await
        .unwrap();
    provider.insert(&[
        call("from", "2026-03-01T10:00:00Z", NUMBER, OTHER),
        call("to", "2026-03-01T11:00:00Z", OTHER, &NUMBER[1..]),
        call("both", "2026-03-05T11:00:00Z", NUMBER, NUMBER),
        call("neither", "2026-03-05T12:00:00Z", OTHER, "+49301234567"),
    ]);
    sql(&format!(
        "INSERT INTO call_record_rejected (pbx_id, reason, field, description, call_id, body, digest) \
         SELECT 1, 'conflict', '', '', n::text, CASE WHEN n % 600 = 0 THEN '{{\"toNumber\":\"{NUMBER}\"}}' \
             ELSE '{{\"toNumber\":\"{OTHER}\"}}' END, sha256(n::text::bytea) FROM generate_series(1, 1300) n"
    ));
    let counted = || {
        sql(
            "SELECT count(*) || ' ' || sum(talk_ms) || ' ' || string_agg(encode(digest, 'hex'), ',' ORDER BY call_id) FROM call_record",
        )
    };
    let before = counted();

    let erased = erase(&provider, &[NUMBER]).await;
    assert_eq!(
        (
            erased.erased_call_records,
            erased.erased_rejected_call_records
        ),
        (3, 2)
    );
    assert!(erased.complete);
    assert_eq!(counted(), before);
    let rows = sql(
        "SELECT string_agg(concat_ws('|', call_id, from_number, to_number, caller, callee, caller_name, extra, erased), E'\\n' ORDER BY start_time) FROM call_record",
    );
    let expected = [
        format!("from||{OTHER}||sip:{OTHER}@pbx.example.net||{{}}|t"),
        format!("to|{OTHER}||sip:{OTHER}@pbx.example.net||Caller|{{}}|t"),
        "both||||||{}|t".to_owned(),
        format!(
            "neither|{OTHER}|+49301234567|sip:{OTHER}@pbx.example.net|sip:+49301234567@pbx.example.net|Caller|\
             {{\"to\": \"+49301234567\", \"from\": \"{OTHER}\"}}|f"
        ),
    ];
    assert_eq!(rows, expected.join("\n"));
    assert_eq!(
        sql("SELECT count(*) FROM call_record_rejected WHERE body = ''"),
        "2"
    );

    // Again, with a number more: what is left is done, and written down without a number.
    let again = erase(&provider, &[NUMBER, &OTHER[1..]]).await;
    assert_eq!(
        (
            again.erased_call_records,
            again.erased_rejected_call_records
        ),
        (3, 1298)
    );
    assert_eq!(again.cancelled_packages, 0);
    let nothing = erase(&provider, &[NUMBER, OTHER]).await;
    assert_eq!((nothing.erased_call_records, nothing.complete), (0, true));
    assert!(erase(&provider, &[]).await.complete);
    let log = sql(
        "SELECT string_agg(after::text, E'\\n' ORDER BY id) FROM audit_log WHERE method = 'EraseUser'",
    );
    assert_eq!(log.lines().count(), 3, "{log}");
    assert!(log.contains("\"numbers\": 2"), "{log}");
    assert!(!log.contains("4930") && !log.contains("4915"), "{log}");
    let lines = format!("{:?}", provider.server.log.lock().unwrap());
    assert!(!lines.contains("12345678") && !lines.contains("98765432"));

    let march = telecom_proto::v1::ListCallRecordsRequest {
        start: moment("2026-03-01T00:00:00Z"),
        end: moment("2026-03-02T00:00:00Z"),
        ..Default::default()
    };
    let listed = provider
        .calls(Role::Admin)
        .await
        .list_call_records(march)
        .await;
    let records = listed.unwrap().into_inner().records;
    assert!(
        records
            .iter()
            .all(|record| record.erased && record.from_number.is_empty())
    );
}

#[tokio::test]
async fn what_was_interrupted_is_done_by_a_repetition() {
    let provider = Provider::start().await;
    let sql = |text: &str| provider.database.sql(text);
    let request = CreateUserRequest {
        id: ALICE.to_owned(),
        ..Default::default()
    };
    let mut admin = users(&provider.server).await;
    create(&mut admin, request).await.unwrap();
    provider.insert(&[
        call("held", "2026-03-01T10:00:00Z", NUMBER, OTHER),
        call("free", "2026-03-02T10:00:00Z", NUMBER, OTHER),
    ]);
    // Somebody holds a record of the earlier day.
    let mut holder = PgConnection::connect(&provider.database.url).await.unwrap();
    let mut held = holder.begin().await.unwrap();
    let statement = "SELECT FROM call_record WHERE call_id = 'held' FOR UPDATE";
    sqlx::query(statement).execute(&mut *held).await.unwrap();
    let mut request = Request::new(EraseUserRequest {
        id: ALICE.to_owned(),
        numbers: vec![NUMBER.to_owned()],
        ..Default::default()
    });
    request.set_timeout(Duration::from_secs(2));
    // The client may give up a little sooner than the server.
    let interrupted = admin.erase_user(request).await.unwrap_err();
    let codes = [Code::DeadlineExceeded, Code::Cancelled];
    assert!(codes.contains(&interrupted.code()), "{interrupted:?}");
    let erased = "SELECT string_agg(call_id, ' ') FROM call_record WHERE erased";
    assert_eq!(sql(erased), "free");
    let status = sql("SELECT status FROM subscriber");
    assert_eq!(status, "erased");
    held.rollback().await.unwrap();
    let rest = erase(&provider, &[NUMBER]).await;
    assert_eq!((rest.erased_call_records, rest.complete), (1, true));
    assert_eq!(sql("SELECT count(*) FROM call_record WHERE erased"), "2");
}

#[tokio::test]
async fn numbers_that_cannot_be_are_refused() {
    let provider = Provider::start().await;
    let mut admin = users(&provider.server).await;
    let many = vec!["+4930123".to_owned(); 21];
    for (numbers, field) in [
        (vec!["+4930123".to_owned(), "+1".to_owned()], "numbers[1]"),
        (many, "numbers"),
    ] {
        let request = EraseUserRequest {
            id: ALICE.to_owned(),
            numbers,
            ..Default::default()
        };
        let refused = admin.erase_user(request).await.unwrap_err();
        assert_eq!(fields(&refused), [field]);
    }
}
