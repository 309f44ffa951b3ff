//! Heartbeats: seen at once, missed in time, checked field by field.

use std::time::{Duration, SystemTime};

use telecom_proto::v1::{
    Compatibility, HeartbeatRequest, ListNodeServersRequest, NodeStatus, ShowNodeServerRequest,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::process::{Server, eventually, heartbeat};

#[tokio::test]
async fn heartbeats_keep_the_word_of_access_fresh_too() {
    let ttl = ("TELECOM__NODE_HEALTH_CHECK__ACCESS_TTL", "6s");
    let server = Server::start_with(&[ttl]).await;
    let (_, token) = server.node("fresh").await;
    let mut agent = server.agent(&token).await;
    let answer = agent.heartbeat(heartbeat()).await.unwrap().into_inner();
    assert_eq!(answer.access_ttl.unwrap().seconds, 6);
    assert_eq!(answer.heartbeat_interval.unwrap().seconds, 2);
}

#[tokio::test]
async fn a_heartbeat_makes_a_node_online_and_silence_offline() {
    let timeout = ("TELECOM__NODE_HEALTH_CHECK__OFFLINE_TIMEOUT", "1500ms");
    let server = Server::start_with(&[timeout]).await;
    let (node, token) = server.node("alive").await;
    let mut agent = server.agent(&token).await;

    let answer = agent.heartbeat(heartbeat()).await.unwrap().into_inner();
    assert_eq!(answer.node_server_id, node.id);
    assert_eq!(answer.compatibility(), Compatibility::Supported);
    assert_eq!(
        (answer.supported_protocol_min, answer.supported_protocol_max),
        (1, 1)
    );
    let interval = Duration::try_from(answer.heartbeat_interval.unwrap()).unwrap();
    assert_eq!(interval, Duration::from_millis(500));

    let status = || async {
        let mut admin = server.admin().await;
        let shown = admin
            .show_node_server(ShowNodeServerRequest { id: node.id })
            .await
            .unwrap();
        shown.into_inner().node_server.unwrap().status()
    };
    // On a stalled machine the first look may come too late; then another heartbeat and look.
    eventually("online", || async {
        agent.clone().heartbeat(heartbeat()).await.unwrap();
        status().await == NodeStatus::Online
    })
    .await;
    eventually("counted online", || async {
        agent.clone().heartbeat(heartbeat()).await.unwrap();
        server.metric("telecom_nodes{status=\"online\"}").await == Some(1.0)
    })
    .await;
    eventually("offline", || async {
        status().await == NodeStatus::Offline
    })
    .await;
    eventually("counted offline", || async {
        server.metric("telecom_nodes{status=\"offline\"}").await == Some(1.0)
            && server.metric("telecom_nodes{status=\"online\"}").await == Some(0.0)
    })
    .await;
}

#[tokio::test]
async fn what_a_node_reports_is_what_is_shown() {
    let server = Server::start().await;
    let (node, token) = server.node("reporting").await;
    let sent = HeartbeatRequest {
        clock: Some((SystemTime::now() + Duration::from_hours(1)).into()),
        ..heartbeat()
    };
    let mut agent = server.agent(&token).await;
    let answer = agent.heartbeat(sent.clone()).await.unwrap().into_inner();
    let skew = answer.clock_skew.unwrap();
    assert!((3540..=3600).contains(&skew.seconds), "{skew:?}");

    let mut admin = server.admin().await;
    let shown = admin
        .show_node_server(ShowNodeServerRequest { id: node.id })
        .await
        .unwrap()
        .into_inner();
    let sample = shown.performance.unwrap();
    assert_eq!(sample.clock_skew, Some(skew));
    assert_eq!(sample.received_at, answer.server_time);
    assert!((sample.cpu_usage_ratio - 0.25).abs() < f64::EPSILON);
    assert_eq!(
        (sample.memory_used_bytes, sample.memory_total_bytes),
        (3 << 30, 8 << 30)
    );
    assert!((sample.load_15m - 1.0).abs() < f64::EPSILON);
    assert_eq!(
        (sample.rx_bps, sample.tx_bps, sample.sessions),
        (120_000_000, 450_000_000, 321)
    );
    assert_eq!(
        (shown.boot_id, shown.config_hash),
        (sent.boot_id.clone(), sent.config_hash.clone())
    );
    let summary = shown.node_server.unwrap();
    assert_eq!(
        (summary.agent_version.as_str(), summary.protocol_version),
        ("2.4.1", 1)
    );
    assert_eq!(summary.last_online_at, answer.server_time);

    // The second heartbeat has an age to observe, the first had none.
    agent.heartbeat(sent).await.unwrap();
    assert_eq!(
        server
            .metric("telecom_node_heartbeat_age_seconds_count")
            .await,
        Some(1.0)
    );
    assert_eq!(
        server.metric("telecom_node_clock_skew_seconds_count").await,
        Some(2.0)
    );
    assert_eq!(
        server
            .metric("telecom_node_clock_skew_seconds_bucket{le=\"300\"}")
            .await,
        Some(0.0)
    );
}

#[tokio::test]
async fn an_agent_of_tomorrow_is_seen_and_told() {
    let server = Server::start().await;
    let (_, token) = server.node("tomorrow").await;
    let newer = HeartbeatRequest {
        protocol_version: 7,
        ..heartbeat()
    };
    let answer = server
        .agent(&token)
        .await
        .heartbeat(newer)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.compatibility(), Compatibility::AgentTooNew);
    let list = server
        .admin()
        .await
        .list_node_servers(ListNodeServersRequest::default())
        .await
        .unwrap();
    let listed = &list.get_ref().node_servers[0];
    assert_eq!(listed.compatibility(), Compatibility::AgentTooNew);
    assert_eq!(listed.status(), NodeStatus::Online);
}

/// A name, what to spoil, and the field that is at fault then.
type Case = (&'static str, fn(&mut HeartbeatRequest), &'static str);

#[tokio::test]
async fn bad_fields_are_named_and_nothing_is_kept() {
    let server = Server::start().await;
    let (node, token) = server.node("strict").await;
    let mut agent = server.agent(&token).await;
    let cases: [Case; 15] = [
        (
            "no agent version",
            |h| h.agent_version.clear(),
            "agent_version",
        ),
        (
            "a bell in the version",
            |h| h.agent_version = "1\x07".to_owned(),
            "agent_version",
        ),
        (
            "no protocol version",
            |h| h.protocol_version = 0,
            "protocol_version",
        ),
        (
            "a huge protocol version",
            |h| h.protocol_version = u32::MAX,
            "protocol_version",
        ),
        ("no boot id", |h| h.boot_id.clear(), "boot_id"),
        (
            "a long hash",
            |h| h.config_hash = "a".repeat(129),
            "config_hash",
        ),
        (
            "cpu over 1",
            |h| h.cpu_usage_ratio = 1.01,
            "cpu_usage_ratio",
        ),
        (
            "cpu not a number",
            |h| h.cpu_usage_ratio = f64::NAN,
            "cpu_usage_ratio",
        ),
        (
            "more memory used than there is",
            |h| h.memory_used_bytes = 9 << 30,
            "memory_used_bytes",
        ),
        (
            "too much memory",
            |h| h.memory_total_bytes = u64::MAX,
            "memory_total_bytes",
        ),
        ("infinite load", |h| h.load_5m = f64::INFINITY, "load_5m"),
        ("negative load", |h| h.load_1m = -0.1, "load_1m"),
        ("too much traffic", |h| h.tx_bps = u64::MAX, "tx_bps"),
        ("no clock", |h| h.clock = None, "clock"),
        (
            "a clock beyond time",
            |h| {
                h.clock = Some(prost_types::Timestamp {
                    seconds: i64::MAX,
                    nanos: 0,
                });
            },
            "clock",
        ),
    ];
    for (name, spoil, field) in cases {
        let mut bad = heartbeat();
        spoil(&mut bad);
        let refused = agent.heartbeat(bad).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name}");
        let details = refused.get_error_details();
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(
            violations
                .iter()
                .map(|v| v.field.as_str())
                .collect::<Vec<_>>(),
            [field],
            "{name}"
        );
    }
    let shown = server
        .admin()
        .await
        .show_node_server(ShowNodeServerRequest { id: node.id })
        .await
        .unwrap();
    assert_eq!(shown.get_ref().performance, None);
}
