//! What a PBX may get wrong: refused or kept aside with its place and reason, and no other record suffers.

use serde_json::{Value, json};
use telecom_proto::v1::{
    IngestCallRecordsRequest, ListRejectedCallRecordsRequest, ReportPbxStateRequest,
};
use telecom_tests::tokens;
use tonic::Code;

use super::{BOUNDARY, Server, multipart, outcomes, record};

fn broken(change: impl FnOnce(&mut Value)) -> Value {
    let mut record = record("bad", 0);
    change(&mut record);
    record
}

#[tokio::test]
async fn one_bad_record_spoils_no_other() {
    let server = Server::start().await;
    let (pbx, token) = server.pbx("mixed").await;
    let records = json!([
        record("good-1", 0),
        broken(|record| record["callId"] = Value::Null),
        broken(|record| record["endTime"] = json!("1999-01-01T00:00:00Z")),
        broken(|record| record["answerTime"] = json!("2999-01-01T00:00:00Z")),
        broken(|record| record["startTime"] = json!("1970-01-01T00:00:00Z")),
        broken(|record| record["direction"] = json!("sideways")),
        broken(|record| record["metadata"] = json!({"note": "a\u{0}b"})),
        "no object",
        record("good-2", 0),
    ]);
    let results = server.post_json(&token, &records).await;
    let found: Vec<_> = results
        .iter()
        .map(|result| {
            [&result["outcome"], &result["reason"], &result["field"]]
                .map(|part| part.as_str().unwrap())
        })
        .collect();
    assert_eq!(
        found,
        [
            ["stored", "", ""],
            ["rejected", "field_missing", "callId"],
            ["rejected", "end_before_start", "endTime"],
            ["rejected", "answer_after_end", "answerTime"],
            ["rejected", "too_old", "startTime"],
            ["rejected", "field_invalid", "direction"],
            ["rejected", "field_invalid", "metadata"],
            ["rejected", "not_an_object", ""],
            ["stored", "", ""],
        ]
    );
    assert_eq!(server.query("SELECT count(*) FROM call_record"), "2");
    // Whoever looks after it sees all of them, the newest first, a page at a time.
    let mut admin = server.pbxs().await;
    let request = ListRejectedCallRecordsRequest {
        pbx_id: pbx.id,
        limit: 4,
        ..Default::default()
    };
    let page = admin
        .list_rejected_call_records(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(page.records.len(), 4);
    let request = ListRejectedCallRecordsRequest {
        before_id: page.next_before_id,
        ..request
    };
    let rest = admin
        .list_rejected_call_records(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((rest.records.len(), rest.next_before_id), (3, 0));
    let too_old = page
        .records
        .iter()
        .chain(&rest.records)
        .find(|one| one.reason == "too_old");
    let body: Value = serde_json::from_str(&too_old.unwrap().body).unwrap();
    assert_eq!(body["callId"], "bad");
}

#[tokio::test]
async fn a_push_of_a_bad_record_is_answered_like_a_good_one() {
    let server = Server::start().await;
    let (_, token) = server.pbx("bad").await;
    // Status 0 is a failed call and no fault of the record.
    let no_status = broken(|record| {
        record["statusCode"] = json!(0);
        record["answerTime"] = Value::Null;
    });
    let bad = broken(|record| record["endTime"] = Value::Null);
    for pushed in [no_status, bad] {
        assert_eq!(server.push(&token, &pushed).await.code, 202);
    }
    assert_eq!(
        server.query("SELECT result, status_code FROM call_record"),
        "failed|0"
    );
    let aside = "SELECT reason, field, description FROM call_record_rejected";
    assert_eq!(server.query(aside), "field_missing|endTime|is needed");
    let not_json = multipart("{\"callId\":");
    let form = format!("multipart/form-data; boundary={BOUNDARY}");
    assert_eq!(server.post(&token, &form, &not_json).await.code, 202);
    let aside = "SELECT body FROM call_record_rejected WHERE reason = 'not_json'";
    assert_eq!(server.query(aside), "{\"callId\":");
}

#[tokio::test]
async fn what_is_no_push_is_refused_as_a_whole_with_a_sentence() {
    let server = Server::start().await;
    let (_, token) = server.pbx("refused").await;
    let form = format!("multipart/form-data; boundary={BOUNDARY}");
    let good = multipart(&record("cut", 0).to_string());
    let truncated = &good[..good.len() / 2];
    let other_part = b"--b\r\nContent-Disposition: form-data; name=\"media\"\r\n\r\nx\r\n--b--\r\n";
    let huge = multipart(&json!({"callId": "x".repeat(10 << 20)}).to_string());
    let many = json!(vec![json!({}); 1001]).to_string();
    for (content_type, body, code, part) in [
        (form.as_str(), truncated, 400, "calllog.json"),
        (
            "multipart/form-data; boundary=b",
            other_part.as_slice(),
            400,
            "calllog.json",
        ),
        ("multipart/form-data", good.as_slice(), 400, "boundary"),
        (form.as_str(), huge.as_slice(), 413, "calllog.json"),
        ("text/plain", b"hello".as_slice(), 415, "application/json"),
        ("", b"hello".as_slice(), 415, "application/json"),
        ("application/json", b"[".as_slice(), 400, "JSON"),
        ("application/json", b"[]".as_slice(), 400, "no record"),
        ("application/json", many.as_bytes(), 413, "1000"),
    ] {
        let answer = server.post(&token, content_type, body).await;
        assert_eq!(answer.code, code, "{content_type}: {answer:?}");
        assert!(answer.body.contains(part), "{content_type}: {answer:?}");
    }
    assert_eq!(server.query("SELECT count(*) FROM call_record"), "0");
    // Media are read and thrown away, however large.
    let media = "x".repeat(10 << 20);
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a.wav\"\r\n\r\n{media}\r\n"
    )
    .into_bytes();
    body.extend(multipart(&record("with media", 0).to_string()));
    assert_eq!(server.post(&token, &form, &body).await.code, 202);
    assert_eq!(server.query("SELECT count(*) FROM call_record"), "1");
}

#[tokio::test]
async fn only_a_pbx_brings_records() {
    let server = Server::start().await;
    let (_, token) = server.pbx("mine").await;
    let (_, node) = server.node("node").await;
    let other = format!("{}x", &token[..token.len() - 1]);
    for (token, code) in [
        ("", 401),
        (other.as_str(), 401),
        ("tpbx_99_x", 401),
        (tokens::admin(), 401),
        (node.as_str(), 403),
    ] {
        let answer = server.push(token, &record("x", 0)).await;
        assert_eq!(answer.code, code, "{answer:?}");
        assert_eq!(
            answer.head.contains("www-authenticate: bearer"),
            code == 401
        );
    }
    let mut client = server.call_ingest(tokens::admin()).await;
    let refused = client
        .ingest_call_records(IngestCallRecordsRequest::default())
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let mut client = server.call_ingest(&token).await;
    let refused = client
        .ingest_call_records(IngestCallRecordsRequest::default())
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    let report = ReportPbxStateRequest {
        active_calls: 20_000_000,
        ttl: Some(prost_types::Duration {
            seconds: 0,
            nanos: 0,
        }),
        ..Default::default()
    };
    let refused = client.report_pbx_state(report).await.unwrap_err();
    assert_eq!(
        super::super::process::fields(&refused),
        ["active_calls", "ttl"]
    );
    assert_eq!(
        outcomes(&server.post_json(&token, &record("x", 0)).await),
        ["stored"]
    );
    let answer = server.get("/v1/call-records").await;
    assert_eq!(answer.code, 405);
}
