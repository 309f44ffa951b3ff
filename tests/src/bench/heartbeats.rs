//! Heartbeats of 200 nodes, and `/metrics` with as many.

use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::Bench;
use super::load;
use super::report::Sheet;
use super::server::Server;
use crate::demo::catalogue;
use crate::demo::registry::{Administrator, Registered};
use crate::telecom::{channel, get};
use crate::tokens;

/// Scrapes in a round; one is too short to time.
const SCRAPES: u32 = 50;

/// Registers nodes, `tens` times the twenty of the demo.
pub async fn nodes(server: &Server, tens: u8) -> Result<Vec<Registered>> {
    let mut admin = Administrator::new(channel(server.grpc).await?, tokens::admin().to_owned());
    let configs = (0..tens).flat_map(|copy| {
        catalogue::node_servers()
            .into_iter()
            .map(move |mut config| {
                config.name = format!("{}-{copy}", config.name);
                config.address = config
                    .address
                    .replace("203.0.113.", &format!("198.51.{copy}."));
                config
            })
    });
    let (nodes, _) = admin.register(configs.collect()).await?;
    Ok(nodes)
}

/// Side by side and in turns, so that a machine that slows down slows both.
pub async fn measure(bench: &Bench, sheet: &mut Sheet) -> Result<()> {
    let (server, url) = bench.server("heartbeats").await?;
    let nodes = nodes(&server, 10).await?;
    let channel = channel(server.grpc).await?;
    let database = load::database(&url)?;
    for round in 0..=bench.rounds {
        let through =
            load::through_server(&channel, &nodes, bench.period, &Mutex::default()).await?;
        let plain = load::plain_sql(&database, &nodes, bench.period).await?;
        let scrape = scrape_milliseconds(&server).await?;
        // The first round fills caches and pools.
        if round > 0 {
            sheet.add("heartbeats through the server", "1/s", through);
            sheet.add("the same statement by plain SQL", "1/s", plain);
            sheet.add(
                "share of plain SQL, heartbeats",
                "%",
                100.0 * through / plain,
            );
            sheet.add("one scrape of /metrics, 200 nodes", "ms", scrape);
        }
    }
    Ok(())
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
