//! How runs end: done, in error, too late; and what is counted of it.

use telecom_proto::v1::{Job, JobRunState, RunJobRequest};
use telecom_tests::postgres;

use super::super::pooler::bouncer;
use super::super::process::{Server, eventually};
use super::{Obstacle, ask, ended, order, request, run, slot, sql};

const STATUS: Job = Job::RefreshServerStatus;

/// From now on what `refreshServerStatus` writes fails so.
fn fails(server: &Server, how: &str) {
    sql(
        &server.url,
        &format!(
            "CREATE OR REPLACE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS \
             $$BEGIN {how}; RETURN NULL; END$$; \
             CREATE OR REPLACE TRIGGER fails AFTER INSERT ON node_status \
             FOR EACH STATEMENT EXECUTE FUNCTION fails()"
        ),
    );
}

#[tokio::test]
async fn an_error_that_stays_fails_the_run_at_once() {
    let server = Server::start().await;
    fails(
        &server,
        "RAISE EXCEPTION E'nobody\\nknows %', repeat('é', 600)",
    );
    let mut client = server.jobs().await;
    let key = slot(-1);
    let failed = run(&mut client, STATUS, key.clone()).await;
    assert_eq!((failed.state(), failed.attempt), (JobRunState::Failed, 1));
    assert!(failed.error.contains("nobody knows éé"), "{}", failed.error);
    assert_eq!(failed.error.chars().count(), 500);
    assert!(failed.ended_at.is_some());
    // What ended stays so; the next slot is another run.
    sql(&server.url, "DROP TRIGGER fails ON node_status");
    assert_eq!(
        run(&mut client, STATUS, key.clone()).await.state(),
        JobRunState::Failed
    );
    let next = run(&mut client, STATUS, slot(0)).await;
    assert_eq!(next.state(), JobRunState::Succeeded);
}

#[tokio::test]
async fn an_error_that_may_pass_is_tried_five_times() {
    let server = Server::start().await;
    let mut client = server.jobs().await;
    sql(&server.url, "CREATE SEQUENCE tries");
    // A sequence is not rolled back.
    let full = "RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'";
    fails(
        &server,
        &format!("IF nextval('tries') < 3 THEN {full}; END IF"),
    );
    let passed = ended(&mut client, STATUS, request("passes")).await;
    assert_eq!(
        (passed.state(), passed.attempt),
        (JobRunState::Succeeded, 3)
    );
    assert_eq!(passed.error, "");

    fails(&server, &format!("PERFORM nextval('tries'); {full}"));
    sql(&server.url, "ALTER SEQUENCE tries RESTART");
    let failed = ended(&mut client, STATUS, request("stays")).await;
    assert_eq!((failed.state(), failed.attempt), (JobRunState::Failed, 5));
    let error = failed.error.as_str();
    assert!(error.starts_with("given up after 5 attempts: "), "{error}");
    assert!(error.contains("the disk is full"), "{error}");
    assert_eq!(sql(&server.url, "SELECT last_value FROM tries"), "5");
}

#[tokio::test]
async fn conflicts_are_tried_again_within_an_attempt() {
    let server = Server::start().await;
    sql(&server.url, "CREATE SEQUENCE tries");
    let again = "RAISE EXCEPTION 'again' USING ERRCODE = '40001'";
    fails(
        &server,
        &format!("IF nextval('tries') < 4 THEN {again}; END IF"),
    );
    let done = run(&mut server.jobs().await, STATUS, slot(0)).await;
    assert_eq!((done.state(), done.attempt), (JobRunState::Succeeded, 1));
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_cut_off_and_failed() {
    let server = Server::start().await;
    let obstacle = Obstacle::new(&server.url).await;
    let mut client = server.jobs().await;
    let key = slot(-1);
    let second = prost_types::Duration {
        seconds: 1,
        nanos: 0,
    };
    let begin = RunJobRequest {
        timeout: Some(second),
        ..order(STATUS, key.clone())
    };
    assert!(ask(&mut client, begin).await.unwrap().started);
    let late = ended(&mut client, STATUS, key.clone()).await;
    assert_eq!(late.state(), JobRunState::Failed);
    assert_eq!(
        (late.error.as_str(), late.attempt),
        ("timed out after 1 second", 1)
    );
    let waiting =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'node_status'::regclass";
    eventually("cut off", || async { sql(&server.url, waiting) == "0" }).await;
    obstacle.release().await;
    let next = run(&mut client, STATUS, slot(0)).await;
    assert_eq!(next.state(), JobRunState::Succeeded);
}

#[tokio::test]
async fn a_run_that_outlasts_its_lease_keeps_it() {
    let server = Server::start_with(&[("TELECOM__JOBS__LEASE", "1s")]).await;
    let second = Server::launch(&server.url, &[], &["serve"]).await;
    second.until_ready().await;
    let key = slot(0);
    let obstacle = Obstacle::new(&server.url).await;
    let begin = RunJobRequest {
        wait: None,
        ..order(STATUS, key.clone())
    };
    let mut client = server.jobs().await;
    assert!(ask(&mut client, begin).await.unwrap().started);
    let far = "SELECT lease_until > started_at + interval '4 seconds' FROM job_run";
    eventually("renewed", || async { sql(&server.url, far) == "t" }).await;
    obstacle.release().await;
    let done = ended(&mut client, STATUS, key).await;
    assert_eq!((done.state(), done.attempt), (JobRunState::Succeeded, 1));
}

#[tokio::test]
async fn runs_are_counted_where_they_end_and_told_everywhere() {
    let server = Server::start().await;
    let second = Server::launch(&server.url, &[], &["serve"]).await;
    second.until_ready().await;
    let ended = |job: &str, result: &str| {
        format!("telecom_job_runs_total{{job=\"{job}\",result=\"{result}\"}}")
    };
    for job in telecom_server::jobs::Job::ALL {
        for result in ["succeeded", "failed"] {
            let value = server.metric(&ended(job.as_str(), result)).await;
            assert_eq!(value, Some(0.0), "{job} {result}");
        }
    }
    let last = "telecom_job_last_success_timestamp_seconds{job=\"refreshServerStatus\"}";
    assert_eq!(server.metric(last).await, None);
    let mut client = server.jobs().await;
    let key = slot(-1);
    let done = run(&mut client, STATUS, key.clone()).await;
    run(&mut client, STATUS, key.clone()).await;
    fails(&server, "RAISE EXCEPTION 'no'");
    run(&mut client, STATUS, slot(0)).await;
    for (result, count) in [("succeeded", 1.0), ("failed", 1.0)] {
        let sample = ended("refreshServerStatus", result);
        assert_eq!(server.metric(&sample).await, Some(count), "{result}");
        assert_eq!(second.metric(&sample).await, Some(0.0), "{result}");
    }
    let took = "telecom_job_duration_seconds_count{job=\"refreshServerStatus\"}";
    assert_eq!(server.metric(took).await, Some(2.0));
    let at = done.ended_at.unwrap();
    for server in [&server, &second] {
        eventually("told", || async {
            let value = server.metric(last).await;
            #[allow(clippy::cast_precision_loss, reason = "seconds of this century")]
            value.is_some_and(|value| (value - at.seconds as f64).abs() < 1.5)
        })
        .await;
    }
}

#[tokio::test]
async fn a_run_is_a_trace_of_its_own() {
    let server = Server::start().await;
    server.node("fra-1").await;
    let done = run(&mut server.jobs().await, STATUS, slot(0)).await;
    let stored = sql(&server.url, "SELECT trace_id FROM job_run");
    assert_eq!(stored, done.trace_id);
    let line = server
        .logged(|line| line["message"] == "a job was done" && line["trace_id"] == stored.as_str())
        .await;
    assert_eq!(line["job"], "refreshServerStatus", "{line}");
    let asked = server
        .logged(|line| {
            line["message"] == "request" && line["method"] == "telecom.v1.JobManage/RunJob"
        })
        .await;
    assert_ne!(asked["trace_id"], line["trace_id"]);
}

#[tokio::test]
async fn every_job_is_done_behind_a_pooler() {
    let postgres = postgres::shared();
    let (_bouncer, port) = bouncer(postgres).await;
    let direct = postgres.database();
    let pooled = direct.replace(&format!(":{}/", postgres.port()), &format!(":{port}/"));
    let variables = [
        ("TELECOM__DATABASE__POOLER", "true"),
        ("TELECOM__DATABASE__DIRECT_URL", direct.as_str()),
    ];
    let server = Server::launch(&pooled, &variables, &["serve", "--migrate"]).await;
    server.until_ready().await;
    let mut client = server.jobs().await;
    for key in ["a", "b"] {
        for job in 1..=5 {
            let job = Job::try_from(job).unwrap();
            let done = ended(&mut client, job, request(key)).await;
            assert_eq!((done.state(), done.attempt), (JobRunState::Succeeded, 1));
        }
    }
    // The sessions go by their own name again.
    let named = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE '%job_run%'";
    assert_eq!(sql(&direct, named), "0");
}
