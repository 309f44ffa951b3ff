//! Records, page by page.

use telecom_proto::v1::{
    CallDirection, CallRecord, CallResult, ListCallRecordsRequest, ListCallRecordsResponse,
};
use telecom_server::auth::Role;
use tonic::Code;

use super::{Call, Calls, Provider, moment};
use crate::server::process::fields;

const ALICE: &str = "+493012345678";
const BOB: &str = "+4915112345678";

fn march() -> ListCallRecordsRequest {
    ListCallRecordsRequest {
        start: moment("2026-03-01T00:00:00Z"),
        end: moment("2026-04-01T00:00:00Z"),
        ..Default::default()
    }
}

async fn list(calls: &mut Calls, request: ListCallRecordsRequest) -> ListCallRecordsResponse {
    calls.list_call_records(request).await.unwrap().into_inner()
}

fn ids(records: &[CallRecord]) -> Vec<&str> {
    records.iter().map(|one| one.call_id.as_str()).collect()
}

/// Alice calls Bob, whose call is queued and answered.
fn whole(id: &str, start: &str) -> Call {
    Call::new(id, start)
        .by("customer")
        .rang(1500)
        .answered(45_250)
        .text("caller", &format!("sip:{ALICE}@pbx.example.net"))
        .text("callee", &format!("sip:{BOB}@carrier.example.net"))
        .text("from_number", ALICE)
        .text("to_number", BOB)
        .text("caller_name", "Alice Liddell")
        .text("queue", "sales")
        .text(
            "extra",
            &format!("{{\"rewrite\": {{\"callerFinal\": \"{ALICE}\"}}}}"),
        )
}

#[tokio::test]
async fn a_record_is_shown_as_it_was_stored() {
    let provider = Provider::start().await;
    provider.insert(&[whole("a", "2026-03-01T10:00:00.123456Z")
        .text("unrated_sell", "no_trunk")
        .text("agent_name", "Carol")]);
    let page = list(&mut provider.calls(Role::Admin).await, march()).await;
    assert!(!page.masked && page.next_page_token.is_empty());
    let [record] = &page.records[..] else {
        panic!("{page:?}");
    };
    let seen = (
        record.root,
        record.start_time,
        record.ring_time,
        record.answer_time,
        record.end_time,
    );
    let expected = (
        true,
        moment("2026-03-01T10:00:00.123456Z"),
        moment("2026-03-01T10:00:01.623456Z"),
        moment("2026-03-01T10:00:14.873456Z"),
        moment("2026-03-01T10:01:00.123456Z"),
    );
    assert_eq!(seen, expected);
    let spans = [record.duration, record.talk_time, record.post_dial_delay];
    let spans = spans.map(|span| span.map(|span| (span.seconds, span.nanos)));
    let expected = [(60, 0), (45, 250_000_000), (1, 500_000_000)];
    assert_eq!(spans, expected.map(Some));
    assert_eq!(record.direction(), CallDirection::Inbound);
    assert_eq!(record.result(), CallResult::Completed);
    assert_eq!(record.status_code, 200);
    assert_eq!(
        (record.from_number.as_str(), record.to_number.as_str()),
        (ALICE, BOB)
    );
    assert_eq!(
        record.extra,
        format!("{{\"rewrite\":{{\"callerFinal\":\"{ALICE}\"}}}}")
    );
    assert_eq!(
        (record.agent_name.as_str(), record.queue.as_str()),
        ("Carol", "sales")
    );
    assert!(record.unrated_sell && !record.unrated_buy && !record.erased);
    assert!(record.stored_at.is_some());
}

#[tokio::test]
async fn support_sees_no_numbers() {
    let provider = Provider::start().await;
    provider.insert(&[whole("a", "2026-03-01T10:00:00Z")]);
    let page = list(&mut provider.calls(Role::Support).await, march()).await;
    assert!(page.masked);
    let record = &page.records[0];
    assert_eq!(record.caller, "sip:+49301234****@pbx.example.net");
    assert_eq!(record.callee, "sip:+491511234****@carrier.example.net");
    assert_eq!(record.from_number, "+49301234****");
    assert_eq!(record.to_number, "+491511234****");
    assert_eq!(record.caller_name, "*************");
    assert_eq!(record.extra, "");
    assert!(!format!("{page:?}").contains("5678"));
    let refused = provider
        .calls(Role::Viewer)
        .await
        .list_call_records(march())
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn pages_follow_each_other_whatever_is_stored_meanwhile() {
    let provider = Provider::start().await;
    let noon = "2026-03-02T12:00:00Z";
    // Of the same moment, by two PBXs.
    let mut calls = vec![
        Call::new("b", noon),
        Call::new("a", noon),
        Call::new("a", noon).sql("pbx_id", "2"),
    ];
    for minute in 0..7 {
        let start = format!("2026-03-02T11:0{minute}:00Z");
        calls.push(Call::new(&format!("m{minute}"), &start));
    }
    provider.insert(&calls);
    let mut staff = provider.calls(Role::Support).await;
    let (mut seen, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = ListCallRecordsRequest {
            limit: 3,
            page_token: token,
            ..march()
        };
        let page = list(&mut staff, request).await;
        assert_eq!(page.start, moment("2026-03-01T00:00:00Z"));
        seen.extend(
            page.records
                .iter()
                .map(|one| (one.pbx_id, one.call_id.clone())),
        );
        pages += 1;
        // Newer than all that was seen, and older than all of it.
        provider.insert(&[Call::new(&format!("new{pages}"), "2026-03-03T00:00:00Z")]);
        if pages == 1 {
            provider.insert(&[Call::new("old", "2026-03-02T11:00:30Z")]);
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let seen: Vec<_> = seen.iter().map(|(pbx, id)| (*pbx, id.as_str())).collect();
    let expected = [
        (2, "a"),
        (1, "b"),
        (1, "a"),
        (1, "m6"),
        (1, "m5"),
        (1, "m4"),
        (1, "m3"),
        (1, "m2"),
        (1, "m1"),
        (1, "old"),
        (1, "m0"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(pages, 4);
}

/// What is asked for, and which calls come of it.
fn filters() -> Vec<(ListCallRecordsRequest, Vec<&'static str>)> {
    let text = str::to_owned;
    vec![
        (march(), vec!["out", "root", "missed"]),
        (
            ListCallRecordsRequest {
                include_legs: true,
                ..march()
            },
            vec!["out", "root", "missed", "leg"],
        ),
        (
            ListCallRecordsRequest {
                session_id: text("root"),
                ..march()
            },
            vec!["root", "leg"],
        ),
        (
            ListCallRecordsRequest {
                pbx_id: 2,
                ..march()
            },
            vec!["out"],
        ),
        (
            ListCallRecordsRequest {
                direction: CallDirection::Outbound.into(),
                ..march()
            },
            vec!["out"],
        ),
        (
            ListCallRecordsRequest {
                result: CallResult::Missed.into(),
                ..march()
            },
            vec!["missed"],
        ),
        (
            ListCallRecordsRequest {
                queue: text("sales"),
                ..march()
            },
            vec!["root"],
        ),
        (
            ListCallRecordsRequest {
                trunk: text("carrier"),
                ..march()
            },
            vec!["out"],
        ),
        (
            ListCallRecordsRequest {
                trunk: text("customer"),
                ..march()
            },
            vec!["root"],
        ),
        (
            ListCallRecordsRequest {
                number: text(ALICE),
                ..march()
            },
            vec!["out", "root"],
        ),
        (
            ListCallRecordsRequest {
                number: text(&ALICE[1..]),
                ..march()
            },
            vec![],
        ),
        (
            ListCallRecordsRequest {
                number: text(ALICE),
                pbx_id: 1,
                ..march()
            },
            vec!["root"],
        ),
        // The last 24 hours.
        (ListCallRecordsRequest::default(), vec![]),
        (
            ListCallRecordsRequest {
                end: moment("2026-04-01T23:59:59Z"),
                ..Default::default()
            },
            vec!["april"],
        ),
    ]
}

#[tokio::test]
async fn each_filter_leaves_out_what_it_says() {
    let provider = Provider::start().await;
    let start = "2026-03-01T10:00:00Z";
    provider.insert(&[
        whole("root", start),
        Call::new("leg", start)
            .text("session_id", "root")
            .by("customer"),
        Call::new("out", start)
            .to("carrier")
            .text("to_number", ALICE)
            .sql("pbx_id", "2"),
        Call::new("missed", start)
            .text("result", "missed")
            .sql("status_code", "486"),
        Call::new("april", "2026-04-01T00:00:00Z").text("from_number", ALICE),
    ]);
    let mut admin = provider.calls(Role::Admin).await;
    for (request, expected) in filters() {
        let page = list(&mut admin, request.clone()).await;
        assert_eq!(ids(&page.records), expected, "{request:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_its_field() {
    let provider = Provider::start().await;
    provider.insert(&[
        Call::new("a", "2026-03-01T10:00:00Z"),
        Call::new("b", "2026-03-01T10:00:00Z"),
    ]);
    let mut admin = provider.calls(Role::Admin).await;
    let first = ListCallRecordsRequest {
        limit: 1,
        ..march()
    };
    let token = list(&mut admin, first).await.next_page_token;
    assert!(!token.is_empty());
    let cases = [
        (
            ListCallRecordsRequest {
                limit: 501,
                ..march()
            },
            "limit",
        ),
        (
            ListCallRecordsRequest {
                end: march().start,
                ..march()
            },
            "end",
        ),
        (
            ListCallRecordsRequest {
                end: moment("2026-06-01T00:00:01Z"),
                ..march()
            },
            "end",
        ),
        (
            ListCallRecordsRequest {
                end: None,
                start: moment("2026-03-01T00:00:00Z"),
                ..march()
            },
            "end",
        ),
        (
            ListCallRecordsRequest {
                pbx_id: -1,
                ..march()
            },
            "pbx_id",
        ),
        (
            ListCallRecordsRequest {
                direction: 9,
                ..march()
            },
            "direction",
        ),
        (
            ListCallRecordsRequest {
                result: 9,
                ..march()
            },
            "result",
        ),
        (
            ListCallRecordsRequest {
                queue: "\0".to_owned(),
                ..march()
            },
            "queue",
        ),
        (
            ListCallRecordsRequest {
                page_token: "x".to_owned(),
                ..march()
            },
            "page_token",
        ),
        (
            ListCallRecordsRequest {
                page_token: token,
                pbx_id: 1,
                ..march()
            },
            "page_token",
        ),
    ];
    for (request, field) in cases {
        let refused = admin.list_call_records(request.clone()).await.unwrap_err();
        assert_eq!(fields(&refused), [field], "{request:?}");
    }
}
