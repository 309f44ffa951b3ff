//! How many node servers were doing what, hour by hour.

use prost_types::Timestamp;
use telecom_proto::v1::{ListNodeStatusHistoryReply, ListNodeStatusHistoryRequest};
use telecom_server::auth::Role;
use tonic::Code;

use super::process::fields;
use super::telecom::{Provider, USERS, at};

#[tokio::test]
async fn the_history_has_each_hour_once() {
    let provider = Provider::start().await;
    // The hour must not turn in the middle of the test.
    let now = provider.sql("SELECT extract(epoch FROM date_trunc('hour', now(), 'UTC'))::bigint");
    let hour = |back: i64| now.parse::<i64>().unwrap() - back * 3600;
    // The third node server is gone; its history is not.
    provider.sql(&format!(
        "INSERT INTO node_status_history (node_server_id, slot, status) \
         SELECT n, to_timestamp({now}) - h * interval '1 hour', \
         CASE WHEN n = 3 THEN 'maintenance' WHEN h = n THEN 'offline' ELSE 'online' END \
         FROM generate_series(1, 3) n, generate_series(0, 5) h WHERE h <> 4; \
         REFRESH MATERIALIZED VIEW node_status_hourly_mv"
    ));
    let seconds = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let request = ListNodeStatusHistoryRequest {
        start: seconds(hour(6) + 1),
        end: seconds(hour(0) + 1),
        user_id: String::new(),
    };
    let counts = |reply: &ListNodeStatusHistoryReply| {
        for (n, bucket) in reply.buckets.iter().enumerate() {
            let start = hour(6) + i64::try_from(n).unwrap() * 3600;
            assert_eq!(bucket.bucket_start, seconds(start));
        }
        let counts = reply.buckets.iter().map(|b| {
            let missing = if b.missing { "-" } else { "" };
            format!(
                "{}/{}/{}{missing}",
                b.online_nodes, b.offline_nodes, b.maintenance_nodes
            )
        });
        counts.collect::<Vec<_>>().join(" ")
    };
    let all = provider
        .history(Role::Admin, "a", request.clone())
        .await
        .unwrap();
    assert_eq!(counts(&all), "0/0/0- 2/0/1 0/0/0- 2/0/1 1/1/1 1/1/1 2/0/1");
    let refreshed =
        provider.sql("SELECT extract(epoch FROM refreshed_at)::bigint FROM view_refresh");
    let at = all.refreshed_at.unwrap();
    assert!((at.seconds - refreshed.parse::<i64>().unwrap()).abs() <= 1);

    let own = provider
        .history(Role::User, USERS[0], request.clone())
        .await
        .unwrap();
    assert_eq!(counts(&own), "0/0/0- 1/0/0 0/0/0- 1/0/0 1/0/0 0/1/0 1/0/0");
    // Nobody's nodes have no history.
    let none = provider
        .history(Role::User, USERS[1], request)
        .await
        .unwrap();
    assert_eq!(counts(&none), ["0/0/0-"; 7].join(" "));
}

#[tokio::test]
async fn a_period_has_to_be_one() {
    let provider = Provider::start().await;
    let ask = |start, end| {
        let request = ListNodeStatusHistoryRequest {
            start,
            end,
            user_id: String::new(),
        };
        provider.history(Role::Admin, "a", request)
    };
    let longest = ask(
        Some(at("2026-01-01T00:00:00Z")),
        Some(at("2026-04-03T00:00:00Z")),
    )
    .await
    .unwrap();
    assert_eq!(longest.buckets.len(), 92 * 24);
    assert!(longest.buckets.iter().all(|bucket| bucket.missing));
    let last = ask(
        Some(at("9999-12-31T23:00:00Z")),
        Some(at("9999-12-31T23:59:59Z")),
    )
    .await
    .unwrap();
    assert_eq!(last.buckets.len(), 1);
    let broken = |seconds, nanos| Some(Timestamp { seconds, nanos });
    let new_year = Some(at("2026-01-01T00:00:00Z"));
    for (start, end, field) in [
        (None, new_year, "start"),
        (new_year, None, "end"),
        (broken(-1, 0), new_year, "start"),
        (broken(i64::MIN, 0), new_year, "start"),
        (new_year, broken(i64::MAX, 0), "end"),
        (new_year, broken(1_767_225_600, -1), "end"),
        (new_year, new_year, "end"),
        (new_year, Some(at("2025-12-31T00:00:00Z")), "end"),
        (new_year, Some(at("2026-04-03T00:00:01Z")), "end"),
        (broken(0, 0), Some(at("9999-12-31T23:59:59Z")), "end"),
    ] {
        let refused = ask(start, end).await.unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{start:?} {end:?}"
        );
    }
}
