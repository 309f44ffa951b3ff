//! Clusters with the jobs that they have by default, for some minutes; then all their servers fail at once.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::audit::{Mark, Requests};
use super::counting::{Arrival, Mode};
use super::figures::{figure, now, percentile, sleep_until};
use super::operator::AGENT;
use super::{Scene, clusters, say};
use crate::bench::report::Sheet;

/// Failing servers are watched at least so long, in seconds.
const WATCHED: f64 = 60.0;
/// And no longer than this.
const GIVEN_UP: f64 = 180.0;

/// What there is to tell of it is waited for no longer than this.
const BACKLOG: Duration = Duration::from_mins(4);

/// Everything is well.
pub async fn measure(scene: &mut Scene, sheet: &mut Sheet, seconds: u64) -> Result<()> {
    let mark = scene.plane.audit().mark()?;
    let used = scene.operator.process.processor_seconds()?;
    let reconciles = scene.operator.reconciles().await?;
    let begin = now();
    // In steps, so that a run that has lost its premise does not go on for minutes.
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        scene.plane.check()?;
        scene.operator.process.check()?;
    }
    scene.check().await?;
    let end = now();
    let took = end - begin;
    let used = scene.operator.process.processor_seconds()? - used;
    let reconciles = scene.operator.reconciles().await? - reconciles;
    let runs = scene
        .counting
        .arrivals(|arrival| (begin..end).contains(&arrival.at));
    let skews: Vec<f64> = runs.iter().map(Arrival::skew).collect();
    let again: u32 = runs.iter().map(|run| run.again).sum();
    let mut add = |name, unit, sample| sheet.add(name, unit, sample);
    add("all loops: runs", "1/s", figure(runs.len()) / took);
    add("all loops: skew p50", "s", percentile(&skews, 0.5));
    add("all loops: skew p99", "s", percentile(&skews, 0.99));
    add("all loops: skew max", "s", percentile(&skews, 1.0));
    add("all loops: runs asked for twice", "", f64::from(again));
    add("all loops: reconciles", "", reconciles);
    let share = 100.0 * used / took;
    add("all loops: processor of the operator", "%", share);
    requests(scene, sheet, mark, (begin, end))?;
    memory(scene, sheet)?;
    sheet.bar("all loops: writes to the apiserver", 4.0);
    sheet.bar("all loops: reconciles", 0.0);
    sheet.bar("all loops: runs asked for twice", 0.0);
    Ok(())
}

fn requests(scene: &Scene, sheet: &mut Sheet, mark: Mark, window: (f64, f64)) -> Result<()> {
    let (begin, end) = window;
    let all = || -> Result<_> { Ok(scene.plane.audit().since(mark, AGENT)?.between(begin, end)) };
    say(&format!("the operator's requests: {:?}", all()?.kinds()));
    let mut add =
        |name, requests: Requests| sheet.add(name, "1/s", requests.count() / (end - begin));
    add("all loops: writes to the apiserver", all()?.writes());
    let status = all()?.about("telecomclusters/status");
    add("all loops: of these, statuses", status);
    let events = all()?.about("events").writes();
    add("all loops: of these, events", events);
    add("all loops: writes to the Lease", all()?.about("leases"));
    add("all loops: reads from the apiserver", all()?.reads());
    Ok(())
}

fn memory(scene: &Scene, sheet: &mut Sheet) -> Result<()> {
    let resident = scene.operator.process.resident_mebibytes()?;
    let each = (resident - scene.idle_mebibytes) * 1024.0 / f64::from(scene.count);
    sheet.add(
        "operator without clusters, resident memory",
        "MiB",
        scene.idle_mebibytes,
    );
    sheet.add(
        "all loops: resident memory of the operator",
        "MiB",
        resident,
    );
    sheet.add("all loops: resident memory for each cluster", "KiB", each);
    sheet.bar("operator without clusters, resident memory", 24.0);
    let bar = 24.0 + f64::from(scene.count) * 96.0 / 1024.0;
    sheet.bar("all loops: resident memory of the operator", bar);
    Ok(())
}

/// Every server answers `UNAVAILABLE` from one moment to the next; afterwards all are well again.
pub async fn fail(scene: &mut Scene, sheet: &mut Sheet) -> Result<()> {
    let mark = scene.plane.audit().mark()?;
    let count = usize::try_from(scene.count)?;
    scene.counting.behave(Mode::Unavailable);
    let begin = now();
    let told = clusters::told(&scene.plane.client, count, "False", begin + GIVEN_UP).await?;
    sleep_until(begin + WATCHED).await;
    scene.check().await?;
    ensure!(scene.counting.refused() > 0, "no server was asked");
    let end = now();
    let audit = || -> Result<_> { Ok(scene.plane.audit().since(mark, AGENT)?.between(begin, end)) };
    say(&format!("the operator's requests: {:?}", audit()?.kinds()));
    let last = told.iter().copied().fold(f64::NAN, f64::max) - begin;
    say(&format!(
        "{} of {count} say so, the last after {last:.1} s",
        told.len()
    ));
    let mut add = |name, unit, sample| sheet.add(name, unit, sample);
    add(
        "servers fail: clusters whose status does not say so",
        "",
        figure(count - told.len()),
    );
    add("servers fail: the last status says so after", "s", last);
    add(
        "servers fail: writes in any one second, at most",
        "",
        audit()?.writes().most_in_a_second(),
    );
    add(
        "servers fail: writes",
        "1/s",
        audit()?.writes().count() / (end - begin),
    );
    let events = audit()?.about("events").writes();
    add(
        "servers fail: of these, events",
        "1/s",
        events.count() / (end - begin),
    );
    sheet.bar("servers fail: clusters whose status does not say so", 0.0);
    sheet.bar("servers fail: the last status says so after", 60.0);
    sheet.bar("servers fail: writes in any one second, at most", 20.0);
    recover(scene, sheet, mark).await
}

async fn recover(scene: &mut Scene, sheet: &mut Sheet, mark: Mark) -> Result<()> {
    let count = usize::try_from(scene.count)?;
    scene.counting.behave(Mode::Succeeds);
    let begin = now();
    let told = clusters::told(&scene.plane.client, count, "True", begin + GIVEN_UP).await?;
    let last = told.iter().copied().fold(f64::NAN, f64::max) - begin;
    sheet.add("servers are back: the last status says so after", "s", last);
    ensure!(
        told.len() == count,
        "{} of {count} clusters are not well again",
        count - told.len()
    );
    let calm = scene.calm(BACKLOG).await?;
    let written = scene.plane.audit().since(mark, AGENT)?;
    say(&format!("since the servers failed: {:?}", written.kinds()));
    let took = now() - begin;
    if !calm {
        say(&format!("after {took:.0} s it still goes on writing"));
    }
    let took = if calm { took } else { f64::INFINITY };
    sheet.add("servers are back: few writes after", "s", took);
    Ok(())
}
