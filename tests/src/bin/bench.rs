//! `make bench`: what the server costs and what it carries, beside what PostgreSQL alone carries.

#![allow(clippy::print_stdout, reason = "its output is what a benchmark is for")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use serde_json::json;
use sqlx::PgPool;
use telecom_tests::bench::load;
use telecom_tests::bench::postgres::Postgres;
use telecom_tests::bench::report::{Row, table};
use telecom_tests::bench::server::Server;
use telecom_tests::bench::usage;
use telecom_tests::demo::catalogue;
use telecom_tests::demo::registry::{Administrator, Registered};
use telecom_tests::telecom::{channel, get};
use telecom_tests::tokens;
use tokio::time::sleep;

/// Measures the server beside references and prints a table.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server to measure.
    #[arg(long, env = "BENCH_SERVER")]
    server: PathBuf,
    /// Where to keep the samples.
    #[arg(long, env = "BENCH_JSON")]
    json: Option<PathBuf>,
    /// How often each thing is measured.
    #[arg(long, env = "BENCH_ROUNDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Seconds of load in each round, for each side.
    #[arg(long, env = "BENCH_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

/// Scrapes in a round; one is too short to time.
const SCRAPES: u32 = 50;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let postgres = Postgres::start()?;
    let mut rows = starts(&arguments, &postgres).await?;
    rows.extend(work(&arguments, &postgres).await?);
    println!("\n{}", table(&rows));
    if let Some(path) = &arguments.json {
        let kept = json!({"seconds": arguments.seconds, "callers": load::CALLERS, "rows": rows});
        std::fs::write(path, serde_json::to_vec_pretty(&kept)?)?;
        println!("  Samples: {}", path.display());
    }
    Ok(())
}

/// Cold starts with all migrations, and starts on a database that has them.
async fn starts(arguments: &Arguments, postgres: &Postgres) -> Result<Vec<Row>> {
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for round in 0..arguments.rounds {
        let name = format!("start_{round}");
        load::create_database(&postgres.url("postgres"), &name).await?;
        for samples in [&mut first, &mut again] {
            let server = Server::start(&arguments.server, &postgres.url(&name)).await?;
            samples.push(server.ready_after.as_secs_f64() * 1e3);
        }
    }
    Ok(vec![
        Row {
            name: "start to ready, empty database, migrations included",
            unit: "ms",
            samples: first,
        },
        Row {
            name: "start to ready, migrated database",
            unit: "ms",
            samples: again,
        },
    ])
}

async fn work(arguments: &Arguments, postgres: &Postgres) -> Result<Vec<Row>> {
    load::create_database(&postgres.url("postgres"), "load").await?;
    let url = postgres.url("load");
    let server = Server::start(&arguments.server, &url).await?;
    sleep(Duration::from_secs(2)).await;
    let idle = vec![mebibytes(&server)?];

    let channel = channel(server.grpc).await?;
    let mut admin = Administrator::new(channel.clone(), tokens::admin().to_owned());
    let (nodes, _) = admin.register(catalogue::node_servers()).await?;
    let database = load::database(&url)?;
    let period = Duration::from_secs(arguments.seconds);
    let (mut through, mut plain, mut share, mut scrape) = (vec![], vec![], vec![], vec![]);
    for round in 0..=arguments.rounds {
        // Side by side and in turns, so that a machine that slows down slows both.
        let pair = (
            load::through_server(&channel, &nodes, period).await?,
            load::plain_sql(&database, &nodes, period).await?,
        );
        let scraped = scrape_milliseconds(&server).await?;
        // The first round fills caches and pools.
        if round > 0 {
            through.push(pair.0);
            plain.push(pair.1);
            share.push(100.0 * pair.0 / pair.1);
            scrape.push(scraped);
        }
    }
    let usage = usage_rows(&url, &server, &nodes, arguments).await?;
    let loaded = vec![mebibytes(&server)?];
    let row = |name, unit, samples| Row {
        name,
        unit,
        samples,
    };
    let mut rows = vec![
        row("resident memory, idle", "MiB", idle),
        row("resident memory, after the load", "MiB", loaded),
        row("heartbeats through the server", "1/s", through),
        row("the same statement by plain SQL", "1/s", plain),
        row("the server's share of it", "%", share),
        row("one scrape of /metrics", "ms", scrape),
    ];
    rows.extend(usage);
    Ok(rows)
}

/// Connections on which usage is reported.
const CONNECTIONS: usize = 4;
/// Nodes whose subscribers are the same.
const CROWD: usize = 8;

/// Reports of usage: each node its own subscribers, then many nodes the same ones.
async fn usage_rows(
    url: &str,
    server: &Server,
    nodes: &[Registered],
    arguments: &Arguments,
) -> Result<Vec<Row>> {
    let pool = PgPool::connect(url).await?;
    let mut channels = Vec::new();
    for _ in 0..CROWD {
        channels.push(channel(server.grpc).await?);
    }
    let (mut apart, mut together) = (Vec::new(), Vec::new());
    for node in &nodes[..CONNECTIONS] {
        let users = usage::subscribers(&pool).await?;
        apart.push(usage::reporter(&pool, node, &users).await?);
    }
    let users = usage::subscribers(&pool).await?;
    for node in &nodes[..CROWD] {
        together.push(usage::reporter(&pool, node, &users).await?);
    }
    let database = load::database(url)?;
    let period = Duration::from_secs(arguments.seconds);
    let before = usage::deadlocks(&pool).await?;
    let (mut through, mut p99, mut plain, mut share) = (vec![], vec![], vec![], vec![]);
    let (mut crowd, mut crowd_p99) = (vec![], vec![]);
    for round in 0..=arguments.rounds {
        let with = usage::through_server(&channels, &apart, period).await?;
        let without = usage::plain_sql(&database, &apart, period).await?;
        let same = usage::through_server(&channels, &together, period).await?;
        if round > 0 {
            through.push(with.rows_per_second);
            p99.push(with.p99_ms);
            plain.push(without.rows_per_second);
            share.push(100.0 * with.rows_per_second / without.rows_per_second);
            crowd.push(same.rows_per_second);
            crowd_p99.push(same.p99_ms);
        }
    }
    let deadlocks = usage::deadlocks(&pool).await? - before;
    #[allow(clippy::cast_precision_loss, reason = "a count far below 2^53")]
    let deadlocks = vec![deadlocks as f64];
    let row = |name, unit, samples| Row {
        name,
        unit,
        samples,
    };
    Ok(vec![
        row(
            "usage rows through the server, 4 connections",
            "1/s",
            through,
        ),
        row("p99 of such a report of 1 000 rows", "ms", p99),
        row("the same statements by plain SQL", "1/s", plain),
        row("the server's share of it", "%", share),
        row(
            "usage rows, 8 nodes with the same subscribers",
            "1/s",
            crowd,
        ),
        row("p99 of such a report", "ms", crowd_p99),
        row("deadlocks in all of it", "", deadlocks),
    ])
}

#[allow(clippy::cast_precision_loss, reason = "a memory size is below 2^53")]
fn mebibytes(server: &Server) -> Result<f64> {
    Ok(server.resident_bytes()? as f64 / f64::from(1 << 20))
}

async fn scrape_milliseconds(server: &Server) -> Result<f64> {
    let begun = Instant::now();
    for _ in 0..SCRAPES {
        let (status, body) = get(server.http, "/metrics", None).await?;
        ensure!(
            status == 200 && body.contains("telecom_nodes"),
            "/metrics: {status}"
        );
    }
    Ok(begun.elapsed().as_secs_f64() * 1e3 / f64::from(SCRAPES))
}
