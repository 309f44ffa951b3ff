//! Reports of usage as fast as they are taken: through the server, and the same statements without it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow, ensure};

use futures::future::try_join_all;
use rand::seq::SliceRandom as _;
use sqlx::PgPool;
use sqlx::types::chrono::Utc;
use telecom_proto::v1::node_agent_client::NodeAgentClient;
use telecom_proto::v1::{ReportUsageRequest, UsageRow};
use telecom_server::nodes::{Factor, NodeClientId, NodeServerId};
use telecom_server::store::{Database, traffic_usage, usage_quarters, usage_reports};
use telecom_server::usage::{ReportDraft, RowDraft, TakenRow, quarters};
use telecom_server::users::UserId;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::demo::registry::Registered;
use crate::telecom::with_token;

/// Rows of each report, one for each of as many subscribers.
pub const ROWS: u32 = 1_000;

/// A node that reports, through one node client.
#[derive(Debug, Clone)]
pub struct Reporter {
    node: Registered,
    client: i32,
    users: Vec<Uuid>,
}

/// What was seen in a period.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Rows that were taken, per second.
    pub rows_per_second: f64,
    /// How long a report took, in milliseconds, of a hundred the slowest but one.
    pub p99_ms: f64,
}

impl Reporter {
    /// The number of its node client.
    pub fn client(&self) -> i32 {
        self.client
    }

    /// The node.
    pub fn node(&self) -> &Registered {
        &self.node
    }
}

/// Subscribers, as many as a report has rows.
pub async fn subscribers(pool: &PgPool) -> Result<Vec<Uuid>> {
    let ids = (0..ROWS).map(|_| Uuid::new_v4()).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO subscriber (id, time_zone, metadata) SELECT unnest($1::uuid[]), 'UTC', '{}'",
    )
    .bind(&ids)
    .execute(pool)
    .await?;
    Ok(ids)
}

/// A node client on the node, which reports of these subscribers.
pub async fn reporter(pool: &PgPool, node: &Registered, users: &[Uuid]) -> Result<Reporter> {
    let client: i32 = sqlx::query_scalar(
        "WITH client AS (INSERT INTO node_client (node_server_id, name, display_order, protocol, port, \
         country, location, route_class, routes, metadata) \
         VALUES ($1, gen_random_uuid()::text, 0, 'wireguard', 51820, '', '', '', '{}', '{}') RETURNING id), \
         factor AS (INSERT INTO node_client_factor SELECT id, now(), 1500000 FROM client) \
         SELECT id FROM client",
    )
    .bind(node.id)
    .fetch_one(pool)
    .await?;
    Ok(Reporter {
        node: node.clone(),
        client,
        users: users.to_vec(),
    })
}

/// Deadlocks that the database has met.
pub async fn deadlocks(pool: &PgPool) -> Result<i64> {
    // A session tells of its own within a second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    Ok(sqlx::query_scalar(deadlocks).fetch_one(pool).await?)
}

/// Reports over gRPC, one after the other on a connection for each reporter. Each report has its rows
/// in another order.
pub async fn through_server(
    channels: &[Channel],
    reporters: &[Reporter],
    period: Duration,
) -> Result<Seen> {
    closed_loop(reporters, period, async |reporter, place, seq, boot_id| {
        report(&channels[place], reporter, seq, boot_id).await
    })
    .await
}

/// Reports over gRPC at a steady pace while something goes on. Each is timed from the moment at which it
/// was due, so that one which waits for the one before it counts as slow.
pub async fn paced(
    channels: &[Channel],
    reporters: &[Reporter],
    pace: Duration,
    something: impl Future<Output = ()>,
) -> Result<Seen> {
    let over = AtomicBool::new(false);
    let (over, took) = (&over, Mutex::new(Vec::new()));
    let begun = Instant::now();
    let callers = reporters
        .iter()
        .zip(channels)
        .enumerate()
        .map(|(place, (reporter, channel))| {
            let took = &took;
            async move {
                let boot_id = Uuid::new_v4().to_string();
                // Not all at the same moment.
                let first = begun + pace * u32::try_from(place)? / u32::try_from(reporters.len())?;
                for seq in 0..u32::MAX {
                    let due = first + pace * seq;
                    tokio::time::sleep_until(due.into()).await;
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    report(channel, reporter, seq.into(), &boot_id).await?;
                    took.lock()
                        .map_err(|_| anyhow!("a caller panicked"))?
                        .push(due.elapsed());
                }
                anyhow::Ok(())
            }
        });
    let something = async {
        something.await;
        over.store(true, Ordering::Relaxed);
        Ok(())
    };
    tokio::try_join!(try_join_all(callers), something)?;
    seen(took, begun)
}

/// Sends one report; gives how long the answer took.
async fn report(
    channel: &Channel,
    reporter: &Reporter,
    seq: u64,
    boot_id: &str,
) -> Result<Duration> {
    let mut client = NodeAgentClient::new(channel.clone());
    let request = ReportUsageRequest {
        boot_id: boot_id.to_owned(),
        seq,
        rows: rows(reporter),
    };
    let request = with_token(request, &reporter.node.token)?;
    let begun = Instant::now();
    let taken = client.report_usage(request).await?.into_inner();
    ensure!(taken.accepted == ROWS && !taken.replayed, "{taken:?}");
    Ok(begun.elapsed())
}

/// The same key, rows and sums by the server's own statements, in a transaction for each report: without
/// gRPC, and without looking up whose token it is, which subscribers there are, and what counts how much.
pub async fn plain_sql(
    database: &Database,
    reporters: &[Reporter],
    period: Duration,
) -> Result<Seen> {
    closed_loop(reporters, period, async |reporter, _, seq, boot_id| {
        let node = NodeServerId(reporter.node.id);
        let rows = rows(reporter);
        let draft = ReportDraft {
            boot_id: boot_id.to_owned(),
            seq,
            rows: vec![RowDraft::default()],
        };
        let report = draft
            .check()
            .map_err(|violations| anyhow!("{violations:?}"))?;
        let taken = taken(reporter, &rows)?;
        let begun = Instant::now();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        let mut transaction = database.write(deadline).await?;
        let new = usage_reports::claim(&mut transaction, node, &report, rows.len(), None).await?;
        ensure!(new, "the number was used");
        traffic_usage::insert(&mut transaction, node, &taken).await?;
        usage_quarters::add(&mut transaction, node, &quarters(&taken)).await?;
        transaction.commit().await?;
        Ok(begun.elapsed())
    })
    .await
}

fn rows(reporter: &Reporter) -> Vec<UsageRow> {
    let used_at = Some(SystemTime::now().into());
    let mut rows: Vec<_> = reporter
        .users
        .iter()
        .map(|user| UsageRow {
            user_id: user.to_string(),
            node_client_id: reporter.client,
            used_at,
            upload_bytes: 12_345,
            download_bytes: 6_789_012,
        })
        .collect();
    rows.shuffle(&mut rand::rng());
    rows
}

fn taken(reporter: &Reporter, rows: &[UsageRow]) -> Result<Vec<TakenRow>> {
    let factor = Factor::from_millionths(1_500_000).context("a factor")?;
    let used_at = Utc::now();
    rows.iter()
        .map(|row| {
            Ok(TakenRow {
                user: UserId(row.user_id.parse()?),
                node_client: NodeClientId(reporter.client),
                used_at,
                upload: row.upload_bytes.unsigned_abs(),
                download: row.download_bytes.unsigned_abs(),
                clock_ahead: false,
                factor,
            })
        })
        .collect()
}

/// Every reporter sends its next report when the last one is answered.
async fn closed_loop(
    reporters: &[Reporter],
    period: Duration,
    send: impl AsyncFn(&Reporter, usize, u64, &str) -> Result<Duration>,
) -> Result<Seen> {
    let took = Mutex::new(Vec::new());
    let begun = Instant::now();
    let callers = reporters.iter().enumerate().map(|(place, reporter)| {
        let (took, send) = (&took, &send);
        async move {
            let boot_id = Uuid::new_v4().to_string();
            for seq in 0.. {
                if begun.elapsed() >= period {
                    break;
                }
                let one = send(reporter, place, seq, &boot_id).await?;
                let mut all = took.lock().map_err(|_| anyhow!("a caller panicked"))?;
                all.push(one);
            }
            anyhow::Ok(())
        }
    });
    try_join_all(callers).await?;
    seen(took, begun)
}

#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn seen(took: Mutex<Vec<Duration>>, begun: Instant) -> Result<Seen> {
    let seconds = begun.elapsed().as_secs_f64();
    let reports = took.lock().map_err(|_| anyhow!("a caller panicked"))?.len();
    Ok(Seen {
        rows_per_second: reports as f64 * f64::from(ROWS) / seconds,
        p99_ms: p99_ms(took)?,
    })
}

/// Of a hundred the slowest but one, in milliseconds.
pub fn p99_ms(took: Mutex<Vec<Duration>>) -> Result<f64> {
    let mut took = took.into_inner().context("a caller panicked")?;
    took.sort_unstable();
    let p99 = took
        .get(took.len() * 99 / 100)
        .context("nothing was answered")?;
    Ok(p99.as_secs_f64() * 1e3)
}
