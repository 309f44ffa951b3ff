//! How calls went, by the definitions of the ITU.

use serde_json::Value;
use telecom_proto::v1::call_analytics_client::CallAnalyticsClient;
use telecom_proto::v1::{CallDirection, CallGrouping, CallStatistics, GetCallStatisticsRequest};
use telecom_server::auth::Role;
use telecom_tests::tokens;
use tonic::Code;

use super::{Call, Calls, Provider, moment};
use crate::server::calls::{outcomes, record};
use crate::server::process::{Bearer, Server, fields};

async fn rows(calls: &mut Calls, request: GetCallStatisticsRequest) -> Vec<CallStatistics> {
    let counted = calls.get_call_statistics(request).await.unwrap();
    counted.into_inner().rows
}

fn day() -> GetCallStatisticsRequest {
    GetCallStatisticsRequest {
        start: moment("2026-03-01T00:00:00Z"),
        end: moment("2026-03-02T00:00:00Z"),
        ..Default::default()
    }
}

fn ratios(row: &CallStatistics) -> [Option<f64>; 4] {
    [row.asr, row.ner, row.acd_seconds, row.pdd_seconds]
}

fn at(id: &str, hour: u32) -> Call {
    Call::new(id, &format!("2026-03-01T{hour:02}:00:00Z"))
}

/// Of eight calls on trunks two were answered; the others ended in each of the ways that there are.
fn eight() -> Vec<Call> {
    let ended = |call: Call, code: &str| call.text("result", "missed").sql("status_code", code);
    vec![
        at("answered", 1).by("c1").rang(1000).answered(10_001),
        at("also", 1).by("c2").to("k1").rang(3000).answered(20_000),
        ended(at("busy", 2).by("c1"), "486"),
        ended(at("declined", 2).by("c1").rang(2000), "603"),
        ended(at("in-vain", 2).to("k1").rang(2000), "487"),
        // It never rang: the network did not get that far.
        ended(at("given-up", 2).to("k1"), "487"),
        at("no-route", 23).to("k2"),
        at("broken", 23).by("c2").sql("status_code", "0"),
        // None of these counts.
        at("internal", 1)
            .by("c1")
            .text("direction", "internal")
            .answered(1),
        at("no-trunk", 1).answered(5),
        at("leg", 1)
            .by("c1")
            .answered(7)
            .text("session_id", "answered"),
        Call::new("before", "2026-02-28T23:59:59.999999Z")
            .by("c1")
            .answered(1),
        Call::new("after", "2026-03-02T00:00:00Z")
            .by("c1")
            .answered(1),
    ]
}

#[tokio::test]
async fn ratios_are_those_of_the_calls() {
    let provider = Provider::start().await;
    let mut viewer = provider.calls(Role::Viewer).await;
    // No calls: a row of zeros without a ratio.
    let [none] = &rows(&mut viewer, day()).await[..] else {
        panic!("one row");
    };
    assert_eq!((none.seizures, none.answered), (0, 0));
    assert_eq!(ratios(none), [None; 4]);

    provider.insert(&eight());
    let all = rows(&mut viewer, day()).await;
    let [all] = &all[..] else {
        panic!("{all:?}");
    };
    let counts = [all.seizures, all.answered, all.delivered, all.rung];
    assert_eq!(counts, [8, 2, 5, 4]);
    let talk = all.talk_time.unwrap();
    assert_eq!((talk.seconds, talk.nanos), (30, 1_000_000));
    assert_eq!(all.ring_delay.unwrap().seconds, 8);
    let expected = [0.25, 0.625, 15.0005, 2.0].map(Some);
    assert_eq!(ratios(all), expected);

    let by_direction = rows(&mut viewer, grouped(CallGrouping::Direction)).await;
    let seen: Vec<_> = by_direction
        .iter()
        .map(|row| (row.direction(), row.seizures, row.answered, row.asr))
        .collect();
    let expected = [
        (CallDirection::Inbound, 4, 1, Some(0.25)),
        (CallDirection::Outbound, 4, 1, Some(0.25)),
    ];
    assert_eq!(seen, expected);
    let outbound = GetCallStatisticsRequest {
        direction: CallDirection::Outbound.into(),
        trunk: "k1".to_owned(),
        ..day()
    };
    let row = rows(&mut viewer, outbound).await.remove(0);
    assert_eq!((row.seizures, row.delivered), (3, 2));
    assert_eq!(ratios(&row)[1], Some(2.0 / 3.0));
}

/// What a PBX brings: its records are counted by the server and by `GetCallStatistics` alike.
#[tokio::test]
async fn counters_and_statistics_say_the_same() {
    let server = Server::start().await;
    let (_, token) = server.pbx("berlin").await;
    let records: Vec<_> = (0..8)
        .map(|n| {
            let mut record = record(&format!("call-{n}"), 10 * n);
            match n {
                0..=2 => {}
                3 => record["direction"] = "internal".into(),
                4 => record["sessionId"] = "call-0".into(),
                5 => {
                    record["sipTrunkId"] = Value::Null;
                    record["outboundSipTrunkId"] = Value::Null;
                }
                _ => {
                    record["direction"] = "inbound".into();
                    record["answerTime"] = Value::Null;
                    record["status"] = "failed".into();
                    record["statusCode"] = 486.into();
                }
            }
            record
        })
        .collect();
    let stored = server.post_json(&token, &Value::Array(records)).await;
    assert_eq!(outcomes(&stored), ["stored"; 8]);

    let token = tokens::of(Role::Viewer, "somebody");
    let channel = server.channel().await;
    let mut viewer = CallAnalyticsClient::with_interceptor(channel, Bearer::new(&token));
    let asked = GetCallStatisticsRequest::default();
    let row = rows(&mut viewer, asked).await.remove(0);
    assert_eq!((row.seizures, row.answered), (5, 3));
    assert_eq!(row.asr, Some(0.6));
    let text = server.get("/metrics").await.body;
    let counted = |name: &str| -> f64 {
        let samples = text.lines().filter(|line| line.starts_with(name));
        let values = samples.map(|line| line.rsplit(' ').next().unwrap());
        values.map(|value| value.parse::<f64>().unwrap()).sum()
    };
    let answers = counted("telecom_call_answers_total{");
    let asr = answers / counted("telecom_call_seizures_total{");
    let acd = counted("telecom_call_talk_milliseconds_total{") / 1000.0 / answers;
    assert_eq!([Some(asr), Some(acd)], [row.asr, row.acd_seconds]);
}

fn grouped(by: CallGrouping) -> GetCallStatisticsRequest {
    GetCallStatisticsRequest {
        group_by: by.into(),
        ..day()
    }
}

#[tokio::test]
async fn a_call_counts_once_on_each_side() {
    let provider = Provider::start().await;
    provider.insert(&eight());
    provider.insert(&[at("other", 3).by("c1").sql("pbx_id", "2")]);
    let mut support = provider.calls(Role::Support).await;
    // (side, (PBX, trunk, calls, answered))
    for (side, expected) in [
        (
            CallGrouping::TrunkIn,
            vec![(1, "c1", 3, 1), (1, "c2", 2, 1), (2, "c1", 1, 0)],
        ),
        (
            CallGrouping::TrunkOut,
            vec![(1, "k1", 3, 1), (1, "k2", 1, 0)],
        ),
    ] {
        let rows = rows(&mut support, grouped(side)).await;
        let seen: Vec<_> = rows
            .iter()
            .map(|row| (row.pbx_id, row.trunk.as_str(), row.seizures, row.answered))
            .collect();
        assert_eq!(seen, expected, "{side:?}");
    }
}

#[tokio::test]
async fn hours_and_days_are_those_of_the_clocks() {
    let provider = Provider::start().await;
    provider.insert(&eight());
    let mut admin = provider.calls(Role::Admin).await;
    let hours = rows(&mut admin, grouped(CallGrouping::Hour)).await;
    let counts: Vec<_> = hours.iter().map(|row| row.seizures).collect();
    let mut expected = [0; 24];
    (expected[1], expected[2], expected[23]) = (2, 4, 2);
    assert_eq!(counts, expected);
    assert_eq!(hours[1].bucket_start, moment("2026-03-01T01:00:00Z"));
    assert_eq!(hours[0].asr, None);

    // (zone, from, to, days, how many hours they have, the first)
    for (zone, start, end, days, hours, first) in [
        (
            "",
            "2026-03-01T00:00:00Z",
            "2026-03-02T00:00:00Z",
            1,
            24,
            "2026-03-01T00:00:00Z",
        ),
        // The clocks are put forward, and back.
        (
            "Europe/Berlin",
            "2026-03-28T23:00:00Z",
            "2026-03-29T22:00:00Z",
            1,
            23,
            "2026-03-28T23:00:00Z",
        ),
        (
            "Europe/Berlin",
            "2026-10-24T22:00:00Z",
            "2026-10-25T23:00:00Z",
            1,
            25,
            "2026-10-24T22:00:00Z",
        ),
        // Not whole days and hours of theirs.
        (
            "Asia/Kathmandu",
            "2026-03-01T00:00:00Z",
            "2026-03-02T00:00:00Z",
            2,
            25,
            "2026-02-28T18:15:00Z",
        ),
    ] {
        let request = |by: CallGrouping| GetCallStatisticsRequest {
            start: moment(start),
            end: moment(end),
            time_zone: zone.to_owned(),
            ..grouped(by)
        };
        let by_day = rows(&mut admin, request(CallGrouping::Day)).await;
        assert_eq!(by_day.len(), days, "{zone} {start}");
        assert_eq!(by_day[0].bucket_start, moment(first), "{zone} {start}");
        let by_hour = rows(&mut admin, request(CallGrouping::Hour)).await;
        assert_eq!(by_hour.len(), hours, "{zone} {start}");
        let sum = |rows: &[CallStatistics]| rows.iter().map(|row| row.seizures).sum::<u64>();
        assert_eq!(sum(&by_day), sum(&by_hour));
    }
    let longest = GetCallStatisticsRequest {
        start: moment("2026-01-01T00:00:00Z"),
        end: moment("2026-04-03T00:00:00Z"),
        ..grouped(CallGrouping::Hour)
    };
    let all = rows(&mut admin, longest).await;
    assert_eq!(all.len(), 92 * 24);
    assert_eq!(all.iter().map(|row| row.answered).sum::<u64>(), 4);
}

#[tokio::test]
async fn what_cannot_be_counted_is_refused() {
    let provider = Provider::start().await;
    let mut admin = provider.calls(Role::Admin).await;
    for (request, field) in [
        (grouped(CallGrouping::Unspecified), ""),
        (
            GetCallStatisticsRequest {
                group_by: 77,
                ..day()
            },
            "group_by",
        ),
        (
            GetCallStatisticsRequest {
                time_zone: "Berlin".to_owned(),
                ..day()
            },
            "time_zone",
        ),
        (
            GetCallStatisticsRequest {
                end: day().start,
                ..day()
            },
            "end",
        ),
        (
            GetCallStatisticsRequest {
                end: moment("2026-07-01T00:00:00Z"),
                ..day()
            },
            "end",
        ),
    ] {
        match admin.get_call_statistics(request.clone()).await {
            Ok(_) => assert_eq!(field, ""),
            Err(refused) => assert_eq!(fields(&refused), [field], "{request:?}"),
        }
    }
    let refused = provider
        .calls(Role::Collector)
        .await
        .get_call_statistics(day())
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
}
