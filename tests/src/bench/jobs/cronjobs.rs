//! The reference: as many `CronJobs`, due at the same second, by kube-controller-manager's own controller.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use super::audit::{Mark, Requests};
use super::clusters::{AT_ONCE, completed};
use super::figures::{figure, next_minute, now, percentile, sleep_until};
use super::plane::{NAMESPACE, Plane};
use super::process::Process;
use super::say;
use crate::bench::report::Sheet;

/// Its user agent begins so.
const AGENT: &str = "kube-controller-manager/";
/// Runs are waited for so long, in seconds: before the minute is over.
const WINDOW: f64 = 50.0;
/// The controller manager is started so long before the second, in seconds.
const HEAD_START: f64 = 12.0;
/// Of so many Jobs the end is faked, to see what a run costs to its end.
const ENDED: usize = 1000;
const MINUTE: i64 = 60;

/// How fast the controller manager may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As it comes: 20 requests a second, 30 at once.
    Default,
    /// As fast as it can.
    Unlimited,
}

/// Measures one second on a control plane of its own; tells how many writes a run takes to its end, where that was seen.
#[allow(clippy::cast_precision_loss, reason = "a time is far below 2^53")]
pub async fn measure(
    tools: &Path,
    sheet: &mut Sheet,
    count: usize,
    pace: Pace,
) -> Result<Option<f64>> {
    let mut plane = Plane::start(tools).await?;
    let slot = next_minute(HEAD_START + 5.0 + figure(count) / 150.0);
    create(&plane, count, slot).await?;
    ensure!(
        now() < slot as f64 - HEAD_START,
        "this machine is too busy: {count} CronJobs were not there in time"
    );
    sleep_until(slot as f64 - HEAD_START).await;
    let mark = plane.audit().mark()?;
    let mut manager = manager(&plane, pace)?;
    sleep_until(slot as f64 - 1.0).await;
    plane.check()?;
    manager.check()?;
    let seen = plane.audit().since(mark, AGENT)?.about("cronjobs");
    ensure!(
        !seen.0.is_empty(),
        "the controller manager is not there yet"
    );
    let used = manager.processor_seconds()?;
    let mut begun = Vec::new();
    while begun.len() < count && now() < slot as f64 + WINDOW {
        tokio::time::sleep(Duration::from_secs(2)).await;
        plane.check()?;
        manager.check()?;
        begun = skews(&plane.audit().since(mark, AGENT)?, slot);
    }
    let took = now() - slot as f64;
    let requests = plane.audit().since(mark, AGENT)?.writes();
    let row = Rows::of(pace);
    sheet.add(row.begun, "", figure(begun.len()));
    if let Some(median) = median(&begun, count) {
        sheet.add(row.median, "s", median);
    }
    sheet.add(row.slowest, "s", percentile(&begun, 0.99));
    sheet.add(row.last, "s", percentile(&begun, 1.0));
    sheet.add(row.writes, "1/s", requests.count() / took);
    sheet.add(row.processor, "s", manager.processor_seconds()? - used);
    sheet.add(row.resident, "MiB", manager.resident_mebibytes()?);
    say(&format!("its requests: {:?}", requests.kinds()));
    if pace == Pace::Default || begun.len() < count {
        return Ok(None);
    }
    writes_of_a_run(&mut plane, mark, &begun).await.map(Some)
}

/// Of all that were due: unknown when less than half have begun.
fn median(begun: &[f64], count: usize) -> Option<f64> {
    let mut all = begun.to_vec();
    all.resize(count, f64::INFINITY);
    Some(percentile(&all, 0.5)).filter(|median| median.is_finite())
}

struct Rows {
    begun: &'static str,
    median: &'static str,
    slowest: &'static str,
    last: &'static str,
    writes: &'static str,
    processor: &'static str,
    resident: &'static str,
}

impl Rows {
    const fn of(pace: Pace) -> Self {
        match pace {
            Pace::Default => Self {
                begun: "CronJobs: begun in 50 s",
                median: "CronJobs: skew p50",
                slowest: "CronJobs: skew p99 of those begun",
                last: "CronJobs: skew max of those begun",
                writes: "CronJobs: writes to the apiserver",
                processor: "CronJobs: processor time of the controller manager",
                resident: "CronJobs: resident memory of the controller manager",
            },
            Pace::Unlimited => Self {
                begun: "CronJobs, no limit of requests: begun in 50 s",
                median: "CronJobs, no limit of requests: skew p50",
                slowest: "CronJobs, no limit of requests: skew p99 of those begun",
                last: "CronJobs, no limit of requests: skew max of those begun",
                writes: "CronJobs, no limit of requests: writes to the apiserver",
                processor: "CronJobs, no limit of requests: processor time",
                resident: "CronJobs, no limit of requests: resident memory",
            },
        }
    }
}

async fn create(plane: &Plane, count: usize, slot: i64) -> Result<()> {
    let cron_jobs: Api<CronJob> = Api::namespaced(plane.client.clone(), NAMESPACE);
    let schedule = format!("{} * * * *", slot / MINUTE % MINUTE);
    let container = json!({"name": "job", "image": "docker.io/telecom-operator/server:0.1.0", "args": ["run-job", "billTraffic"]});
    let made = stream::iter(0..count).map(|number| {
        let cron_job = json!({
            "metadata": {"name": format!("job-{number:05}")},
            "spec": {
                "schedule": schedule,
                "concurrencyPolicy": "Forbid",
                // None is kept, so that a run is seen to its end: the removal of its Job.
                "successfulJobsHistoryLimit": 0,
                "jobTemplate": {"spec": {"template": {"spec": {
                    "restartPolicy": "Never",
                    "containers": [container],
                }}}},
            },
        });
        let cron_jobs = cron_jobs.clone();
        async move {
            let cron_job = serde_json::from_value(cron_job)?;
            cron_jobs.create(&PostParams::default(), &cron_job).await?;
            anyhow::Ok(())
        }
    });
    made.buffer_unordered(AT_ONCE).try_collect().await
}

fn manager(plane: &Plane, pace: Pace) -> Result<Process> {
    let kubeconfig = plane.kubeconfig("controller-manager")?;
    let program = plane.tool("kube-controller-manager");
    Process::start(
        "kube-controller-manager",
        &program,
        plane.folder(),
        |command| {
            command
                .arg("--kubeconfig")
                .arg(kubeconfig)
                .args(["--controllers=cronjob-controller", "--leader-elect=false"])
                .args(["--secure-port=0", "--profiling=false"]);
            if pace == Pace::Unlimited {
                command.args(["--kube-api-qps=5000", "--kube-api-burst=10000"]);
            }
        },
    )
}

/// How long after the second each Job arrived at the apiserver: as the runs do at the counting server.
#[allow(clippy::cast_precision_loss, reason = "a time is far below 2^53")]
fn skews(requests: &Requests, slot: i64) -> Vec<f64> {
    let mut first: BTreeMap<&str, f64> = BTreeMap::new();
    for request in &requests.0 {
        if request.verb == "create" && request.resource() == "jobs" && request.succeeded() {
            // Named after the CronJob and the minute at which it was due.
            first
                .entry(request.name())
                .or_insert(request.at() - slot as f64);
        }
    }
    first.into_values().collect()
}

/// Ends some Jobs in the Job controller's stead, and counts what the `CronJob` controller writes until they are gone.
async fn writes_of_a_run(plane: &mut Plane, mark: Mark, begun: &[f64]) -> Result<f64> {
    quiet(plane, mark).await?;
    let at_the_start = plane.audit().since(mark, AGENT)?.writes().count();
    let jobs: Api<Job> = Api::namespaced(plane.client.clone(), NAMESPACE);
    let some = jobs.list(&ListParams::default()).await?.items;
    let ended = some.len().min(ENDED);
    let mark = plane.audit().mark()?;
    let patched = stream::iter(some.iter().take(ENDED)).map(|job| {
        let jobs = jobs.clone();
        async move {
            let name = job.metadata.name.as_deref().context("a Job's name")?;
            let patch = Patch::Merge(json!({"status": completed(job)}));
            jobs.patch_status(name, &PatchParams::default(), &patch)
                .await?;
            anyhow::Ok(())
        }
    });
    let _: Vec<()> = patched.buffer_unordered(AT_ONCE).try_collect().await?;
    quiet(plane, mark).await?;
    let requests = plane.audit().since(mark, AGENT)?.writes();
    say(&format!("at the end of {ended}: {:?}", requests.kinds()));
    ensure!(requests.count() > 0.0, "no end of a Job was seen");
    Ok(at_the_start / figure(begun.len()) + requests.count() / figure(ended))
}

/// Waits until the controller manager has nothing more to write.
async fn quiet(plane: &mut Plane, mark: Mark) -> Result<()> {
    let mut before = -1.0;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        plane.check()?;
        let count = plane.audit().since(mark, AGENT)?.writes().count();
        if (count - before).abs() < 0.5 {
            return Ok(());
        }
        before = count;
    }
    Ok(())
}
