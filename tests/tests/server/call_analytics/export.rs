//! Whole days of calls and of usage: all of it once, in one order for ever, from any cursor on.

use telecom_proto::v1::{ExportCallRecordsRequest, ExportFormat, ExportUsageRequest};
use telecom_server::auth::Role;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{Call, Calls, Provider};
use crate::server::process::{fields, reason};
use crate::server::recent_usage::PARTITIONS;
use crate::server::users::{ALICE, users};

/// Pieces with their cursors.
type Pieces = Vec<(Vec<u8>, String)>;

fn text(pieces: &[(Vec<u8>, String)]) -> String {
    let bytes = pieces.iter().flat_map(|(data, _)| data.clone()).collect();
    String::from_utf8(bytes).unwrap()
}

fn days(provider: &Provider, first: u32, last: u32) -> [String; 2] {
    [first, last].map(|ago| {
        let day = format!("SELECT (now() AT TIME ZONE 'UTC')::date - {ago}");
        provider.database.sql(&day)
    })
}

async fn calls_of(
    calls: &mut Calls,
    [first_day, last_day]: [String; 2],
    format: ExportFormat,
    after_cursor: &str,
) -> Result<Pieces, tonic::Status> {
    let request = ExportCallRecordsRequest {
        first_day,
        last_day,
        format: format.into(),
        after_cursor: after_cursor.to_owned(),
    };
    let mut stream = calls.export_call_records(request).await?.into_inner();
    let mut pieces = Vec::new();
    while let Some(piece) = stream.message().await? {
        pieces.push((piece.data, piece.cursor));
    }
    Ok(pieces)
}

/// When a record was stored: days ago, and so far into the day.
fn stored(ago: u32, into: &str) -> String {
    format!(
        "date_trunc('day', now(), 'UTC') - interval '{} hours' + interval '{into}'",
        ago * 24
    )
}

/// Call `n` of those that were stored at that moment.
fn kept(n: usize, at: &str) -> Call {
    Call::new(&format!("call-{n:04}"), "2026-01-01T00:00:00Z")
        .sql(
            "start_time",
            &format!("{at} - interval '{} seconds'", 100 + n % 7),
        )
        .sql("end_time", &format!("{at} - interval '1 seconds'"))
        .sql("stored_at", at)
        .text("from_number", "+493012345678")
        .text("caller_name", "=1+1, \"Alice\"")
        .text("extra", "{\"b\": 1, \"a\": [\"x\"]}")
}

#[tokio::test]
async fn an_export_of_calls_is_complete_and_resumes_anywhere() {
    let provider = Provider::start().await;
    let mut wanted = Vec::new();
    let mut insert = |call: Call, id: usize, take: bool| {
        provider.insert(&[call]);
        if take {
            wanted.push(format!("call-{id:04}"));
        }
    };
    // One batch of more than a page, an hour of many, and some at the ends of the days.
    for n in 0..250 {
        insert(kept(n, &stored(3, "2 hours")), n, true);
    }
    for n in 250..500 {
        insert(
            kept(n, &stored(2, &format!("10 hours {} seconds", n - 250))),
            n,
            true,
        );
    }
    insert(kept(500, &stored(3, "0 seconds")), 500, true);
    insert(kept(501, &stored(2, "86399.999999 seconds")), 501, true);
    insert(kept(502, &stored(1, "0 seconds")), 502, false);
    insert(kept(503, &stored(4, "86399.999999 seconds")), 503, false);
    wanted.sort();

    let mut admin = provider.calls(Role::Admin).await;
    let asked = || days(&provider, 3, 2);
    for format in [ExportFormat::Csv, ExportFormat::JsonLines] {
        let pieces = calls_of(&mut admin, asked(), format, "").await.unwrap();
        let whole = text(&pieces);
        let mut seen: Vec<_> = whole
            .match_indices("call-")
            .map(|(at, _)| whole[at..at + 9].to_owned())
            .collect();
        // The call id and the session id.
        seen.sort();
        seen.dedup();
        assert_eq!(seen, wanted);
        let ends = if format == ExportFormat::Csv {
            "\r\n"
        } else {
            "\n"
        };
        let lines = whole.matches(ends).count();
        assert_eq!(lines, 502 + usize::from(format == ExportFormat::Csv));

        let again = calls_of(&mut admin, asked(), format, "").await.unwrap();
        assert!(text(&again) == whole, "the same bytes");
        for (at, (_, cursor)) in pieces.iter().enumerate() {
            let rest = calls_of(&mut admin, asked(), format, cursor).await.unwrap();
            assert!(text(&rest) == text(&pieces[at + 1..]), "after piece {at}");
        }
        assert!(pieces.len() >= 3);
    }
    let written = provider.database.sql(
        "SELECT target || ' ' || after FROM audit_log WHERE method = 'ExportCallRecords' ORDER BY id LIMIT 1",
    );
    let [first, last] = asked();
    let expected = format!("call_record/{first}..{last} ");
    assert!(written.starts_with(&expected), "{written}");
    assert!(written.contains("\"masked\": false"), "{written}");
}

#[tokio::test]
async fn a_row_is_as_its_columns_say() {
    let provider = Provider::start().await;
    provider.insert(&[kept(1, &stored(2, "1 hours"))
        .text("sip_trunk_id", "c1")
        .text("outbound_sip_trunk_id", "k1")
        .text("queue", "sales")
        .text("hangup_reason", "rejected")]);
    let mut admin = provider.calls(Role::Admin).await;
    let asked = days(&provider, 2, 2);
    let day = asked[0].clone();
    let pieces = calls_of(&mut admin, asked.clone(), ExportFormat::Csv, "")
        .await
        .unwrap();
    let start = format!("{day}T00:58:19.000000Z");
    let end = format!("{day}T00:59:59.000000Z");
    let expected = format!(
        "stored_at,start_time,pbx_id,root,ring_time,answer_time,end_time,duration_ms,talk_ms,direction,result,\
         status_code,call_id,session_id,hangup_reason,caller,callee,from_number,to_number,caller_name,agent_name,\
         queue,sip_trunk_id,outbound_sip_trunk_id,extra,erased\r\n\
         {day}T01:00:00.000000Z,{start},1,true,,,{end},100000,0,inbound,failed,404,call-0001,call-0001,rejected,,,\
         +493012345678,,\"=1+1, \"\"Alice\"\"\",,sales,c1,k1,\"{{\"\"a\"\":[\"\"x\"\"],\"\"b\"\":1}}\",false\r\n"
    );
    assert_eq!(text(&pieces), expected);
    let pieces = calls_of(&mut admin, asked, ExportFormat::JsonLines, "")
        .await
        .unwrap();
    let row: serde_json::Value = serde_json::from_str(&text(&pieces)).unwrap();
    assert_eq!(row["start_time"], start.as_str());
    assert_eq!(row["answer_time"], serde_json::Value::Null);
    assert_eq!(row["extra"]["a"][0], "x");
    assert_eq!(row["duration_ms"], 100_000);
}

#[tokio::test]
async fn days_that_may_change_and_what_cannot_be_are_refused() {
    let provider = Provider::start().await;
    let mut admin = provider.calls(Role::Admin).await;
    let csv = ExportFormat::Csv;
    let refused = calls_of(&mut admin, days(&provider, 3, 0), csv, "")
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "DAY_OPEN");
    let details = refused.get_error_details();
    let open = details.error_info().unwrap().metadata["day"].clone();
    // Of yesterday, the first five minutes after midnight.
    let late = days(&provider, 1, 0);
    assert!(late.contains(&open), "{open}");

    let asked = days(&provider, 3, 2);
    let pieces = calls_of(&mut admin, asked.clone(), csv, "").await.unwrap();
    let cursor = pieces[0].1.clone();
    assert_eq!(pieces.len(), 1, "a line of names and nothing else");
    let other = days(&provider, 2, 2);
    let backwards = days(&provider, 2, 3);
    let long = days(&provider, 100, 2);
    let day = asked[0].clone();
    for (days, format, cursor, field) in [
        ([String::new(), day.clone()], csv, "", "first_day"),
        ([day.clone(), "tomorrow".to_owned()], csv, "", "last_day"),
        (backwards, csv, "", "last_day"),
        (long, csv, "", "last_day"),
        (asked.clone(), ExportFormat::Unspecified, "", "format"),
        (asked.clone(), csv, "x", "after_cursor"),
        (other, csv, &cursor, "after_cursor"),
    ] {
        let refused = calls_of(&mut admin, days, format, cursor)
            .await
            .unwrap_err();
        assert_eq!(fields(&refused), [field]);
    }
    let support = provider.calls(Role::Support).await;
    let refused = calls_of(&mut { support }, asked, csv, "")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    // Of what was refused nothing is written down.
    let written = provider.database.sql("SELECT count(*) FROM audit_log");
    assert_eq!(written, "1");
}

async fn usage_of(
    provider: &Provider,
    [first_day, last_day]: [String; 2],
    after_cursor: &str,
) -> Result<Pieces, tonic::Status> {
    let request = ExportUsageRequest {
        first_day,
        last_day,
        format: ExportFormat::Csv.into(),
        after_cursor: after_cursor.to_owned(),
    };
    let mut users = users(&provider.server).await;
    let mut stream = users.export_usage(request).await?.into_inner();
    let mut pieces = Vec::new();
    while let Some(piece) = stream.message().await? {
        pieces.push((piece.data, piece.cursor));
    }
    Ok(pieces)
}

#[tokio::test]
async fn usage_is_exported_once_it_is_billed() {
    let provider = Provider::start().await;
    let sql = |sql: &str| provider.database.sql(sql);
    sql(PARTITIONS);
    let day = |ago: u32| stored(ago, "0 seconds");
    sql(&format!(
        "INSERT INTO usage_daily SELECT md5(u::text)::uuid, {}, c, 1, u, 1, 2, 3 \
             FROM generate_series(1, 150) u, generate_series(1, 3) c; \
         INSERT INTO usage_daily VALUES ('{ALICE}', {}, 7, 8, 1e29, 2, 3, 4), ('{ALICE}', {}, 7, 8, 1, 2, 3, 4)",
        day(20),
        day(19),
        day(18),
    ));
    let asked = || days(&provider, 20, 19);
    let pieces = usage_of(&provider, asked(), "").await.unwrap();
    let whole = text(&pieces);
    let lines: Vec<_> = whole.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 1 + 450 + 1);
    assert!(lines[1..451].is_sorted(), "by subscriber, then node");
    let last = format!("{},{ALICE},7,8,1{:0>29},2,3,4", asked()[1], 0);
    assert_eq!(lines[451], last);
    for (at, (_, cursor)) in pieces.iter().enumerate() {
        let rest = usage_of(&provider, asked(), cursor).await.unwrap();
        assert!(text(&rest) == text(&pieces[at + 1..]), "after piece {at}");
    }

    // Something of a day waits to be billed.
    sql(&format!(
        "INSERT INTO usage_quarter (user_id, bucket, node_client_id, node_server_id, raw_upload, raw_download, \
             factored_upload, factored_download, last_used_at) \
         VALUES ('{ALICE}', {}, 1, 1, 5, 5, 5, 5, now())",
        stored(19, "10 hours"),
    ));
    let refused = usage_of(&provider, asked(), "").await.unwrap_err();
    assert_eq!(reason(&refused), "DAY_OPEN");
    let named = refused.get_error_details().error_info().unwrap().metadata["day"].clone();
    assert_eq!(named, asked()[1]);
    assert!(
        usage_of(&provider, days(&provider, 20, 20), "")
            .await
            .is_ok()
    );
    // Reports of it may still come.
    for (ago, good) in [(8, false), (10, true)] {
        let asked = usage_of(&provider, days(&provider, ago, ago), "").await;
        assert_eq!(asked.is_ok(), good, "{ago}");
    }
}
