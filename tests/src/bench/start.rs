//! Starts, cold and warm, and what an idle server holds.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::Bench;
use super::report::Sheet;
use super::server::Server;

/// From the process to the first "ready", with all migrations and with nothing to migrate.
pub async fn measure(bench: &Bench, sheet: &mut Sheet) -> Result<()> {
    for round in 0..bench.rounds {
        let (first, url) = bench.server(&format!("start_{round}")).await?;
        sheet.add(
            "start to ready, empty database, migrations included",
            "ms",
            first.ready_after.as_secs_f64() * 1e3,
        );
        drop(first);
        let again = Server::start(&bench.binary, &url).await?;
        sheet.add(
            "start to ready, migrated database",
            "ms",
            again.ready_after.as_secs_f64() * 1e3,
        );
        sleep(Duration::from_secs(2)).await;
        sheet.add("resident memory, idle", "MiB", again.resident_mebibytes()?);
    }
    Ok(())
}
