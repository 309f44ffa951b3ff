//! What telemetry costs: heartbeats through a server that exports to a real collector, and through one that does not.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::Result;
use telecom_telemetry::Protocol;

use super::report::Sheet;
use super::server::Server;
use super::usage::p99_ms;
use super::{Bench, heartbeats, load};
use crate::collector::{Collector, Place};
use crate::demo::registry::Registered;
use crate::telecom::channel;

/// The least number of pairs whose median says anything here.
const PAIRS: u32 = 10;

/// Two servers on one database, in turns; which one is first changes from pair to pair.
pub async fn measure(bench: &Bench, sheet: &mut Sheet) -> Result<()> {
    let place = Place::new(Protocol::Grpc);
    let _collector = Collector::start(&place);
    let (off, url) = bench.server("telemetry").await?;
    let endpoint = place.url();
    let variables = [
        ("TELECOM__OTEL__ENABLED", "true"),
        ("TELECOM__OTEL__ENDPOINT", &endpoint),
        ("TELECOM__OTEL__SAMPLE_RATIO", "0.1"),
    ];
    let on = Server::start_with(&bench.binary, &url, &variables).await?;
    let nodes = heartbeats::nodes(&off, 10).await?;
    for pair in 0..=bench.rounds.max(PAIRS) {
        let (without, with) = if pair % 2 == 0 {
            let without = load(&off, &nodes, bench.period).await?;
            (without, load(&on, &nodes, bench.period).await?)
        } else {
            let with = load(&on, &nodes, bench.period).await?;
            (load(&off, &nodes, bench.period).await?, with)
        };
        // The first fills caches and pools.
        if pair > 0 {
            sheet.add("heartbeats, telemetry off", "1/s", without.rate);
            sheet.add("heartbeats, telemetry on", "1/s", with.rate);
            sheet.add(
                "share of it with telemetry on",
                "%",
                100.0 * with.rate / without.rate,
            );
            sheet.add("p99, telemetry off", "ms", without.p99);
            sheet.add("p99, telemetry on", "ms", with.p99);
            sheet.add(
                "p99 with telemetry on",
                "% of off",
                100.0 * with.p99 / without.p99,
            );
        }
    }
    Ok(())
}

struct Seen {
    rate: f64,
    p99: f64,
}

async fn load(server: &Server, nodes: &[Registered], period: Duration) -> Result<Seen> {
    let took = Mutex::default();
    let channel = channel(server.grpc).await?;
    let rate = load::through_server(&channel, nodes, period, &took).await?;
    Ok(Seen {
        rate,
        p99: p99_ms(took)?,
    })
}
