//! The job loops as somebody on call meets them.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::batch::v1::Job;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};
use sqlx::Row as _;
use telecom_crds::{JobStatus, TelecomCluster};
use telecom_tests::database::{self, Database};
use telecom_tests::scenario::{Scenario, scenario};
use telecom_tests::{cluster, operator, telecom};

mod identity;
mod kills;
mod periods;

/// What the status says of a job.
async fn status(s: &Scenario, job: &str) -> Result<JobStatus> {
    s.wait(&format!("the status of {job}"), || async {
        let cluster = s.api::<TelecomCluster>().get("demo").await?;
        let jobs = cluster.status.unwrap_or_default().jobs;
        Ok(jobs.into_iter().find(|status| status.name == job))
    })
    .await
}

/// How many runs of a job the database has, by state.
async fn runs(database: &Database, job: &str, state: &str) -> Result<i64> {
    let query = "SELECT count(*) FROM job_run WHERE job = $1 AND state = $2";
    let row = sqlx::query(query)
        .bind(job)
        .bind(state)
        .fetch_one(&database.pool)
        .await?;
    Ok(row.try_get(0)?)
}

/// Waits for an event, which says this.
async fn told(s: &Scenario, reason: &str, words: &str) -> Result<()> {
    s.wait(&format!("event {reason}"), || async {
        let events = s.events("demo").await?;
        let said = events
            .iter()
            .any(|(of, note)| of == reason && note.contains(words));
        anyhow::ensure!(said, "{events:?}");
        Ok(Some(()))
    })
    .await
}

async fn ask_for(s: &Scenario, value: &str) -> Result<()> {
    let patch = json!({"metadata": {"annotations": {"telecom.dev/run-job": value}}});
    s.merge::<TelecomCluster>("demo", patch).await.map(drop)
}

async fn handled(s: &Scenario, value: &str) -> Result<()> {
    s.wait(&format!("{value} to be handled"), || async {
        let cluster = s.api::<TelecomCluster>().get("demo").await?;
        let last = cluster.status.unwrap_or_default().last_handled_request;
        Ok((last.as_deref() == Some(value)).then_some(()))
    })
    .await
}

async fn jobs(s: &Scenario, patch: Value) -> Result<()> {
    s.merge::<TelecomCluster>("demo", json!({"spec": {"jobs": patch}}))
        .await
        .map(drop)
}

#[tokio::test]
async fn rows_2_6_25_and_26_jobs_run_are_shown_suspended_asked_for_and_wait_for_a_server() {
    scenario("jobs", async |s| {
        s.apply_cluster("demo", json!({"jobStatusInterval": "10s"}))
            .await?;
        s.ready("demo").await?;
        s.condition("demo", "JobsHealthy", "True", "JobsRunning")
            .await?;
        let database = database::connect(&s, "demo", None).await?;
        s.wait("a few runs", || async {
            Ok((runs(&database, "billTraffic", "succeeded").await? > 2).then_some(()))
        })
        .await?;

        // What `kubectl get tc -o wide` shows.
        let wide = || cluster::run("kubectl", &["-n", &s.namespace, "get", "tc", "-o", "wide"]);
        s.wait("the columns", || async {
            let shown = wide()?;
            // One is due at minute 0, one at minute 5.
            let next = ["recordNodeStatusHistory 20", "refreshNodeStatusView 20"];
            let has = |word: &&str| shown.contains(word);
            anyhow::ensure!(next.iter().any(has), "{shown}");
            anyhow::ensure!(["JobsRunning", " succeeded"].iter().all(has), "{shown}");
            Ok(Some(()))
        })
        .await?;

        asked_by_the_plugin(&s)?;
        suspended_and_asked_for(&s, &database).await?;
        paused(&s, &database).await?;
        in_an_unknown_zone(&s).await?;
        without_a_server(&s, &database).await?;
        counted(&s).await
    })
    .await;
}

fn asked_by_the_plugin(s: &Scenario) -> Result<()> {
    let (good, shown) = plugin(s, "demo")?;
    assert!(
        good && shown.contains("billTraffic") && shown.contains("every 5s"),
        "{shown}"
    );
    let (good, shown) = plugin(s, "nobody")?;
    assert!(!good, "{shown}");
    assert_eq!(
        shown.trim_end(),
        format!("error: there is no TelecomCluster {}/nobody", s.namespace)
    );
    Ok(())
}

/// Row 6: suspended, and run by hand all the same.
async fn suspended_and_asked_for(s: &Scenario, database: &Database) -> Result<()> {
    jobs(s, json!({"billTraffic": {"suspend": true}})).await?;
    let suspended = s
        .condition("demo", "JobsHealthy", "True", "JobsRunning")
        .await?;
    s.wait("a word of it", || async {
        Ok(status(s, "billTraffic").await?.suspended.then_some(()))
    })
    .await?;
    assert!(suspended.starts_with("Every job runs"), "{suspended}");
    let before = runs(database, "billTraffic", "succeeded").await?;
    ask_for(s, "billTraffic@1").await?;
    handled(s, "billTraffic@1").await?;
    told(s, "JobRequestHandled", "billTraffic@1 succeeded").await?;
    assert_eq!(
        runs(database, "billTraffic", "succeeded").await?,
        before + 1
    );
    ask_for(s, "bill@1").await?;
    told(s, "InvalidJobRequest", "`bill@1` is no request").await
}

/// Row 25: paused, jobs go on.
async fn paused(s: &Scenario, database: &Database) -> Result<()> {
    s.merge::<TelecomCluster>("demo", json!({"spec": {"paused": true}}))
        .await?;
    s.condition("demo", "Paused", "True", "").await?;
    let before = runs(database, "packageExpiring", "succeeded").await?;
    s.wait("a run while paused", || async {
        Ok((runs(database, "packageExpiring", "succeeded").await? > before).then_some(()))
    })
    .await?;
    s.merge::<TelecomCluster>("demo", json!({"spec": {"paused": false}}))
        .await?;
    Ok(())
}

/// Row 2: a zone that nobody knows.
async fn in_an_unknown_zone(s: &Scenario) -> Result<()> {
    let nowhere = json!({"packageExpiring": {"schedule": "* * * * *", "timeZone": "Mars/Base"}});
    jobs(s, nowhere).await?;
    let message = s
        .condition("demo", "JobsHealthy", "False", "UnknownTimeZone")
        .await?;
    assert!(message.contains("Mars/Base"), "{message}");
    told(
        s,
        "UnknownTimeZone",
        "packageExpiring does not run until it is corrected",
    )
    .await?;
    jobs(
        s,
        json!({"packageExpiring": {"schedule": null, "timeZone": null}}),
    )
    .await?;
    s.condition("demo", "JobsHealthy", "True", "JobsRunning")
        .await?;
    Ok(())
}

/// Row 26: without a server they wait, and nothing has failed.
async fn without_a_server(s: &Scenario, database: &Database) -> Result<()> {
    s.merge::<TelecomCluster>("demo", json!({"spec": {"replicas": 0}}))
        .await?;
    s.condition("demo", "JobsHealthy", "True", "ScaledToZero")
        .await?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    s.merge::<TelecomCluster>("demo", json!({"spec": {"replicas": 1}}))
        .await?;
    s.condition("demo", "JobsHealthy", "True", "JobsRunning")
        .await?;
    let before = runs(database, "packageExpiring", "succeeded").await?;
    s.wait("runs to go on", || async {
        Ok((runs(database, "packageExpiring", "succeeded").await? > before).then_some(()))
    })
    .await?;
    let events = s.events("demo").await?;
    let bad = ["JobFailing", "MissedSchedule"];
    let bad: Vec<_> = events
        .iter()
        .filter(|(reason, _)| bad.contains(&reason.as_str()))
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
    Ok(())
}

/// `kubectl telecom jobs` asks the server itself.
fn plugin(s: &Scenario, name: &str) -> Result<(bool, String)> {
    let output = Command::new(operator::binary("kubectl-telecom")?)
        .args(["jobs", name, "-n", &s.namespace])
        .env("KUBECONFIG", cluster::kubeconfig())
        .output()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok((output.status.success(), text))
}

/// The server's own metrics tell of the runs.
async fn counted(s: &Scenario) -> Result<()> {
    let forward = s.forward("demo", "server", 8080).await?;
    s.wait("the server's metrics", || async {
        let (_, text) = telecom::get(forward.address, "/metrics", None).await?;
        let line = text.lines().find(|line| {
            line.starts_with("telecom_job_runs_total{")
                && line.contains("packageExpiring")
                && line.contains("succeeded")
        });
        let count: f64 = line
            .and_then(|line| line.rsplit_once(' '))
            .context("no such metric")?
            .1
            .parse()?;
        Ok((count > 0.0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn row_32_a_run_in_a_pod_of_its_own_happens_once_also_when_its_job_is_gone() {
    scenario("job-pods", async |s| {
        let pod = json!({"schedule": "* * * * *", "execution": "Pod", "timeoutSeconds": 60});
        let spec = json!({"jobStatusInterval": "10s", "jobs": {"packageExpiring": pod}});
        s.apply_cluster("demo", spec).await?;
        s.ready("demo").await?;
        let database = database::connect(&s, "demo", None).await?;
        let of_runs = ListParams::default().labels("app.kubernetes.io/component=job");
        let made = || async { anyhow::Ok(s.api::<Job>().list(&of_runs).await?.items) };
        s.wait("a run in a Pod", || async {
            Ok((runs(&database, "packageExpiring", "succeeded").await? > 0).then_some(()))
        })
        .await?;
        let first = made().await?.into_iter().next().context("there is no Job")?;
        let labels = first.metadata.labels.clone().unwrap_or_default();
        assert_eq!(labels.get("telecom.dev/job").map(String::as_str), Some("packageExpiring"));
        s.wait("the status to tell", || async {
            Ok(status(&s, "packageExpiring").await?.last_success_time.map(drop))
        })
        .await?;
        // Collected, as after ten minutes: its slot stays what it was.
        let name = first.metadata.name.clone().unwrap_or_default();
        s.api::<Job>().delete(&name, &DeleteParams::background()).await?;
        s.gone::<Job>(&name).await?;
        ask_for(&s, "packageExpiring@pod").await?;
        handled(&s, "packageExpiring@pod").await?;
        let again = made().await?.iter().any(|job| job.metadata.name.as_deref() == Some(&name));
        assert!(!again, "{name} was made again");
        let query = "SELECT count(*), count(DISTINCT scheduled_at), count(request_id) FROM job_run WHERE job = 'packageExpiring'";
        let row = sqlx::query(query).fetch_one(&database.pool).await?;
        let [all, slots, requests]: [i64; 3] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
        assert_eq!((all, requests), (slots + 1, 1));
        Ok(())
    })
    .await;
}
