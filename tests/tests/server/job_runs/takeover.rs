//! A run whose attempt is lost is gone on with under its key; the lost one can change nothing any more.

use telecom_proto::v1::{Job, JobRunState, RunJobRequest};
use telecom_server::domain::Processor as _;
use telecom_server::jobs::Job as Named;
use telecom_server::store::StoreError;
use telecom_tests::postgres::{self, Postgres};
use tonic::Code;

use super::super::billing::World;
use super::super::billing::crowd::{subscribers, traffic};
use super::super::jobs::{self, Jobs};
use super::super::process::{Server, eventually, reason};
use super::{EFFECTS, Key, Obstacle, ask, ended, listed, order, request, run, slot, sql};

const LEASE: (&str, &str) = ("TELECOM__JOBS__LEASE", "2s");
/// Nobody waits for its end.
const LONG: (&str, &str) = ("TELECOM__JOBS__LEASE", "10m");
const UNBILLED: &str = "SELECT count(*) FROM usage_quarter WHERE pending";
const STANDING: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' \
     AND datname = current_database() AND application_name LIKE '%job_run%'";

/// Something to bill, and a first attempt at that which stands still with what it has locked.
async fn world() -> World {
    let world = World::new().await;
    subscribers(&world, 3).await;
    traffic(&world, 300);
    world.sql(
        "CREATE TABLE held AS SELECT true AS held; \
         CREATE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN WHILE current_setting('application_name') LIKE '%job_run%/1' AND (SELECT held FROM held) \
         LOOP PERFORM pg_sleep(0.02); END LOOP; RETURN NULL; END$$; \
         CREATE TRIGGER stand_still AFTER UPDATE ON usage_quarter \
         FOR EACH STATEMENT EXECUTE FUNCTION stand_still()",
    );
    world
}

/// Has a server begin a run, and does not wait for it.
async fn begin(server: &Server, job: Job, key: &Key) {
    let order = RunJobRequest {
        wait: None,
        ..order(job, key.clone())
    };
    let begun = ask(&mut server.jobs().await, order).await.unwrap();
    assert!(begun.started);
}

/// All is billed and charged, once.
async fn whole(world: &World) {
    assert_eq!(world.sql(UNBILLED), "0");
    world.settled().await;
    let ledger = world.server.check_ledger().await;
    assert_eq!(ledger["raw"], 300 * 11);
    assert_eq!(ledger["charged"], ledger["factored"]);
}

#[tokio::test]
async fn a_run_goes_on_under_its_key_when_its_server_is_killed() {
    let world = world().await;
    let mut victim = Server::launch(&world.server.url, &[LEASE], &["serve"]).await;
    victim.until_ready().await;
    let key = slot(0);
    begin(&victim, Job::BillTraffic, &key).await;
    eventually("standing still", || async { world.sql(STANDING) != "0" }).await;
    victim.signal("KILL").await;
    victim.ended().await;
    // PostgreSQL does not see it: what the session has locked stays locked until the run is gone on with.
    let mut client = world.server.jobs().await;
    let run = ended(&mut client, Job::BillTraffic, key).await;
    assert_eq!((run.state(), run.attempt), (JobRunState::Succeeded, 2));
    assert_eq!(
        run.changed.to_string(),
        world.sql("SELECT count(*) FROM usage_quarter")
    );
    assert_eq!(listed(&mut client).await, [run]);
    whole(&world).await;
}

#[tokio::test]
async fn a_server_that_stood_still_past_its_lease_changes_nothing() {
    let world = world().await;
    // Under another role its session is left alone, so that the fence is all that there is.
    let url = world.server.url.replace("postgres@", "careful:secret@");
    let victim = Server::launch(&url, &[LEASE], &["serve"]).await;
    victim.until_ready().await;
    let key = slot(0);
    begin(&victim, Job::BillTraffic, &key).await;
    eventually("standing still", || async { world.sql(STANDING) != "0" }).await;
    victim.signal("STOP").await;
    let mut client = world.server.jobs().await;
    let other = ended(&mut client, Job::BillTraffic, key.clone()).await;
    assert_eq!((other.state(), other.attempt), (JobRunState::Succeeded, 2));
    let unbilled = world.sql(UNBILLED);
    assert_ne!(unbilled, "0", "they were locked");
    world.sql("UPDATE held SET held = false");
    victim.signal("CONT").await;
    let told = |line: &serde_json::Value| line["message"] == "another attempt goes on with the run";
    victim.logged(told).await;
    eventually("gone", || async { world.sql(STANDING) == "0" }).await;
    assert_eq!(world.sql(UNBILLED), unbilled);
    assert_eq!(
        world.sql("SELECT count(*) FROM outbox_event WHERE route LIKE '%billing'"),
        "0"
    );
    assert_eq!(ended(&mut client, Job::BillTraffic, key).await, other);
    // What was locked may be let go a moment later.
    eventually("billed", || async {
        let id = uuid::Uuid::new_v4().to_string();
        run(
            &mut world.server.jobs().await,
            Job::BillTraffic,
            request(&id),
        )
        .await;
        world.sql(UNBILLED) == "0"
    })
    .await;
    whole(&world).await;
}

#[tokio::test]
async fn a_transaction_that_is_overtaken_cannot_commit() {
    let server = Server::start().await;
    sql(&server.url, EFFECTS);
    let jobs = Jobs::new(&server.url.replace("postgres@", "careful:secret@"));
    let (context, order) = (jobs::context(), jobs::order(Named::RefreshServerStatus));
    let start = jobs.executor.process(&context, order).await.unwrap();
    let (attempt, deadline) = (start.attempt.unwrap(), context.deadline);
    for (held, changed) in [(true, 5), (false, 7)] {
        let mut batch = attempt.hold().begin(deadline).await.unwrap();
        sqlx::query("INSERT INTO effect DEFAULT VALUES")
            .execute(&mut *batch)
            .await
            .unwrap();
        if !held {
            jobs.lease_ends();
            let over = "SELECT count(*) FROM job_run WHERE state = 'succeeded' AND attempt = 2";
            eventually("done by the server", || async {
                sql(&server.url, over) == "1"
            })
            .await;
        }
        match batch.commit(changed).await {
            Ok(()) => assert!(held),
            Err(error) => assert!(!held && matches!(error, StoreError::Overtaken), "{error}"),
        }
    }
    // One of the batch that was in time, one of the run that went on.
    assert_eq!(sql(&server.url, "SELECT count(*) FROM effect"), "2");
    assert_eq!(sql(&server.url, "SELECT changed FROM job_run"), "5");
    let renewed = attempt.hold().renew(deadline).await;
    assert!(matches!(renewed, Err(StoreError::Overtaken)));
    // Nor can it say how the run ended.
    let ended = jobs.executor.attempt(attempt, std::future::pending()).await;
    assert_eq!(ended, None);
    assert_eq!(
        sql(&server.url, "SELECT state, attempt FROM job_run"),
        "succeeded|2"
    );
}

#[tokio::test]
async fn a_run_outlives_a_restart_of_the_database() {
    let mut postgres = Postgres::start().unwrap();
    let url = postgres.database();
    let name = url.rsplit('/').next().unwrap();
    let server = Server::launch(&url, &[LEASE], &["serve", "--migrate"]).await;
    server.until_ready().await;
    postgres.sql(name, EFFECTS).unwrap();
    let _gone_with_it = Obstacle::new(&url).await;
    let key = slot(0);
    begin(&server, Job::RefreshServerStatus, &key).await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    eventually("waiting", || async {
        postgres.sql(name, waiting).unwrap() == "1"
    })
    .await;
    postgres.stop().unwrap();
    postgres.resume().unwrap();
    let mut client = server.jobs().await;
    let run = ended(&mut client, Job::RefreshServerStatus, key).await;
    assert_eq!(run.state(), JobRunState::Succeeded, "{run:?}");
    assert!(run.attempt > 1, "{run:?}");
    assert_eq!(listed(&mut client).await, [run]);
    assert_eq!(
        postgres.sql(name, "SELECT count(*) FROM effect").unwrap(),
        "1"
    );
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_hands_its_runs_over_at_once() {
    let more = [
        LONG,
        ("TELECOM__SHUTDOWN__DELAY", "2s"),
        ("TELECOM__SHUTDOWN__DRAIN_TIMEOUT", "10m"),
    ];
    let mut leaving = Server::start_with(&more).await;
    let staying = Server::launch(&leaving.url, &[], &["serve"]).await;
    staying.until_ready().await;
    let url = leaving.url.clone();
    let obstacle = Obstacle::new(&url).await;
    let key = slot(0);
    begin(&leaving, Job::RefreshServerStatus, &key).await;
    let mut client = leaving.jobs().await;
    leaving.signal("TERM").await;
    eventually("handed over", || async {
        sql(&url, "SELECT attempt, handed_over FROM job_run") == "2|1"
    })
    .await;
    // It still answers, but begins nothing.
    let late = ask(&mut client, order(Job::BillTraffic, request("late"))).await;
    let late = late.unwrap_err();
    assert_eq!(
        (late.code(), reason(&late)),
        (Code::Unavailable, "DRAINING".to_owned())
    );
    assert_eq!(leaving.ended().await.code(), Some(0));
    obstacle.release().await;
    let run = ended(&mut staying.jobs().await, Job::RefreshServerStatus, key).await;
    assert_eq!((run.state(), run.attempt), (JobRunState::Succeeded, 2));
    assert_eq!(sql(&url, "SELECT count(*) FROM job_run"), "1");
}

#[tokio::test]
async fn a_run_that_nobody_goes_on_with_is_given_up_in_the_end() {
    let url = postgres::shared().database();
    super::super::database::migrate(&url).await;
    // Of a server that was killed at its last attempt, and of one that came back too late.
    sql(
        &url,
        "INSERT INTO job_run (job, request_id, state, attempt, handed_over, fence, lease_until, deadline, \
         started_at, error, trace_id) VALUES \
         ('billTraffic', 'often', 'running', 7, 2, 7, now(), now() + interval '1 hour', now(), 'no room', ''), \
         ('packageExpiring', 'lost', 'running', 5, 0, 5, now(), now() + interval '1 hour', now(), '', ''), \
         ('refreshServerStatus', 'late', 'running', 1, 0, 1, now(), now(), now() - interval '10 minutes', '', ''), \
         ('refreshNodeStatusView', 'good', 'running', 6, 2, 6, now(), now() + interval '1 hour', now(), 'x', '')",
    );
    let server = Server::launch(&url, &[], &["serve"]).await;
    server.until_ready().await;
    let mut client = server.jobs().await;
    for (job, id, error) in [
        (
            Job::BillTraffic,
            "often",
            "given up after 5 attempts: no room",
        ),
        (
            Job::PackageExpiring,
            "lost",
            "given up after 5 attempts: nothing was heard of the server that was at it",
        ),
        (
            Job::RefreshServerStatus,
            "late",
            "timed out after 10 minutes",
        ),
        (Job::RefreshNodeStatusView, "good", ""),
    ] {
        let run = ended(&mut client, job, request(id)).await;
        let failed = run.state() == JobRunState::Failed;
        assert_eq!((failed, run.error.as_str()), (!error.is_empty(), error));
    }
    assert_eq!(listed(&mut client).await.len(), 4);
}

#[tokio::test]
async fn whoever_asks_for_another_run_goes_on_with_the_one_in_the_way() {
    let server = Server::start().await;
    let jobs = Jobs::new(&server.url);
    for key in [slot(-5), slot(-4), slot(-3)] {
        let order = jobs::order(Named::RefreshServerStatus);
        let lost = jobs
            .executor
            .process(&jobs::context(), order)
            .await
            .unwrap();
        let lost = lost.attempt.unwrap().run().id;
        jobs.lease_ends();
        let mut client = server.jobs().await;
        match ask(&mut client, order_of(&key)).await {
            // It had been gone on with and ended.
            Ok(answer) => assert!(answer.started),
            Err(status) => assert_eq!(reason(&status), "JOB_ACTIVE", "{status:?}"),
        }
        let state = format!("SELECT state, attempt FROM job_run WHERE id = {lost}");
        eventually("gone on with", || async {
            sql(&server.url, &state) == "succeeded|2"
        })
        .await;
    }
}

fn order_of(key: &Key) -> RunJobRequest {
    order(Job::RefreshServerStatus, key.clone())
}
