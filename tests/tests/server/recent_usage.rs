//! What subscribers used lately, as they ask for it: complete, cut where their clocks say, their own only.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use telecom_proto::v1::telecom_client::TelecomClient;
use telecom_proto::v1::{
    GetRecentTrafficUsageRequest, ListUsuallyUsedNodesRequest, RecentRange,
    RecentTrafficUsageResponse, TrafficBucket, UsuallyUsedNode,
};
use telecom_server::auth::Role;
use telecom_tests::tokens;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::database::Database;
use super::process::{Bearer, Server, eventually, fields, reason};

mod sums;

const ALICE: &str = "0193a1b0-0000-7000-8000-00000000000a";
const BOB: &str = "0193a1b0-0000-7000-8000-00000000000b";
const RANGES: [(RecentRange, usize); 3] = [
    (RecentRange::Day, 24),
    (RecentRange::Week, 7),
    (RecentRange::Month, 30),
];

type Telecom = TelecomClient<InterceptedService<Channel, Bearer>>;

/// A server, two subscribers, and room for usage of any time.
struct Provider {
    server: Server,
    database: Database,
}

/// Partitions for what the maintenance of a server has not made any for.
pub const PARTITIONS: &str = "CREATE TABLE traffic_other PARTITION OF traffic_usage DEFAULT; \
    CREATE TABLE quarter_other PARTITION OF usage_quarter DEFAULT; \
    CREATE TABLE hourly_other PARTITION OF usage_hourly DEFAULT; \
    CREATE TABLE daily_other PARTITION OF usage_daily DEFAULT";

impl Provider {
    async fn start() -> Self {
        let database = Database::new().await;
        database.sql(PARTITIONS);
        for user in [ALICE, BOB] {
            database.sql(&format!(
                "INSERT INTO subscriber (id, status, time_zone, metadata) \
                 VALUES ('{user}', 'active', 'Asia/Kathmandu', '{{}}')"
            ));
        }
        let server = Server::launch(&database.url, &[], &["serve"]).await;
        server.until_ready().await;
        let done = "telecom_maintenance_runs_total{result=\"done\"}";
        eventually("partitions", || async {
            server.metric(done).await > Some(0.0)
        })
        .await;
        Self { server, database }
    }

    async fn telecom(&self, role: Role, subject: &str) -> Telecom {
        let bearer = Bearer::new(&tokens::of(role, subject));
        TelecomClient::with_interceptor(self.server.channel().await, bearer)
    }

    async fn recent(
        &self,
        role: Role,
        subject: &str,
        request: (RecentRange, &str, &str),
    ) -> Result<RecentTrafficUsageResponse, Status> {
        let (range, time_zone, user_id) = request;
        let request = GetRecentTrafficUsageRequest {
            range: range.into(),
            time_zone: time_zone.to_owned(),
            user_id: user_id.to_owned(),
        };
        let mut telecom = self.telecom(role, subject).await;
        let answer = telecom.get_recent_traffic_usage(request).await?;
        Ok(answer.into_inner())
    }

    async fn usual(
        &self,
        role: Role,
        subject: &str,
        user_id: &str,
    ) -> Result<Vec<UsuallyUsedNode>, Status> {
        let request = ListUsuallyUsedNodesRequest {
            user_id: user_id.to_owned(),
        };
        let mut telecom = self.telecom(role, subject).await;
        Ok(telecom
            .list_usually_used_nodes(request)
            .await?
            .into_inner()
            .nodes)
    }
}

fn totals(series: &[TrafficBucket]) -> (u64, u64) {
    let up = series.iter().map(|bucket| bucket.upload_bytes).sum();
    (up, series.iter().map(|bucket| bucket.download_bytes).sum())
}

fn starts(series: &[TrafficBucket]) -> Vec<Timestamp> {
    series
        .iter()
        .map(|bucket| bucket.bucket_start.unwrap())
        .collect()
}

fn recently(moment: Timestamp) -> bool {
    let moment = SystemTime::try_from(moment).unwrap();
    let away = SystemTime::now().duration_since(moment);
    away.unwrap_or_else(|ahead| ahead.duration()) < Duration::from_mins(5)
}

#[tokio::test]
async fn use_is_seen_at_once_and_as_billed_when_it_is() {
    let provider = Provider::start().await;
    for (range, count) in RANGES {
        let nothing = provider
            .recent(Role::User, ALICE, (range, "", ""))
            .await
            .unwrap();
        assert_eq!(nothing.raw, nothing.actually_billed);
        assert_eq!((nothing.raw.len(), totals(&nothing.raw)), (count, (0, 0)));
        assert!(starts(&nothing.raw).is_sorted_by_key(|start| start.seconds));
        assert!(recently(nothing.billed_through.unwrap()));
    }
    assert_eq!(provider.usual(Role::User, ALICE, "").await.unwrap(), []);

    // Reported, not billed: 3 + 40 bytes that count one and a half times.
    provider.database.sql(&format!(
        "INSERT INTO usage_quarter (user_id, bucket, node_client_id, node_server_id, raw_upload, \
         raw_download, factored_upload, factored_download, last_used_at) VALUES \
         ('{ALICE}', date_bin('15 minutes', now(), '2000-01-01 00:00:00+00'), 1, 1, 3, 40, 4.5, 60, now())"
    ));
    for (range, count) in RANGES {
        for zone in ["", "Asia/Kathmandu", "Australia/Lord_Howe", "europe/berlin"] {
            let seen = provider
                .recent(Role::User, ALICE, (range, zone, ""))
                .await
                .unwrap();
            assert_eq!(
                (seen.raw.len(), totals(&seen.raw)),
                (count, (3, 40)),
                "{zone}"
            );
            assert_eq!(totals(&seen.actually_billed), (0, 0));
            let waits = provider
                .database
                .sql("SELECT extract(epoch FROM bucket)::bigint FROM usage_quarter");
            assert_eq!(seen.billed_through.unwrap().seconds.to_string(), waits);
        }
    }

    // As the billing job leaves it, and with what was billed of each.
    provider.database.sql(
        "UPDATE usage_quarter SET rolled_upload = 3, rolled_download = 40, billed_upload = 4, billed_download = 60; \
         INSERT INTO usage_hourly SELECT user_id, date_bin('1 hour', bucket, '2000-01-01 00:00:00+00'), \
         node_client_id, node_server_id, 3, 40, 4, 60 FROM usage_quarter; \
         INSERT INTO usage_daily SELECT user_id, date_bin('1 day', bucket, '2000-01-01 00:00:00+00'), \
         node_client_id, node_server_id, 3, 40, 4, 60 FROM usage_quarter",
    );
    for (range, _) in RANGES {
        for zone in ["", "Asia/Kathmandu", "Australia/Lord_Howe"] {
            let seen = provider
                .recent(Role::User, ALICE, (range, zone, ""))
                .await
                .unwrap();
            assert_eq!(totals(&seen.raw), (3, 40), "{zone}");
            assert_eq!(totals(&seen.actually_billed), (4, 60), "{zone}");
            assert_eq!(starts(&seen.raw), starts(&seen.actually_billed));
            assert!(recently(seen.billed_through.unwrap()));
        }
    }
    // Somebody else has used nothing.
    let other = provider
        .recent(Role::User, BOB, (RecentRange::Day, "", ""))
        .await
        .unwrap();
    assert_eq!(totals(&other.raw), (0, 0));
    assert_eq!(provider.usual(Role::User, BOB, "").await.unwrap(), []);
}

#[tokio::test]
async fn usual_nodes_are_the_most_used_ones_of_thirty_days() {
    let provider = Provider::start().await;
    let (node, _) = provider.server.node("fra-1").await;
    let alps = super::usage::node_client(&provider.server, "alps", node.id, 1_000_000).await;
    assert_eq!(alps, 1);
    // Node client n > 1 has been deleted; 25 of them, each used n bytes, of which 25 was a month ago.
    provider.database.sql(&format!(
        "INSERT INTO usage_daily SELECT '{ALICE}', \
         date_bin('1 day', now(), '2000-01-01 00:00:00+00') - CASE n WHEN 25 THEN 30 ELSE 29 END * interval '1 day', \
         n, 1, n, 0, 2 * n, 1 FROM generate_series(1, 25) n; \
         INSERT INTO usage_daily SELECT '{ALICE}', date_bin('1 day', now(), '2000-01-01 00:00:00+00'), \
         1, 1, 5, 95, 0, 100; \
         INSERT INTO usage_daily SELECT '{BOB}', date_bin('1 day', now(), '2000-01-01 00:00:00+00'), \
         n, 1, 1e29, 7, 0, 0 FROM generate_series(7, 8) n"
    ));
    let listed = provider.usual(Role::User, ALICE, "").await.unwrap();
    assert_eq!(listed.len(), 20);
    let first = UsuallyUsedNode {
        node_client_id: 1,
        node_name: "alps".to_owned(),
        upload_bytes: 6,
        download_bytes: 95,
        billed_traffic: 103,
    };
    assert_eq!(listed[0], first);
    let second = UsuallyUsedNode {
        node_client_id: 24,
        upload_bytes: 24,
        billed_traffic: 49,
        ..UsuallyUsedNode::default()
    };
    assert_eq!(listed[1], second);
    let numbers: Vec<_> = listed[1..].iter().map(|node| node.node_client_id).collect();
    assert_eq!(numbers, (6..=24).rev().collect::<Vec<_>>());
    // More than a number of 64 bits holds, and as many of another.
    let most = provider.usual(Role::Support, "s", BOB).await.unwrap();
    let numbers: Vec<_> = most
        .iter()
        .map(|node| (node.node_client_id, node.upload_bytes))
        .collect();
    let limit = i64::MAX.cast_unsigned();
    assert_eq!(numbers, [(7, limit), (8, limit)]);
}

#[tokio::test]
async fn nobody_sees_what_somebody_else_used() {
    let provider = Provider::start().await;
    let unknown = "0193a1b0-0000-7000-8000-00000000ffff";
    for (role, subject, asked, code, why) in [
        (Role::User, ALICE, BOB, Code::PermissionDenied, "NOT_YOURS"),
        (
            Role::User,
            ALICE,
            unknown,
            Code::PermissionDenied,
            "NOT_YOURS",
        ),
        (Role::User, unknown, "", Code::NotFound, "USER_NOT_FOUND"),
        (Role::Admin, "a", unknown, Code::NotFound, "USER_NOT_FOUND"),
        (Role::Admin, "a", "", Code::InvalidArgument, "FIELD_INVALID"),
        (
            Role::Viewer,
            "v",
            ALICE,
            Code::PermissionDenied,
            "ROLE_NOT_ALLOWED",
        ),
        (
            Role::Collector,
            "c",
            ALICE,
            Code::PermissionDenied,
            "ROLE_NOT_ALLOWED",
        ),
    ] {
        let asked_for = (RecentRange::Day, "", asked);
        let recent = provider.recent(role, subject, asked_for).await.map(|_| ());
        let usual = provider.usual(role, subject, asked).await.map(|_| ());
        for refused in [recent.unwrap_err(), usual.unwrap_err()] {
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (code, why),
                "{role:?} {asked}"
            );
        }
    }
    for (role, subject, asked) in [
        (Role::User, ALICE, &*ALICE.to_uppercase()),
        (Role::Support, "s", ALICE),
        (Role::Admin, "a", ALICE),
    ] {
        provider
            .recent(role, subject, (RecentRange::Week, "", asked))
            .await
            .unwrap();
        provider.usual(role, subject, asked).await.unwrap();
    }
    for (range, zone, user, field) in [
        (RecentRange::Unspecified, "", "", "range"),
        (RecentRange::Day, "Mars/Olympus", "", "time_zone"),
        (RecentRange::Day, "+05:45", "", "time_zone"),
        (RecentRange::Day, &"x".repeat(1 << 20), "", "time_zone"),
        (RecentRange::Day, "", "me", "user_id"),
    ] {
        let refused = provider
            .recent(Role::User, ALICE, (range, zone, user))
            .await
            .unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, vec![field.to_owned()])
        );
    }
    let mut telecom = provider.telecom(Role::User, ALICE).await;
    let request = GetRecentTrafficUsageRequest {
        range: 99,
        ..Default::default()
    };
    let refused = telecom.get_recent_traffic_usage(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["range"]);
}
