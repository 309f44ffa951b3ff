//! All jobs of all clusters due at the same second, several times.

use anyhow::{Result, ensure};

use super::Scene;
use super::counting::Arrival;
use super::figures::{figure, next_minute, now, percentile, sleep_until};
use super::operator::AGENT;
use crate::bench::report::Sheet;

/// A window about each slot: from so many seconds before it
const BEFORE: f64 = 2.0;
/// to so many seconds after it.
const AFTER: f64 = 40.0;
/// A minute, between two slots.
const MINUTE: i64 = 60;

/// Measures as many slots as are wanted.
pub async fn measure(scene: &mut Scene, sheet: &mut Sheet, slots: u32) -> Result<()> {
    let first = next_minute(BEFORE + 1.0);
    for number in 0..i64::from(slots) {
        let slot = first + number * MINUTE;
        self::slot(scene, sheet, slot).await?;
    }
    sheet.bar("one second: skew p99", 1.0);
    sheet.bar("one second: skew max", 3.0);
    sheet.bar("one second: runs lost", 0.0);
    sheet.bar("one second: runs asked for twice", 0.0);
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "a time is far below 2^53")]
async fn slot(scene: &mut Scene, sheet: &mut Sheet, slot: i64) -> Result<()> {
    let begin = slot as f64 - BEFORE;
    sleep_until(begin).await;
    ensure!(
        now() < begin + 1.0,
        "this machine is too busy: it woke {:.1} s late",
        now() - begin
    );
    scene.check().await?;
    let mark = scene.plane.audit().mark()?;
    let used = scene.operator.process.processor_seconds()?;
    sleep_until(slot as f64 + AFTER).await;
    scene.check().await?;
    let used = scene.operator.process.processor_seconds()? - used;
    let runs = scene.counting.arrivals(|arrival| arrival.slot == slot);
    let wanted = figure(scene.schedules());
    let skews: Vec<f64> = runs.iter().map(Arrival::skew).collect();
    let again: u32 = runs.iter().map(|run| run.again).sum();
    let requests = || scene.plane.audit().since(mark, AGENT);
    let mut add = |name, unit, sample| sheet.add(name, unit, sample);
    add("one second: skew p50", "s", percentile(&skews, 0.5));
    add("one second: skew p99", "s", percentile(&skews, 0.99));
    add("one second: skew max", "s", percentile(&skews, 1.0));
    add("one second: runs", "", figure(runs.len()));
    add("one second: runs lost", "", wanted - figure(runs.len()));
    add("one second: runs asked for twice", "", f64::from(again));
    add("one second: processor time of the operator", "s", used);
    let resident = scene.operator.process.resident_mebibytes()?;
    add(
        "one second: resident memory of the operator",
        "MiB",
        resident,
    );
    add(
        "one second: writes to the apiserver",
        "",
        requests()?.writes().count(),
    );
    add(
        "one second: reads from the apiserver",
        "",
        requests()?.reads().count(),
    );
    Ok(())
}
