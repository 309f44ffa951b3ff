//! From use to the quota, and on to the nodes that are told to let nobody in any more: 200 nodes, 100 000
//! subscribers, usage billed each second.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow, ensure};
use futures::future::try_join_all;
use sqlx::PgPool;
use sqlx::types::chrono::{DateTime, Utc};
use telecom_proto::v1::node_agent_client::NodeAgentClient;
use telecom_proto::v1::{ReportUsageRequest, UsageRow, WatchAccessRequest};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tonic::transport::Channel;
use uuid::Uuid;

use super::report::Sheet;
use super::server::run_job;
use super::{Bench, heartbeats, market, usage};
use crate::telecom::{channel, with_token};

/// Bytes of a quota, and of the use that is more.
const QUOTA: i64 = 1_000_000_000;
/// Subscribers who use theirs up at once, and how often some do.
const AT_ONCE: usize = 10;
const EVERY: Duration = Duration::from_millis(330);
/// How often usage is billed.
const BILLED_EVERY: Duration = Duration::from_secs(1);
/// Connections that the nodes share.
const CHANNELS: usize = 20;
/// Nodes with ordinary traffic meanwhile, and how often each reports.
const REPORTERS: usize = 4;
const PACE: Duration = Duration::from_secs(1);

/// When a node was told that a subscriber is denied.
type Told = Arc<Mutex<Vec<(Uuid, SystemTime)>>>;

/// Subscribers use up their quotas while all nodes watch.
pub async fn measure(bench: &Bench, sheet: &mut Sheet) -> Result<()> {
    let (server, url) = bench.server("access").await?;
    let pool = PgPool::connect(&url).await?;
    market::open(&pool, QUOTA, market::Next::Nothing).await?;
    let nodes = heartbeats::nodes(&server, 10).await?;
    let mut channels = Vec::new();
    for _ in 0..CHANNELS {
        channels.push(channel(server.grpc).await?);
    }
    let mut reporters = Vec::new();
    for node in &nodes {
        let users = Vec::new();
        reporters.push(usage::reporter(&pool, node, &users).await?);
    }
    offer(&pool, &reporters).await?;
    let mut ordinary = Vec::new();
    for node in &nodes[..REPORTERS] {
        let users = usage::subscribers(&pool).await?;
        ordinary.push(usage::reporter(&pool, node, &users).await?);
    }
    let told = Told::default();
    let mut watchers = JoinSet::new();
    let mut complete = Vec::new();
    for (place, reporter) in reporters.iter().enumerate() {
        let (sender, receiver) = oneshot::channel();
        complete.push(receiver);
        let channel = channels[place % CHANNELS].clone();
        let token = reporter.node().token.clone();
        watchers.spawn(watch(channel, token, Arc::clone(&told), sender));
    }
    timeout(Duration::from_mins(2), try_join_all(complete)).await??;

    let billing = async {
        let mut ticks = interval(BILLED_EVERY);
        loop {
            ticks.tick().await;
            run_job(&bench.binary, &url, "billTraffic").await?;
        }
    };
    let mut result = Ok(());
    let rounds = async {
        result = tokio::select! {
            result = rounds(bench, sheet, &pool, &channels, &reporters, &told) => result,
            result = billing => result,
            Some(ended) = watchers.join_next() => Err(anyhow!("a watcher ended: {ended:?}")),
        };
    };
    usage::paced(&channels, &ordinary, PACE, rounds).await?;
    result?;
    sheet.add(
        "resident memory, 200 nodes watching",
        "MiB",
        server.resident_mebibytes()?,
    );
    Ok(())
}

/// Each node client is for one of the series, in turns.
async fn offer(pool: &PgPool, reporters: &[usage::Reporter]) -> Result<()> {
    let clients: Vec<i32> = reporters.iter().map(usage::Reporter::client).collect();
    sqlx::query(
        "INSERT INTO package_series_node_client (package_series_id, node_client_id) \
         SELECT 1 + (place - 1) % $2, id FROM unnest($1::int[]) WITH ORDINALITY AS c (id, place)",
    )
    .bind(clients)
    .bind(i64::try_from(market::SERIES)?)
    .execute(pool)
    .await?;
    Ok(())
}

/// Notes who is denied, for ever; says when the first picture is complete.
async fn watch(
    channel: Channel,
    token: String,
    told: Told,
    complete: oneshot::Sender<()>,
) -> Result<()> {
    let mut complete = Some(complete);
    let request = with_token(WatchAccessRequest::default(), &token)?;
    let mut client = NodeAgentClient::new(channel);
    let mut stream = client.watch_access(request).await?.into_inner();
    while let Some(message) = stream.message().await? {
        if message.snapshot {
            if let Some(complete) = complete.take_if(|_| message.complete) {
                let _ = complete.send(());
            }
            continue;
        }
        let now = SystemTime::now();
        let denied = message.changes.iter().filter(|change| !change.allowed);
        // A node with two node clients is told of both.
        let denied: Result<BTreeSet<Uuid>, _> =
            denied.map(|change| change.user_id.parse()).collect();
        let mut told = told.lock().map_err(|_| anyhow!("a watcher panicked"))?;
        told.extend(denied?.into_iter().map(|user| (user, now)));
    }
    Ok(())
}

async fn rounds(
    bench: &Bench,
    sheet: &mut Sheet,
    pool: &PgPool,
    channels: &[Channel],
    reporters: &[usage::Reporter],
    told: &Told,
) -> Result<()> {
    let mut turn = 0;
    for round in 0..=bench.rounds {
        let mut used = HashMap::new();
        let begun = std::time::Instant::now();
        let mut ticks = interval(EVERY);
        while begun.elapsed() < bench.period {
            ticks.tick().await;
            let place = turn % reporters.len();
            turn += 1;
            let users = victims(pool, place, &used).await?;
            let channel = &channels[place % CHANNELS];
            let at = use_up(channel, &reporters[place], &users, turn).await?;
            used.extend(users.into_iter().map(|user| (user, at)));
        }
        // Who has no package left is denied everywhere.
        let seen = settled(pool, &used, reporters.len(), told).await?;
        if round > 0 {
            sheet.add("use to quota, p99", "ms", p99(seen.to_quota));
            sheet.add("use to node told, p99", "ms", p99(seen.to_node));
            sheet.add("charge to node told, p99", "ms", p99(seen.charge_to_node));
        }
    }
    Ok(())
}

/// Some of the node's subscribers whose quota is whole.
async fn victims(
    pool: &PgPool,
    place: usize,
    used: &HashMap<Uuid, SystemTime>,
) -> Result<Vec<Uuid>> {
    let series = i32::try_from(1 + place % market::SERIES)?;
    let users = sqlx::query_scalar(
        "SELECT user_id FROM user_access WHERE access = 'granted' AND package_series_id = $1 \
         AND user_id <> ALL ($2) LIMIT $3",
    )
    .bind(series)
    .bind(used.keys().copied().collect::<Vec<_>>())
    .bind(i64::try_from(AT_ONCE)?);
    let users: Vec<Uuid> = users.fetch_all(pool).await?;
    ensure!(users.len() == AT_ONCE, "too few subscribers");
    Ok(users)
}

/// One report in which each of them uses more than they have; gives when it was sent.
async fn use_up(
    channel: &Channel,
    reporter: &usage::Reporter,
    users: &[Uuid],
    turn: usize,
) -> Result<SystemTime> {
    let now = SystemTime::now();
    let rows = users.iter().map(|user| UsageRow {
        user_id: user.to_string(),
        node_client_id: reporter.client(),
        used_at: Some(now.into()),
        upload_bytes: 0,
        download_bytes: 2 * QUOTA,
    });
    let request = ReportUsageRequest {
        boot_id: "use-up".to_owned(),
        seq: u64::try_from(turn)?,
        rows: rows.collect(),
    };
    let request = with_token(request, &reporter.node().token)?;
    let mut client = NodeAgentClient::new(channel.clone());
    let taken = client.report_usage(request).await?.into_inner();
    ensure!(taken.refused.is_empty(), "{taken:?}");
    Ok(now)
}

/// Milliseconds.
#[derive(Default)]
struct Waits {
    to_quota: Vec<f64>,
    to_node: Vec<f64>,
    charge_to_node: Vec<f64>,
}

/// Waits until every node of each of the subscribers knows, and gives how long it took.
async fn settled(
    pool: &PgPool,
    used: &HashMap<Uuid, SystemTime>,
    nodes_each: usize,
    told: &Told,
) -> Result<Waits> {
    for _ in 0..300 {
        if told
            .lock()
            .map_err(|_| anyhow!("a watcher panicked"))?
            .len()
            >= used.len() * nodes_each
        {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    let told = std::mem::take(&mut *told.lock().map_err(|_| anyhow!("a watcher panicked"))?);
    ensure!(
        told.len() == used.len() * nodes_each,
        "{} users, {} times told",
        used.len(),
        told.len()
    );
    let users: Vec<Uuid> = used.keys().copied().collect();
    let charged: Vec<(Uuid, DateTime<Utc>)> =
        sqlx::query_as("SELECT user_id, changed_at FROM user_access WHERE user_id = ANY ($1)")
            .bind(users)
            .fetch_all(pool)
            .await?;
    let charged: HashMap<Uuid, SystemTime> = charged
        .into_iter()
        .map(|(id, at)| (id, at.into()))
        .collect();
    let since = |later: SystemTime, earlier: SystemTime| {
        later
            .duration_since(earlier)
            .unwrap_or_default()
            .as_secs_f64()
            * 1e3
    };
    let mut waits = Waits::default();
    for (user, at) in used {
        let charged = charged.get(user).context("never charged")?;
        waits.to_quota.push(since(*charged, *at));
    }
    for (user, at) in told {
        let used = used.get(&user).context("denied without use")?;
        waits.to_node.push(since(at, *used));
        waits
            .charge_to_node
            .push(since(at, *charged.get(&user).context("never charged")?));
    }
    Ok(waits)
}

fn p99(mut waits: Vec<f64>) -> f64 {
    waits.sort_by(f64::total_cmp);
    waits
        .get(waits.len() * 99 / 100)
        .copied()
        .unwrap_or(f64::NAN)
}
