//! Records as RustPBX 0.5 pushes them, and what can be wrong with them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const PBX: PbxId = PbxId(7);

fn now() -> DateTime<Utc> {
    "2026-11-22T06:20:00Z".parse().unwrap()
}

fn good() -> Value {
    json!({
        "callId": "1-25573@127.0.0.1", "sessionId": "1-25573@127.0.0.1",
        "startTime": "2026-11-22T06:17:00.223424186Z", "ringTime": "2026-11-22T06:17:01Z",
        "answerTime": "2026-11-22T06:17:02Z", "endTime": "2026-11-22T06:18:02.000999999Z",
        "caller": "sip:sipp@127.0.0.1:5093", "callee": "sip:alice@127.0.0.1:15060",
        "statusCode": 200, "hangupReason": "byCaller", "hangupMessages": [{"code": 200}],
        "direction": "outbound", "status": "completed", "fromNumber": "4930123456", "toNumber": "+15550100",
        "callerName": "sipp", "agentName": null, "queue": null, "departmentId": null,
        "sipTrunkId": 11, "outboundSipTrunkId": "carrier-b",
        "rewrite": {"callerFinal": "sip:sipp@127.0.0.1:5093"}, "tags": null, "hasTranscript": false,
    })
}

fn with(field: &str, value: Value) -> Result<CallRecord, Rejection> {
    let mut record = good();
    record[field] = value;
    check(&record)
}

fn check(record: &Value) -> Result<CallRecord, Rejection> {
    CallDraft::read(record.to_string().as_bytes())?.check(PBX, now())
}

#[test]
fn every_field_that_is_known_has_its_place_and_the_others_are_kept() {
    let record = check(&good()).unwrap();
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    assert_eq!(record.key.start_time, at("2026-11-22T06:17:00.223424Z"));
    assert_eq!(record.key.call_id, "1-25573@127.0.0.1");
    assert!(record.is_root());
    assert_eq!(record.ring_time, Some(at("2026-11-22T06:17:01Z")));
    assert_eq!(record.talk_ms(), 60_000);
    assert_eq!(record.duration_ms(), 61_777);
    assert_eq!(record.direction, Direction::Outbound);
    assert_eq!(record.result, CallResult::Completed);
    assert_eq!(
        (record.status_code, record.hangup_reason.as_str()),
        (200, "byCaller")
    );
    assert_eq!(record.sip_trunk_id, "11");
    assert_eq!(record.outbound_sip_trunk_id, "carrier-b");
    assert_eq!(
        (record.agent_name.as_str(), record.queue.as_str()),
        ("", "")
    );
    let names: Vec<_> = record.extra.keys().collect();
    assert_eq!(
        names,
        ["hangupMessages", "hasTranscript", "rewrite", "status"]
    );
}

#[test]
fn a_leg_has_another_root() {
    let leg = with("sessionId", json!("root@127.0.0.1")).unwrap();
    assert!(!leg.is_root());
    assert!(with("sessionId", Value::Null).unwrap().is_root());
}

#[test]
fn what_cannot_be_is_rejected_with_its_field() {
    for (field, value, reason) in [
        ("callId", Value::Null, "field_missing"),
        ("callId", json!(""), "field_missing"),
        ("callId", json!(5), "field_invalid"),
        ("callId", json!("x".repeat(257)), "field_too_long"),
        ("callId", json!("a\u{0}b"), "field_invalid"),
        ("startTime", Value::Null, "field_missing"),
        ("startTime", json!("yesterday"), "field_invalid"),
        ("startTime", json!(1_700_000_000), "field_invalid"),
        ("startTime", json!("1970-01-01T00:00:00Z"), "too_old"),
        ("startTime", json!("2026-11-15T06:19:59Z"), "too_old"),
        ("startTime", json!("2026-11-23T06:20:01Z"), "too_new"),
        ("endTime", Value::Null, "field_missing"),
        ("endTime", json!("2026-11-22T06:16:59Z"), "end_before_start"),
        (
            "answerTime",
            json!("2026-11-22T06:18:03Z"),
            "answer_after_end",
        ),
        (
            "answerTime",
            json!("2026-11-22T06:16:00Z"),
            "answer_before_start",
        ),
        ("ringTime", json!("2026-11-22T06:19:00Z"), "ring_outside"),
        ("statusCode", json!(-1), "field_invalid"),
        ("statusCode", json!(1000), "field_invalid"),
        ("statusCode", json!("200"), "field_invalid"),
        ("direction", Value::Null, "field_missing"),
        ("direction", json!("sideways"), "field_invalid"),
        ("sipTrunkId", json!(1.5), "field_invalid"),
        (
            "outboundSipTrunkId",
            json!("x".repeat(65)),
            "field_too_long",
        ),
        ("caller", json!("x".repeat(513)), "field_too_long"),
        ("madeUp", json!({"deep": ["a\u{0}"]}), "field_invalid"),
    ] {
        let rejection = with(field, value.clone()).unwrap_err();
        assert_eq!(rejection.reason.as_str(), reason, "{field} {value}");
        assert_eq!(rejection.field, field, "{value}");
    }
    let huge = with("notes", json!("x".repeat(300_000))).unwrap_err();
    assert_eq!(huge.reason.as_str(), "field_too_long");
}

#[test]
fn what_is_no_record_is_rejected_with_its_place() {
    for (json, reason) in [
        ("", "not_json"),
        ("{\"callId\":", "not_json"),
        ("[]", "not_an_object"),
        ("null", "not_an_object"),
    ] {
        let rejection = CallDraft::read(json.as_bytes()).unwrap_err();
        assert_eq!(rejection.reason.as_str(), reason, "{json}");
    }
    let rejection = CallDraft::read(b"{\n \"a\": }").unwrap_err();
    assert_eq!(rejection.description, "is no JSON from line 2, column 7 on");
}

#[test]
fn a_digest_knows_a_record_in_any_order_and_no_other() {
    let digest = |text: &str| CallDraft::read(text.as_bytes()).unwrap().digest();
    let one = digest(r#"{"a": 1, "b": [true]}"#);
    assert!(one.matches(&digest(r#"{ "b":[true],"a":1 }"#)));
    assert!(!one.matches(&digest(r#"{"a": 2, "b": [true]}"#)));
}

proptest! {
    #[test]
    fn no_input_makes_it_panic_and_nothing_of_it_is_told(text in ".{0,200}", field in "[a-zA-Z]{1,20}") {
        let mut record = good();
        record[&field] = json!(text.clone());
        if let Err(rejection) = check(&record) {
            prop_assert!(text.chars().count() < 8 || !rejection.description.contains(&text));
        }
        let _ = CallDraft::read(text.as_bytes());
    }
}
