//! Many at once: repetitions count once, and nobody waits in a circle.

use futures::future::join_all;
use rand::seq::SliceRandom as _;
use telecom_proto::v1::{ReportUsageRequest, ReportUsageResponse, UsageRow};
use tonic::Code;

use super::{Site, node_client, report, row, subscribers};
use crate::server::process::{Agent, PATIENCE};

/// Sends a report as an agent does: until there is an answer that is not about the moment.
pub async fn patiently(agent: &mut Agent, request: &ReportUsageRequest) -> ReportUsageResponse {
    let tries = async {
        loop {
            match agent.report_usage(request.clone()).await {
                Ok(response) => return response.into_inner(),
                Err(status) => assert!(
                    matches!(status.code(), Code::Unavailable | Code::ResourceExhausted),
                    "{status:?}"
                ),
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, tries)
        .await
        .expect("an answer")
}

#[tokio::test]
async fn one_report_a_hundred_times_at_once_counts_once() {
    let site = Site::new().await;
    let people = subscribers(&site.server, 5).await;
    let rows: Vec<_> = people.iter().map(|id| site.row(id, 1, 10)).collect();
    let request = report(7, rows);
    let mut agents = Vec::new();
    for _ in 0..4 {
        agents.push(site.agent().await);
    }
    let calls = (0..100).map(|n: usize| {
        let mut agent = agents[n % agents.len()].clone();
        let request = &request;
        async move { patiently(&mut agent, request).await }
    });
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.accepted == 5));
    let first = answers.iter().filter(|answer| !answer.replayed).count();
    assert_eq!(first, 1);
    assert_eq!(site.counts()[..2], [1, 5]);
    let sums = "SELECT sum(raw_upload), sum(factored_download) FROM usage_quarter";
    assert_eq!(site.sql(sums), "5|50.000000");
    let taken = "telecom_usage_reports_total{result=\"taken\"}";
    assert_eq!(site.server.metric(taken).await, Some(1.0));
    assert_eq!(site.rows("reason=\"\",result=\"taken\"").await, Some(5.0));
}

#[tokio::test]
async fn the_same_users_in_any_order_from_eight_nodes_meet_no_deadlock() {
    const NODES: u64 = 8;
    const REPORTS: u64 = 6;
    const ROWS: u64 = 200;
    let site = Site::new().await;
    let people = subscribers(&site.server, u32::try_from(ROWS).unwrap()).await;
    let mut nodes = vec![(site.client, site.token.clone())];
    for n in 1..NODES {
        let (node, token) = site.server.node(&format!("fra-{}", n + 1)).await;
        let name = format!("client-{n}");
        let client = node_client(&site.server, &name, node.id, 1_500_000).await;
        nodes.push((client, token));
    }
    // Two connections of each node, since it is its own sums that meet.
    let mut senders = Vec::new();
    for (n, (client, token)) in (0..).zip(nodes.iter().cycle().take(2 * nodes.len())) {
        let mut agent = site.server.agent(token).await;
        let people = &people;
        senders.push(async move {
            for seq in 0..REPORTS {
                let mut rows: Vec<UsageRow> =
                    people.iter().map(|id| row(id, *client, 1, 2)).collect();
                rows.shuffle(&mut rand::rng());
                let request = report(n * REPORTS + seq, rows);
                let taken = patiently(&mut agent, &request).await;
                assert_eq!(u64::from(taken.accepted), ROWS);
            }
        });
    }
    join_all(senders).await;
    let bytes = 2 * NODES * REPORTS * ROWS;
    let sums = "SELECT sum(raw_upload), sum(raw_download) FROM usage_quarter";
    assert_eq!(site.sql(sums), format!("{bytes}|{}", 2 * bytes));
    assert_eq!(site.counts()[..2], [2 * NODES * REPORTS, bytes]);
    // A session tells of its deadlocks within a second.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(site.sql(deadlocks), "0");
}
