//! Records that are good: stored once, however they come.

use serde_json::{Value, json};
use telecom_proto::v1::{CallRecordOutcome, CallRecordPush, IngestCallRecordsRequest};

use super::{Server, outcomes, record};

/// Two pushes of a running RustPBX 0.5.0-rc.1, but for their times.
const NO_ANSWER: &str = r#"{"callId":"1-25546@127.0.0.1","sessionId":"1-25546@127.0.0.1","startTime":"START","endTime":"END","caller":"sip:sipp@127.0.0.1:5092","callee":"sip:bob@127.0.0.1:5090","statusCode":408,"hangupReason":"noAnswer","hangupMessages":[{"code":408}],"sipLegRoles":{"83f5i03TYvgnWc9QladNPN@miuda.ai":"callee","1-25546@127.0.0.1":"caller"},"direction":"inbound","status":"failed","fromNumber":"sipp","toNumber":"bob","callerName":"sipp","agentName":null,"queue":null,"departmentId":null,"extensionId":null,"sipTrunkId":null,"outboundSipTrunkId":null,"routeId":null,"sipGateway":null,"recordingUrl":null,"recordingDurationSecs":null,"hasTranscript":false,"transcriptStatus":null,"transcriptLanguage":null,"tags":null,"rewrite":{"callerOriginal":"sip:sipp@127.0.0.1:5092","callerFinal":"sip:sipp@127.0.0.1:5092","calleeOriginal":"sip:bob@127.0.0.1:15060","calleeFinal":"sip:bob@127.0.0.1:5090"},"lastError":{"code":408},"metadata":{"error_severity":"warn","error_app":"dial","hangup_reason":"noAnswer","error_message":"All targets failed","last_error_code":"408","hangup_by":"unknown","sip_code":"408"}}"#;
const OFFLINE: &str = r#"{"callId":"1-25573@127.0.0.1","sessionId":"1-25573@127.0.0.1","startTime":"START","endTime":"END","caller":"sip:sipp@127.0.0.1:5093","callee":"sip:alice@127.0.0.1:15060","statusCode":480,"hangupReason":"failed","hangupMessages":[{"code":480,"reason":"target user is offline"}],"sipLegRoles":{"":"caller"},"direction":"internal","status":"failed","fromNumber":"sipp","toNumber":"alice","callerName":"sipp","agentName":null,"queue":null,"sipTrunkId":null,"outboundSipTrunkId":null,"tags":null,"lastError":{"code":480,"reason":"target user is offline"},"metadata":{"sip_code":"480"}}"#;

fn sample(text: &str) -> Value {
    let at = |ago: i64| {
        let time = chrono::Utc::now() - chrono::TimeDelta::milliseconds(ago);
        time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
    };
    let text = text.replace("START", &at(32_074)).replace("END", &at(0));
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn what_rustpbx_pushes_is_stored_field_by_field_and_counted() {
    let server = Server::start().await;
    let (pbx, token) = server.pbx("berlin").await;
    assert!(token.starts_with(&format!("tpbx_{}_", pbx.id)));
    for pushed in [sample(NO_ANSWER), sample(OFFLINE), record("answered", 0)] {
        assert_eq!(server.push(&token, &pushed).await.code, 202);
    }
    let rows = server.query(
        "SELECT call_id, root, direction, result, status_code, hangup_reason, from_number, to_number, \
         sip_trunk_id, outbound_sip_trunk_id, talk_ms, duration_ms / 1000, erased FROM call_record ORDER BY call_id",
    );
    assert_eq!(
        rows,
        "1-25546@127.0.0.1|t|inbound|missed|408|noAnswer|sipp|bob|||0|32|f\n\
         1-25573@127.0.0.1|t|internal|failed|480|failed|sipp|alice|||0|32|f\n\
         answered|t|outbound|completed|200|byCaller|4930123456|15550100|11|22|60000|70|f"
    );
    let extra = server.query("SELECT extra FROM call_record WHERE call_id = 'answered'");
    let extra: Value = serde_json::from_str(&extra).unwrap();
    assert_eq!(
        extra["legTimeline"],
        json!([{"legId": "a", "event": "answered"}])
    );
    assert_eq!(extra["status"], "completed");
    assert_eq!(extra.get("callId"), None);

    let metric = async |sample: &str| server.metric(sample).await.unwrap();
    for (sample, value) in [
        (
            "rustpbx_calls_total{direction=\"inbound\",result=\"missed\"}",
            1.0,
        ),
        (
            "rustpbx_calls_total{direction=\"internal\",result=\"failed\"}",
            1.0,
        ),
        (
            "rustpbx_calls_total{direction=\"outbound\",result=\"completed\"}",
            1.0,
        ),
        (
            "rustpbx_calls_total{direction=\"outbound\",result=\"missed\"}",
            0.0,
        ),
        (
            "rustpbx_call_talk_time_seconds_sum{direction=\"outbound\"}",
            60.0,
        ),
        (
            "rustpbx_call_talk_time_seconds_count{direction=\"inbound\"}",
            0.0,
        ),
        (
            "rustpbx_call_duration_seconds_count{direction=\"inbound\"}",
            1.0,
        ),
        ("telecom_call_seizures_total{direction=\"outbound\"}", 1.0),
        ("telecom_call_answers_total{direction=\"outbound\"}", 1.0),
        ("telecom_call_seizures_total{direction=\"inbound\"}", 0.0),
        (
            "telecom_call_talk_milliseconds_total{direction=\"outbound\"}",
            60_000.0,
        ),
        ("telecom_call_records_total{result=\"stored\"}", 3.0),
        ("telecom_call_records_total{result=\"rejected\"}", 0.0),
    ] {
        let found = metric(sample).await;
        assert!((found - value).abs() < 1e-9, "{sample}: {found}");
    }
    // Numbers of people are in no log line and no label.
    let log = format!("{:?}", server.log.lock().unwrap());
    let metrics = server.get("/metrics").await.body;
    for secret in ["4930123456", "15550100", token.as_str()] {
        assert!(!log.contains(secret) && !metrics.contains(secret));
    }
}

#[tokio::test]
async fn a_leg_is_stored_and_is_no_call() {
    let server = Server::start().await;
    let (_, token) = server.pbx("legs").await;
    let mut leg = record("leg-1", 0);
    leg["sessionId"] = json!("root");
    let results = server
        .post_json(&token, &json!([record("root", 0), leg]))
        .await;
    assert_eq!(outcomes(&results), ["stored", "stored"]);
    let sample = "rustpbx_calls_total{direction=\"outbound\",result=\"completed\"}";
    assert_eq!(server.metric(sample).await, Some(1.0));
    assert_eq!(
        server.query("SELECT count(*) FROM call_record WHERE NOT root"),
        "1"
    );
}

#[tokio::test]
async fn a_repetition_is_known_and_another_body_is_a_conflict() {
    let server = Server::start().await;
    let (_, token) = server.pbx("again").await;
    let (_, other) = server.pbx("another").await;
    let first = record("call", 0);
    let mut changed = first.clone();
    changed["hangupReason"] = json!("byCallee");
    // In one request and over several; the same id at another PBX is another call.
    let results = server
        .post_json(&token, &json!([first, first, changed]))
        .await;
    assert_eq!(outcomes(&results), ["stored", "duplicate", "conflict"]);
    assert_eq!(results[2]["reason"], "conflict");
    for (token, record, outcome) in [
        (&token, &first, "duplicate"),
        (&token, &changed, "conflict"),
        (&other, &changed, "stored"),
    ] {
        assert_eq!(outcomes(&server.post_json(token, record).await), [outcome]);
    }
    assert_eq!(server.query("SELECT count(*) FROM call_record"), "2");
    let aside = "SELECT reason, field, call_id, times, body::jsonb ->> 'hangupReason' FROM call_record_rejected";
    assert_eq!(server.query(aside), "conflict|callId|call|2|byCallee");
    let sample = "telecom_call_records_total{result=\"conflict\"}";
    assert_eq!(server.metric(sample).await, Some(2.0));
    let sample = "rustpbx_calls_total{direction=\"outbound\",result=\"completed\"}";
    assert_eq!(server.metric(sample).await, Some(2.0));
}

#[tokio::test]
async fn grpc_takes_the_same_records() {
    let server = Server::start().await;
    let (_, token) = server.pbx("grpc").await;
    let now = std::time::SystemTime::now();
    let ago = |seconds| Some((now - std::time::Duration::from_secs(seconds)).into());
    let good = CallRecordPush {
        call_id: "one".to_owned(),
        start_time: ago(90),
        answer_time: ago(60),
        end_time: ago(0),
        direction: 1,
        status_code: 200,
        sip_trunk_id: "7".to_owned(),
        extra: Some(prost_types::Struct {
            fields: [(
                "codec".to_owned(),
                prost_types::Value::from("opus".to_owned()),
            )]
            .into(),
        }),
        ..CallRecordPush::default()
    };
    let bad = CallRecordPush {
        call_id: String::new(),
        ..good.clone()
    };
    let request = IngestCallRecordsRequest {
        records: vec![good.clone(), bad, good],
    };
    let mut client = server.call_ingest(&token).await;
    let answer = client
        .ingest_call_records(request)
        .await
        .unwrap()
        .into_inner();
    let found: Vec<_> = answer
        .results
        .iter()
        .map(|result| (result.index, result.outcome()))
        .collect();
    assert_eq!(
        found,
        [
            (0, CallRecordOutcome::Stored),
            (1, CallRecordOutcome::Rejected),
            (2, CallRecordOutcome::Duplicate)
        ]
    );
    assert_eq!(
        (
            answer.results[1].reason.as_str(),
            answer.results[1].field.as_str()
        ),
        ("field_missing", "callId")
    );
    let row = "SELECT call_id, session_id, direction, result, talk_ms / 1000, sip_trunk_id, extra FROM call_record";
    assert_eq!(
        server.query(row),
        "one|one|inbound|completed|60|7|{\"codec\": \"opus\"}"
    );
}
