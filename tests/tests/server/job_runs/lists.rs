//! What is told of runs, and for how long it is kept.

use prost_types::Timestamp;
use telecom_proto::v1::{
    GetJobStatesRequest, Job, JobRunState, JobState, ListJobRunsRequest, job_run,
};
use telecom_tests::postgres;

use super::super::database::migrate;
use super::super::process::{Server, eventually};
use super::{Client, Obstacle, ask, listed, order, request, run, slot, sql};

/// Runs of so many minutes ago, by job, key and state; `s` is a slot at that time.
fn insert(url: &str, runs: &[(&str, &str, &str, u32)]) {
    for (job, id, state, minutes) in runs {
        let slot = *id == "s";
        sql(
            url,
            &format!(
                "INSERT INTO job_run (job, scheduled_at, request_id, state, attempt, fence, lease_until, deadline, \
                 started_at, ended_at, error, trace_id) \
                 SELECT '{job}', CASE WHEN {slot} THEN date_trunc('second', t) END, \
                 CASE WHEN NOT {slot} THEN '{id}' END, '{state}', 1, 1, t, t, t, t, '', '' \
                 FROM (SELECT now() - {minutes} * interval '1 minute') v (t)"
            ),
        );
    }
}

#[tokio::test]
async fn runs_are_listed_page_by_page_and_by_what_they_are() {
    let server = Server::start().await;
    let ids: Vec<_> = (0..7).map(|n| format!("r{n}")).collect();
    for (n, id) in ids.iter().enumerate() {
        let job = ["billTraffic", "packageExpiring"][n % 2];
        let state = ["succeeded", "failed", "failed"][n % 3];
        let minutes = u32::try_from(100 - n).unwrap();
        insert(&server.url, &[(job, id, state, minutes)]);
    }
    let mut client = server.jobs().await;
    let mut pages = Vec::new();
    let mut before_id = 0;
    loop {
        let page = ListJobRunsRequest {
            limit: 3,
            before_id,
            ..Default::default()
        };
        let page = client.list_job_runs(page).await.unwrap().into_inner();
        pages.push(page.runs.iter().map(key).collect::<Vec<_>>());
        before_id = page.next_before_id;
        if before_id == 0 {
            break;
        }
    }
    assert_eq!(
        pages,
        [vec!["r6", "r5", "r4"], vec!["r3", "r2", "r1"], vec!["r0"]]
    );
    let minutes_ago = |minutes: u64| {
        let at = std::time::SystemTime::now() - std::time::Duration::from_secs(minutes * 60);
        Some(Timestamp::from(at))
    };
    let (any, bill, expire) = (Job::Unspecified, Job::BillTraffic, Job::PackageExpiring);
    let (all, done, failed) = (
        JobRunState::Unspecified,
        JobRunState::Succeeded,
        JobRunState::Failed,
    );
    for (job, state, start, end, expected) in [
        (bill, all, None, None, "r6 r4 r2 r0"),
        (any, failed, None, None, "r5 r4 r2 r1"),
        (expire, done, None, None, "r3"),
        (any, JobRunState::Running, None, None, ""),
        (any, all, minutes_ago(98), None, "r6 r5 r4 r3"),
        (any, all, None, minutes_ago(98), "r2 r1 r0"),
        (bill, failed, minutes_ago(99), minutes_ago(97), "r2"),
    ] {
        // A minute's age is reached a moment after it was written.
        let request = ListJobRunsRequest {
            job: job.into(),
            state: state.into(),
            start,
            end,
            ..Default::default()
        };
        let runs = client
            .list_job_runs(request)
            .await
            .unwrap()
            .into_inner()
            .runs;
        let keys: Vec<_> = runs.iter().map(key).collect();
        assert_eq!(keys.join(" "), expected, "{job:?} {state:?}");
    }
}

fn key(run: &telecom_proto::v1::JobRun) -> String {
    match run.key.clone().unwrap() {
        job_run::Key::RequestId(id) => id,
        job_run::Key::ScheduledAt(at) => at.seconds.to_string(),
    }
}

async fn states(client: &mut Client) -> Vec<JobState> {
    let states = client.get_job_states(GetJobStatesRequest::default()).await;
    states.unwrap().into_inner().states
}

#[tokio::test]
async fn each_job_is_told_of_with_its_last_slot_and_its_failures() {
    let server = Server::start().await;
    let mut client = server.jobs().await;
    let answer = client.get_job_states(GetJobStatesRequest::default()).await;
    let answer = answer.unwrap().into_inner();
    let now = answer.now.unwrap().seconds;
    let here = chrono::Utc::now().timestamp();
    assert!((now - here).abs() < 30, "{now} {here}");
    let jobs: Vec<_> = answer.states.iter().map(JobState::job).collect();
    let all = [
        Job::RefreshServerStatus,
        Job::PackageExpiring,
        Job::BillTraffic,
        Job::RecordNodeStatusHistory,
        Job::RefreshNodeStatusView,
    ];
    assert_eq!(jobs, all);
    for state in answer.states {
        let none = JobState {
            job: state.job,
            ..Default::default()
        };
        assert_eq!(state, none);
    }

    insert(
        &server.url,
        &[
            ("billTraffic", "s", "failed", 60),
            ("billTraffic", "s", "succeeded", 50),
            ("billTraffic", "a", "failed", 40),
            ("billTraffic", "s", "failed", 30),
            ("billTraffic", "b", "failed", 20),
        ],
    );
    let bill = states(&mut client).await.remove(2);
    let runs = listed(&mut client).await;
    assert_eq!(bill.latest.unwrap(), runs[1], "b is of no slot");
    assert_eq!(bill.last_success_at, runs[3].ended_at);
    assert_eq!((bill.active, bill.consecutive_failures), (None, 3));
    sql(
        &server.url,
        "INSERT INTO job_run (job, request_id, state, attempt, fence, lease_until, deadline, started_at, ended_at, \
         trace_id) SELECT 'billTraffic', 'f' || n, 'failed', 1, 1, now(), now(), now(), now(), '' \
         FROM generate_series(1, 1500) n",
    );
    assert_eq!(states(&mut client).await[2].consecutive_failures, 1000);
    run(&mut client, Job::BillTraffic, slot(0)).await;
    let bill = states(&mut client).await.remove(2);
    assert_eq!(bill.consecutive_failures, 0);
    assert_eq!(bill.latest.unwrap().state(), JobRunState::Succeeded);

    let obstacle = Obstacle::new(&server.url).await;
    let unwaited = telecom_proto::v1::RunJobRequest {
        wait: None,
        ..order(Job::RefreshServerStatus, request("goes-on"))
    };
    let begun = ask(&mut client, unwaited).await.unwrap().run.unwrap();
    let status = states(&mut client).await.remove(0);
    assert_eq!(status.active.map(|run| run.id), Some(begun.id));
    assert_eq!(status.latest, None);
    obstacle.release().await;
}

#[tokio::test]
async fn runs_are_forgotten_in_time_but_for_those_that_are_needed() {
    const DAY: u32 = 24 * 60;
    let url = postgres::shared().database();
    migrate(&url).await;
    insert(
        &url,
        &[
            // A job that runs no more: the latest slot stays known, and the last success.
            ("billTraffic", "s", "succeeded", 9 * DAY),
            ("billTraffic", "s", "failed", 8 * DAY),
            ("billTraffic", "r", "failed", 7 * DAY),
            ("billTraffic", "q", "failed", 6 * DAY),
            ("packageExpiring", "s", "succeeded", 5 * DAY),
            ("packageExpiring", "s", "succeeded", 2 * DAY),
            ("packageExpiring", "s", "succeeded", DAY / 2),
        ],
    );
    sql(
        &url,
        "INSERT INTO job_run (job, request_id, state, attempt, fence, lease_until, deadline, started_at, trace_id) \
         VALUES ('refreshNodeStatusView', 'long', 'running', 1, 1, now() + interval '1 hour', \
         now() + interval '1 hour', now() - interval '3 days', '')",
    );
    let days = [("TELECOM__RETENTION__JOB_RUN_DAYS", "1")];
    let server = Server::launch(&url, &days, &["serve"]).await;
    let kept = "SELECT string_agg(left(job, 1) || id || state, ' ' ORDER BY id) FROM job_run";
    let expected = "b1succeeded b2failed b4failed p7succeeded r8running";
    eventually("forgotten", || async { sql(&url, kept) == expected }).await;
    // A slot that is forgotten is run no more: it is before the one that is not.
    let mut client = server.jobs().await;
    let forgotten = slot(-i64::from(10 * DAY * 60));
    let late = ask(&mut client, order(Job::BillTraffic, forgotten)).await;
    assert_eq!(
        super::super::process::reason(&late.unwrap_err()),
        "SLOT_SUPERSEDED"
    );
}
