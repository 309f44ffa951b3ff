//! Heartbeats as fast as they are taken: through the server, and the same statement without it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, anyhow};
use futures::future::try_join_all;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use telecom_proto::v1::HeartbeatRequest;
use telecom_proto::v1::node_agent_client::NodeAgentClient;
use telecom_server::config;
use telecom_server::nodes::{HeartbeatDraft, NodeServerId, Performance};
use telecom_server::store::{Database, heartbeats};
use tonic::transport::Channel;

use crate::demo::agent::Figures;
use crate::demo::registry::Registered;
use crate::telecom::with_token;

/// Callers at a time: more than the pool has connections, so that neither side waits for callers.
pub const CALLERS: usize = 16;
/// Connections to PostgreSQL on both sides: the server's default.
pub const CONNECTIONS: u32 = 10;

/// Heartbeats per second over gRPC; adds how long each took.
pub async fn through_server(
    channel: &Channel,
    nodes: &[Registered],
    period: Duration,
    took: &Mutex<Vec<Duration>>,
) -> Result<f64> {
    let next = Arc::new(AtomicUsize::new(0));
    closed_loop(period, took, || {
        let mut client = NodeAgentClient::new(channel.clone());
        let next = Arc::clone(&next);
        async move || {
            let node = &nodes[next.fetch_add(1, Ordering::Relaxed) % nodes.len()];
            let heartbeat = heartbeat(node);
            client
                .heartbeat(with_token(heartbeat, &node.token)?)
                .await?;
            Ok(())
        }
    })
    .await
}

/// The server's own statement per second, in a transaction of its own, over the same driver and as
/// many connections: without gRPC and without looking up whose token it is.
pub async fn plain_sql(database: &Database, nodes: &[Registered], period: Duration) -> Result<f64> {
    let next = Arc::new(AtomicUsize::new(0));
    closed_loop(period, &Mutex::default(), || {
        let next = Arc::clone(&next);
        async move || {
            let node = &nodes[next.fetch_add(1, Ordering::Relaxed) % nodes.len()];
            let draft = draft(&heartbeat(node)).check();
            let heartbeat = draft.map_err(|violations| anyhow!("{violations:?}"))?;
            let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
            let mut transaction = database.write(deadline).await?;
            let node = NodeServerId(node.id);
            heartbeats::record(&mut transaction, node, &heartbeat, Duration::ZERO).await?;
            Ok(transaction.commit().await?)
        }
    })
    .await
}

/// A pool as the server has it.
pub fn database(url: &str) -> Result<Database> {
    let primary: PgConnectOptions = url.parse()?;
    Ok(Database::new(&config::Database {
        primary,
        direct: None,
        replica: None,
        max_connections: CONNECTIONS,
        pooler: false,
    }))
}

/// Makes an empty database.
pub async fn create_database(superuser: &str, name: &str) -> Result<()> {
    let pool = PgPool::connect(superuser).await?;
    let statement = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(statement).execute(&pool).await?;
    pool.close().await;
    Ok(())
}

/// Runs [`CALLERS`] callers, each making its next call when the last one is answered.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
async fn closed_loop<C>(
    period: Duration,
    took: &Mutex<Vec<Duration>>,
    caller: impl Fn() -> C,
) -> Result<f64>
where
    C: AsyncFnMut() -> Result<()>,
{
    let done = AtomicU64::new(0);
    let begun = Instant::now();
    let callers = (0..CALLERS).map(|_| {
        let mut call = caller();
        let done = &done;
        async move {
            let mut times = Vec::new();
            while begun.elapsed() < period {
                let asked = Instant::now();
                call().await?;
                times.push(asked.elapsed());
                done.fetch_add(1, Ordering::Relaxed);
            }
            let mut took = took.lock().map_err(|_| anyhow!("a caller panicked"))?;
            took.append(&mut times);
            anyhow::Ok(())
        }
    });
    try_join_all(callers).await?;
    Ok(done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

fn heartbeat(node: &Registered) -> HeartbeatRequest {
    let mut random = rand::rng();
    Figures::new(node.bandwidth_bps, node.max_sessions, &mut random)
        .step(SystemTime::now(), &mut random)
}

fn draft(heartbeat: &HeartbeatRequest) -> HeartbeatDraft {
    HeartbeatDraft {
        agent_version: heartbeat.agent_version.clone(),
        protocol_version: heartbeat.protocol_version,
        boot_id: heartbeat.boot_id.clone(),
        config_hash: heartbeat.config_hash.clone(),
        performance: Performance {
            cpu_usage_ratio: heartbeat.cpu_usage_ratio,
            memory_used_bytes: heartbeat.memory_used_bytes,
            memory_total_bytes: heartbeat.memory_total_bytes,
            load: [heartbeat.load_1m, heartbeat.load_5m, heartbeat.load_15m],
            rx_bps: heartbeat.rx_bps,
            tx_bps: heartbeat.tx_bps,
            sessions: heartbeat.sessions,
        },
        clock: Some(SystemTime::now().into()),
    }
}
