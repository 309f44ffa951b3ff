//! Reports of usage: each node its own subscribers, then many nodes the same ones.

use anyhow::Result;
use sqlx::PgPool;

use super::report::Sheet;
use super::{Bench, heartbeats, load, usage};
use crate::telecom::channel;

/// Connections on which usage is reported.
const CONNECTIONS: usize = 4;
/// Nodes whose subscribers are the same.
const CROWD: usize = 8;

/// Through the server and by plain SQL in turns.
pub async fn measure(bench: &Bench, sheet: &mut Sheet) -> Result<()> {
    let (server, url) = bench.server("ingest").await?;
    let nodes = heartbeats::nodes(&server, 1).await?;
    let pool = PgPool::connect(&url).await?;
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
    let database = load::database(&url)?;
    let before = usage::deadlocks(&pool).await?;
    for round in 0..=bench.rounds {
        let with = usage::through_server(&channels, &apart, bench.period).await?;
        let without = usage::plain_sql(&database, &apart, bench.period).await?;
        let same = usage::through_server(&channels, &together, bench.period).await?;
        if round > 0 {
            let share = 100.0 * with.rows_per_second / without.rows_per_second;
            sheet.add(
                "usage rows through the server, 4 connections",
                "1/s",
                with.rows_per_second,
            );
            sheet.add("p99 of such a report of 1 000 rows", "ms", with.p99_ms);
            sheet.add(
                "the same statements by plain SQL",
                "1/s",
                without.rows_per_second,
            );
            sheet.add("share of plain SQL, usage rows", "%", share);
            sheet.add(
                "usage rows, 8 nodes with the same subscribers",
                "1/s",
                same.rows_per_second,
            );
            sheet.add("p99 of such a report", "ms", same.p99_ms);
        }
    }
    let deadlocks = usage::deadlocks(&pool).await? - before;
    #[allow(clippy::cast_precision_loss, reason = "a count far below 2^53")]
    sheet.add("deadlocks in all of it", "", deadlocks as f64);
    sheet.add(
        "resident memory, after the reports",
        "MiB",
        server.resident_mebibytes()?,
    );
    Ok(())
}
