//! `make bench`: what the server costs and what it carries, beside what PostgreSQL alone carries.

#![allow(clippy::print_stdout, reason = "its output is what a benchmark is for")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use serde_json::json;
use telecom_tests::bench::postgres::Postgres;
use telecom_tests::bench::report::{Sheet, table};
use telecom_tests::bench::{
    Bench, access, billing, calls, heartbeats, ingest, jobs, load, reads, start, telemetry,
};

/// Measures the server beside references and prints a table.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server to measure.
    #[arg(long, env = "BENCH_SERVER")]
    server: PathBuf,
    #[command(flatten)]
    jobs: jobs::Settings,
    /// Where to keep the samples.
    #[arg(long, env = "BENCH_JSON")]
    json: Option<PathBuf>,
    /// How often each thing is measured.
    #[arg(long, env = "BENCH_ROUNDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Seconds of load in each round, for each side.
    #[arg(long, env = "BENCH_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Rows of usage among which reads read.
    #[arg(long, env = "BENCH_ROWS", default_value_t = 20_000_000)]
    usage_rows: u64,
    /// Which rows to measure; all of them without.
    #[arg(value_enum)]
    groups: Vec<Group>,
}

/// Rows that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Starts, and the memory of an idle server.
    Start,
    /// Heartbeats and `/metrics`.
    Heartbeats,
    /// Reports of usage.
    Ingest,
    /// The billing job and the hook.
    Billing,
    /// From use to the node that is told.
    Access,
    /// What subscribers read.
    Reads,
    /// Records of calls.
    Calls,
    /// A server with telemetry and one without.
    Telemetry,
    /// The operator's job loops.
    Jobs,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let groups = if arguments.groups.is_empty() {
        Group::value_variants()
    } else {
        &arguments.groups
    };
    let begun = Instant::now();
    let mut sheet = Sheet::default();
    let servers: Vec<Group> = groups
        .iter()
        .copied()
        .filter(|group| *group != Group::Jobs)
        .collect();
    if !servers.is_empty() {
        measure_server(&arguments, &servers, &mut sheet).await?;
    }
    let jobs = if groups.contains(&Group::Jobs) {
        jobs::measure(&arguments.jobs, &mut sheet).await
    } else {
        Ok(())
    };
    println!("\n{}", table(&sheet.rows));
    if !sheet.bars.is_empty() {
        println!("{}", sheet.verdicts());
    }
    println!("  {} s in all", begun.elapsed().as_secs());
    if let Some(path) = &arguments.json {
        let kept = json!({"seconds": arguments.seconds, "callers": load::CALLERS, "rows": sheet.rows, "bars": sheet.bars});
        std::fs::write(path, serde_json::to_vec_pretty(&kept)?)?;
        println!("  Samples: {}", path.display());
    }
    // What was seen before it failed is shown all the same.
    jobs
}

async fn measure_server(arguments: &Arguments, groups: &[Group], sheet: &mut Sheet) -> Result<()> {
    let bench = Bench {
        binary: arguments.server.clone(),
        postgres: Postgres::start()?,
        rounds: arguments.rounds,
        period: Duration::from_secs(arguments.seconds),
        usage_rows: arguments.usage_rows,
    };
    for group in groups {
        match group {
            Group::Start => start::measure(&bench, sheet).await?,
            Group::Heartbeats => heartbeats::measure(&bench, sheet).await?,
            Group::Ingest => ingest::measure(&bench, sheet).await?,
            Group::Billing => billing::measure(&bench, sheet).await?,
            Group::Access => access::measure(&bench, sheet).await?,
            Group::Reads => reads::measure(&bench, sheet).await?,
            Group::Calls => calls::measure(&bench, sheet).await?,
            Group::Telemetry => telemetry::measure(&bench, sheet).await?,
            // Needs no server and no PostgreSQL.
            Group::Jobs => {}
        }
    }
    Ok(())
}
