//! One run for a key: asked for twice, at once, too early, too late.

use futures::future::join_all;
use telecom_proto::v1::job_manage_client::JobManageClient;
use telecom_proto::v1::{GetJobStatesRequest, Job, JobRunState, RunJobRequest};
use telecom_tests::tokens;
use tonic::Code;

use super::super::process::{Bearer, Server, eventually, reason};
use super::{EFFECTS, Obstacle, ask, ended, fact, listed, order, request, run, slot, sql};

const STATUS: Job = Job::RefreshServerStatus;

#[tokio::test]
async fn a_key_has_one_run_however_often_it_is_asked_for() {
    let server = Server::start().await;
    server.node("fra-1").await;
    let mut client = server.jobs().await;
    for key in [slot(0), request("once")] {
        let first = ask(&mut client, order(STATUS, key.clone())).await.unwrap();
        let done = first.run.unwrap();
        assert!(first.started);
        assert_eq!((done.state(), done.attempt), (JobRunState::Succeeded, 1));
        assert_eq!((done.error.as_str(), done.trace_id.len()), ("", 32));
        assert!(done.started_at.is_some() && done.ended_at.is_some());
        let again = ask(&mut client, order(STATUS, key)).await.unwrap();
        assert_eq!((again.started, again.run.unwrap()), (false, done));
    }
    let runs = listed(&mut client).await;
    let changed: Vec<_> = runs.iter().map(|run| run.changed).collect();
    assert_eq!(changed, [0, 1], "the newest first");
    // The same key of another job is another run.
    let other = run(&mut client, Job::BillTraffic, request("once")).await;
    assert!(other.id > runs[0].id);
}

#[tokio::test]
async fn asked_of_two_servers_at_once_a_slot_has_one_effect() {
    const SLOTS: i64 = 25;
    let first = Server::start().await;
    let second = Server::launch(&first.url, &[], &["serve"]).await;
    second.until_ready().await;
    sql(&first.url, EFFECTS);
    for n in 0..SLOTS {
        let key = slot(n - SLOTS);
        let calls = [&first, &second, &first, &second].map(async |server| {
            let mut client = server.jobs().await;
            ask(&mut client, order(STATUS, key.clone())).await.unwrap()
        });
        let answers = join_all(calls).await;
        let started = answers.iter().filter(|answer| answer.started).count();
        assert_eq!(started, 1, "{answers:?}");
        let ids = answers.iter().map(|answer| answer.run.as_ref().unwrap().id);
        let ids: std::collections::BTreeSet<_> = ids.collect();
        assert_eq!(ids.len(), 1);
        let mut client = first.jobs().await;
        let run = ended(&mut client, STATUS, key).await;
        assert_eq!((run.state(), run.attempt), (JobRunState::Succeeded, 1));
    }
    let counted = sql(
        &first.url,
        "SELECT (SELECT count(*) FROM job_run), (SELECT count(*) FROM effect)",
    );
    assert_eq!(counted, format!("{SLOTS}|{SLOTS}"));
}

#[tokio::test]
async fn different_slots_at_once_run_in_their_order_or_not_at_all() {
    let first = Server::start().await;
    let second = Server::launch(&first.url, &[], &["serve"]).await;
    second.until_ready().await;
    for round in 0..15 {
        let calls = (0..6).map(async |n| {
            let server = if n % 2 == 0 { &first } else { &second };
            let mut client = server.jobs().await;
            ask(&mut client, order(STATUS, slot(round * 6 + n - 200))).await
        });
        for answer in join_all(calls).await {
            if let Err(status) = answer {
                let known = ["JOB_ACTIVE", "SLOT_SUPERSEDED"];
                assert!(known.contains(&reason(&status).as_str()), "{status:?}");
            }
        }
    }
    let wrong = "SELECT count(*) FROM job_run a JOIN job_run b \
         ON a.scheduled_at < b.scheduled_at AND a.id > b.id";
    assert_eq!(sql(&first.url, wrong), "0");
}

#[tokio::test]
async fn a_slot_in_the_future_is_not_run_and_the_time_is_told() {
    let server = Server::start().await;
    let mut client = server.jobs().await;
    let early = ask(&mut client, order(STATUS, slot(10))).await.unwrap_err();
    assert_eq!(early.code(), Code::FailedPrecondition);
    assert_eq!(reason(&early), "CLOCK_AHEAD");
    let now: chrono::DateTime<chrono::Utc> = fact(&early, "now").parse().unwrap();
    let off = chrono::Utc::now() - now;
    assert!(off.num_seconds().abs() < 30, "{off}");
    assert!(early.message().contains("yet to come"), "{early:?}");
    // Clocks are not all alike.
    let run = run(&mut client, STATUS, slot(2)).await;
    assert_eq!(run.state(), JobRunState::Succeeded);
    assert_eq!(listed(&mut client).await.len(), 1);
}

#[tokio::test]
async fn a_slot_before_a_later_one_is_not_run_any_more() {
    let server = Server::start().await;
    let mut client = server.jobs().await;
    let latest = slot(-60);
    let known = run(&mut client, STATUS, latest.clone()).await;
    let late = ask(&mut client, order(STATUS, slot(-120)))
        .await
        .unwrap_err();
    assert_eq!(late.code(), Code::FailedPrecondition);
    assert_eq!(reason(&late), "SLOT_SUPERSEDED");
    let super::Key::ScheduledAt(at) = latest.clone() else {
        panic!()
    };
    let told: chrono::DateTime<chrono::Utc> = fact(&late, "scheduled_at").parse().unwrap();
    assert_eq!(told.timestamp(), at.seconds);
    // What is known is told, whatever came later; other jobs and requests know nothing of it.
    run(&mut client, STATUS, slot(-30)).await;
    assert_eq!(run(&mut client, STATUS, latest).await, known);
    run(&mut client, Job::BillTraffic, slot(-120)).await;
    run(&mut client, STATUS, request("any-time")).await;
}

#[tokio::test]
async fn slots_of_a_clock_that_was_put_back_hold_nothing_up() {
    let server = Server::start().await;
    sql(
        &server.url,
        "INSERT INTO job_run (job, scheduled_at, state, attempt, fence, lease_until, deadline, started_at, \
         ended_at, trace_id) SELECT 'refreshServerStatus', t, 'succeeded', 1, 1, t, t, t, t, '' \
         FROM (VALUES (date_trunc('second', now()) + interval '1 day'), \
         (date_trunc('second', now()) + interval '1 hour')) v (t)",
    );
    let mut client = server.jobs().await;
    for seconds in [-2, -1, 0] {
        let run = run(&mut client, STATUS, slot(seconds)).await;
        assert_eq!(run.state(), JobRunState::Succeeded);
    }
    // They were run, so they are told of, and not again.
    let future = listed(&mut client).await.remove(4);
    let key = match future.key.clone().unwrap() {
        telecom_proto::v1::job_run::Key::ScheduledAt(at) => super::Key::ScheduledAt(at),
        telecom_proto::v1::job_run::Key::RequestId(id) => panic!("{id}"),
    };
    let again = ask(&mut client, order(STATUS, key)).await.unwrap();
    assert_eq!((again.started, again.run.unwrap()), (false, future));
    let states = client.get_job_states(GetJobStatesRequest::default()).await;
    let states = states.unwrap().into_inner().states;
    let latest = states[0].latest.clone().unwrap();
    assert_eq!(latest, listed(&mut client).await[0], "none of the future");
}

#[tokio::test]
async fn one_run_of_a_job_at_a_time() {
    let first = Server::start().await;
    let second = Server::launch(&first.url, &[], &["serve"]).await;
    second.until_ready().await;
    let (mut client, mut other) = (first.jobs().await, second.jobs().await);
    let (held, next) = (slot(-1), request("next"));
    for (key, fact_of_key) in [(held.clone(), "scheduled_at"), (next.clone(), "request_id")] {
        let obstacle = Obstacle::new(&first.url).await;
        let unwaited = RunJobRequest {
            wait: None,
            ..order(STATUS, key.clone())
        };
        let begun = ask(&mut client, unwaited).await.unwrap();
        let run = begun.run.unwrap();
        assert!(begun.started);
        assert_eq!((run.state(), run.ended_at), (JobRunState::Running, None));
        // It is told of while it goes on, by each server.
        let seen = ask(&mut other, order(STATUS, key.clone())).await.unwrap();
        assert_eq!(seen.run.unwrap().state(), JobRunState::Running);
        for late in [slot(0), request("another")] {
            let busy = ask(&mut other, order(STATUS, late)).await.unwrap_err();
            assert_eq!(busy.code(), Code::FailedPrecondition);
            assert_eq!(reason(&busy), "JOB_ACTIVE");
            assert_ne!(fact(&busy, fact_of_key), "", "{busy:?}");
            let since: chrono::DateTime<chrono::Utc> = fact(&busy, "started_at").parse().unwrap();
            assert_eq!(since.timestamp(), run.started_at.unwrap().seconds);
        }
        // Other jobs are not kept waiting.
        let free = request(fact_of_key);
        let free = super::run(&mut other, Job::BillTraffic, free).await;
        assert_eq!(free.state(), JobRunState::Succeeded);
        // Whoever waits hears of the end, also of another server's run.
        let waiting = async { super::run(&mut other, STATUS, key).await.state() };
        let (state, ()) = tokio::join!(waiting, obstacle.release());
        assert_eq!(state, JobRunState::Succeeded);
    }
}

#[tokio::test]
async fn a_database_of_another_cluster_is_left_alone() {
    let server = Server::start().await;
    let mut client = server.jobs().await;
    let of = |uid: &str| RunJobRequest {
        cluster_uid: uid.to_owned(),
        ..order(STATUS, request(&format!("of-{uid}")))
    };
    let states = |uid: &str| GetJobStatesRequest {
        cluster_uid: uid.to_owned(),
    };
    // Nobody's: whoever asks.
    assert!(ask(&mut client, of("uid-0")).await.unwrap().started);
    let told = client.get_job_states(states("uid-0")).await.unwrap();
    assert_eq!(told.into_inner().cluster_uid, "");
    sql(
        &server.url,
        "INSERT INTO database_owner (cluster_uid) VALUES ('uid-1')",
    );
    let refused = ask(&mut client, of("uid-2")).await.unwrap_err();
    let unseen = client.get_job_states(states("uid-2")).await.unwrap_err();
    for status in [refused, unseen] {
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(reason(&status), "DATABASE_IN_USE");
        assert_eq!(fact(&status, "cluster_uid"), "uid-1");
    }
    for uid in ["uid-1", ""] {
        assert!(ask(&mut client, of(uid)).await.unwrap().started);
        let told = client.get_job_states(states(uid)).await.unwrap();
        assert_eq!(told.into_inner().cluster_uid, "uid-1");
    }
    assert_eq!(sql(&server.url, "SELECT count(*) FROM job_run"), "3");
}

#[tokio::test]
async fn what_an_administrator_asks_for_is_in_the_audit_log_once() {
    let server =
        Server::start_with(&[("TELECOM__AUTH__OPERATOR_TOKEN", "operator-operator")]).await;
    let channel = server.channel().await;
    let mut admin =
        JobManageClient::with_interceptor(channel.clone(), Bearer::new(tokens::admin()));
    let mut operator = JobManageClient::with_interceptor(channel, Bearer::new("operator-operator"));
    for _ in 0..2 {
        run(&mut operator, STATUS, request("by-operator")).await;
        run(&mut server.jobs().await, STATUS, request("by-token")).await;
        run(&mut admin, STATUS, request("by-admin")).await;
        run(&mut admin, STATUS, request("by-operator")).await;
        ask(&mut admin, order(STATUS, slot(60))).await.unwrap_err();
    }
    let entries = "SELECT actor, method, target = 'job_run/' || (SELECT id FROM job_run \
         WHERE request_id = 'by-admin'), before IS NULL, after->>'job', after->>'request_id', \
         trace_id ~ '^[0-9a-f]{32}$' FROM audit_log";
    assert_eq!(
        sql(&server.url, entries),
        "admin/tests|RunJob|t|t|refreshServerStatus|by-admin|t"
    );
}

#[tokio::test]
async fn a_caller_that_goes_away_calls_nothing_off() {
    let server = Server::start().await;
    let obstacle = Obstacle::new(&server.url).await;
    let mut client = server.jobs().await;
    let mut request = tonic::Request::new(order(STATUS, request("left")));
    request.set_timeout(std::time::Duration::from_millis(300));
    // The wait is cut to what the caller has, or the call is.
    let _ = client.run_job(request).await;
    let runs = "SELECT string_agg(state || attempt, ' ') FROM job_run";
    eventually("on record", || async {
        sql(&server.url, runs) == "running1"
    })
    .await;
    obstacle.release().await;
    eventually("done", || async { sql(&server.url, runs) == "succeeded1" }).await;
}
