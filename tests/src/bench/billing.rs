//! From usage that is not billed yet to what packages are charged: the job, the hook, and both at once.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sqlx::{Connection as _, Row as _};
use sqlx::{PgConnection, PgPool};
use tokio::time::sleep;

use super::report::Sheet;
use super::server::{Server, run_job};
use super::{Bench, heartbeats, market, usage};
use crate::telecom::channel;

/// Keys to bill in a round, each of another subscriber, and so as many events.
const EVENTS: u32 = 100_000;
/// Rows in a batch of the job, and events in one of the hook.
const BATCH: i64 = 1000;
/// Nodes that report meanwhile, and how often each does: a load that leaves room for billing.
const REPORTERS: usize = 4;
const PACE: Duration = Duration::from_millis(500);

/// Each of the two by itself beside the reference; then both at once, and what that does to reports;
/// then with a transaction of somebody else that stays open.
pub async fn measure(bench: &Bench, sheet: &mut Sheet) -> Result<()> {
    let (server, url) = bench.server("billing").await?;
    let pool = PgPool::connect(&url).await?;
    market::open(&pool, 1 << 60, market::Next::Waits).await?;
    let nodes = heartbeats::nodes(&server, 1).await?;
    let mut reporters = Vec::new();
    for node in &nodes[..REPORTERS] {
        let users = usage::subscribers(&pool).await?;
        reporters.push(usage::reporter(&pool, node, &users).await?);
    }
    let mut server = Some(server);
    for round in 0..=bench.rounds {
        drop(server.take());
        use_up(&pool).await?;
        let begun = Instant::now();
        run_job(&bench.binary, &url, "billTraffic").await?;
        let billed = per_second(begun);
        let running = Server::start(&bench.binary, &url).await?;
        let charged = hook(&pool).await?;
        let reference = reference(&url).await?;
        let reports = Reports::new(&running, &reporters).await?;
        let idle = reports.while_pending(sleep(bench.period)).await?;
        let (both, meanwhile) = together(bench, &pool, &url, &reports).await?;
        if round > 0 {
            sheet.add("billed by the job, one event each", "1/s", billed);
            sheet.add("charged by the hook", "1/s", charged);
            sheet.add("an UPDATE of as many quotas by id", "1/s", reference);
            sheet.add(
                "share of the UPDATE, charged",
                "%",
                100.0 * charged / reference,
            );
            sheet.add("billed and charged, both at once", "1/s", both);
            sheet.add("p99 of a paced report, nothing billed", "ms", idle);
            sheet.add("p99 of a paced report while billing", "ms", meanwhile);
        }
        server = Some(running);
    }
    let running = server.as_ref().context("a server")?;
    let reports = Reports::new(running, &reporters).await?;
    let mut foreign = PgConnection::connect(&url).await?;
    // It has a number and a snapshot, so that nothing which it could still see is cleared away.
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current()")
        .execute(&mut foreign)
        .await?;
    for _ in 0..bench.rounds {
        let (both, _) = together(bench, &pool, &url, &reports).await?;
        sheet.add("the same beside an open transaction", "1/s", both);
    }
    sheet.add(
        "resident memory, after billing",
        "MiB",
        running.resident_mebibytes()?,
    );
    Ok(())
}

/// Billed and charged while nodes report: events per second, and the p99 of the reports.
async fn together(
    bench: &Bench,
    pool: &PgPool,
    url: &str,
    reports: &Reports<'_>,
) -> Result<(f64, f64)> {
    use_up(pool).await?;
    let begun = Instant::now();
    let mut rate = Ok(0.0);
    let meanwhile = reports.while_pending(async {
        rate = async {
            run_job(&bench.binary, url, "billTraffic").await?;
            settled(pool).await?;
            anyhow::Ok(per_second(begun))
        }
        .await;
    });
    let meanwhile = meanwhile.await?;
    // What the nodes reported meanwhile is billed as well, and is not counted.
    Ok((rate?, meanwhile))
}

/// Nodes that report at a pace of their own.
struct Reports<'a> {
    channels: Vec<tonic::transport::Channel>,
    reporters: &'a [usage::Reporter],
}

impl<'a> Reports<'a> {
    async fn new(server: &Server, reporters: &'a [usage::Reporter]) -> Result<Self> {
        let mut channels = Vec::new();
        for _ in reporters {
            channels.push(channel(server.grpc).await?);
        }
        Ok(Self {
            channels,
            reporters,
        })
    }

    /// The p99 of reports in milliseconds, while something goes on.
    async fn while_pending(&self, something: impl Future<Output = ()>) -> Result<f64> {
        let seen = usage::paced(&self.channels, self.reporters, PACE, something).await?;
        Ok(seen.p99_ms)
    }
}

/// Each subscriber uses something in the present quarter of an hour.
async fn use_up(pool: &PgPool) -> Result<()> {
    let used = sqlx::query(
        "INSERT INTO usage_quarter AS q (user_id, bucket, node_client_id, node_server_id, raw_upload, \
         raw_download, factored_upload, factored_download, last_used_at) \
         SELECT md5(n::text)::uuid, date_bin('15 minutes', now(), '2000-01-01 00:00:00+00'), 1 + n % 20, \
         1 + n % 20, 12345, 6789012, 18517.5, 10183518, now() FROM generate_series(1, $1::bigint) n \
         ON CONFLICT (user_id, bucket, node_client_id, node_server_id) DO UPDATE SET \
         raw_upload = q.raw_upload + excluded.raw_upload, \
         raw_download = q.raw_download + excluded.raw_download, \
         factored_upload = q.factored_upload + excluded.factored_upload, \
         factored_download = q.factored_download + excluded.factored_download, \
         last_used_at = excluded.last_used_at",
    );
    used.bind(i64::from(EVENTS)).execute(pool).await?;
    // So that no round writes out what the one before has left.
    sqlx::query("CHECKPOINT").execute(pool).await?;
    Ok(())
}

/// Until no event is pending.
async fn settled(pool: &PgPool) -> Result<()> {
    let begun = Instant::now();
    let pending = "SELECT EXISTS (SELECT FROM outbox_event WHERE published_at IS NULL \
                   AND route = ANY (ARRAY['telecom.user_usage_billing']) ORDER BY route, id LIMIT 1)";
    while sqlx::query_scalar(pending).fetch_one(pool).await? {
        ensure!(begun.elapsed() < Duration::from_mins(2), "events lie about");
        sleep(Duration::from_millis(20)).await;
    }
    let dead: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM dead_letter)")
        .fetch_one(pool)
        .await?;
    ensure!(!dead, "there are dead letters");
    Ok(())
}

/// Events per second that the server which has just been started takes up, between its first
/// transaction and its last.
async fn hook(pool: &PgPool) -> Result<f64> {
    settled(pool).await?;
    let rate = sqlx::query(
        "SELECT count(*) AS batches, (sum(n) / extract(epoch FROM max(at) - min(at)))::float8 AS rate \
         FROM (SELECT published_at AS at, CASE WHEN row_number() OVER (ORDER BY published_at DESC) = 1 \
         THEN 0 ELSE count(*) END AS n FROM outbox_event WHERE published_at >= (SELECT max(created_at) \
         FROM outbox_event) AND route = 'telecom.user_usage_billing' GROUP BY published_at) b",
    );
    let row = rate.fetch_one(pool).await?;
    let batches: i64 = row.get("batches");
    ensure!(batches > 10, "{batches} batches");
    Ok(row.get("rate"))
}

/// The least that charging can be: as many quotas updated, in batches of the same size in the order of
/// their ids, one batch after the other.
async fn reference(url: &str) -> Result<f64> {
    let mut connection = PgConnection::connect(url).await?;
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM queued_package WHERE status = 'active' ORDER BY id LIMIT $1",
    )
    .bind(i64::from(EVENTS))
    .fetch_all(&mut connection)
    .await?;
    let begun = Instant::now();
    for batch in ids.chunks(usize::try_from(BATCH)?) {
        let bytes = vec![1000_i64; batch.len()];
        sqlx::query(
            "UPDATE queued_package q SET charged = q.charged + n.bytes, \
             period_charged = q.period_charged + n.bytes \
             FROM unnest($1::bigint[], $2::bigint[]) AS n (id, bytes) \
             WHERE q.id = n.id AND q.id = ANY (ARRAY(SELECT unnest($1::bigint[])))",
        )
        .bind(batch)
        .bind(bytes)
        .execute(&mut connection)
        .await?;
    }
    Ok(per_second(begun))
}

fn per_second(begun: Instant) -> f64 {
    f64::from(EVENTS) / begun.elapsed().as_secs_f64()
}
