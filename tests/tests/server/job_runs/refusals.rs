//! Requests that cannot be, and what their senders are told.

use prost_types::{Duration, Timestamp};
use telecom_proto::v1::{GetJobStatesRequest, Job, ListJobRunsRequest, RunJobRequest};
use tonic::{Code, Status};

use super::super::process::{Server, fields, reason};
use super::{Key, listed, order, request, slot};

fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn at(seconds: i64, nanos: i32) -> Key {
    Key::ScheduledAt(Timestamp { seconds, nanos })
}

fn is_told(status: &Status, field: &str, sentence: &str) {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert_eq!(reason(status), "FIELD_INVALID");
    assert_eq!(fields(status), [field], "{status:?}");
    let told = status.message();
    assert!(told.contains(sentence), "{told} says nothing of {sentence}");
}

#[tokio::test]
async fn a_run_that_cannot_be_is_refused_with_the_field_that_is_wrong() {
    let server = Server::start().await;
    let mut client = server.jobs().await;
    let good = || order(Job::BillTraffic, slot(0));
    let keyed = |key: Key| order(Job::BillTraffic, key);
    for (field, sentence, wrong) in [
        ("job", "must be a job", RunJobRequest { job: 0, ..good() }),
        (
            "job",
            "must be a known job",
            RunJobRequest { job: 6, ..good() },
        ),
        (
            "job",
            "must be a known job",
            RunJobRequest { job: -1, ..good() },
        ),
        (
            "scheduled_at",
            "or request_id",
            RunJobRequest {
                key: None,
                ..good()
            },
        ),
        (
            "scheduled_at",
            "a whole second",
            keyed(at(1_700_000_000, 1)),
        ),
        ("scheduled_at", "1970 to 9999", keyed(at(-1, 0))),
        (
            "scheduled_at",
            "1970 to 9999",
            keyed(at(253_402_300_800, 0)),
        ),
        ("scheduled_at", "1970 to 9999", keyed(at(0, -1))),
        ("request_id", "1 to 64", keyed(request(""))),
        ("request_id", "1 to 64", keyed(request(&"x".repeat(65)))),
        ("request_id", "visible ASCII", keyed(request("two words"))),
        ("request_id", "visible ASCII", keyed(request("é"))),
        (
            "wait",
            "0 s and 2 s",
            RunJobRequest {
                wait: seconds(3),
                ..good()
            },
        ),
        (
            "wait",
            "0 s and 2 s",
            RunJobRequest {
                wait: seconds(-1),
                ..good()
            },
        ),
        (
            "timeout",
            "1 s and 24 h",
            RunJobRequest {
                timeout: seconds(0),
                ..good()
            },
        ),
        (
            "timeout",
            "1 s and 24 h",
            RunJobRequest {
                timeout: seconds(86_401),
                ..good()
            },
        ),
        (
            "timeout",
            "1 s and 24 h",
            RunJobRequest {
                timeout: seconds(i64::MIN),
                ..good()
            },
        ),
        (
            "cluster_uid",
            "up to 64",
            RunJobRequest {
                cluster_uid: "x".repeat(65),
                ..good()
            },
        ),
        (
            "cluster_uid",
            "visible ASCII",
            RunJobRequest {
                cluster_uid: "a b".to_owned(),
                ..good()
            },
        ),
    ] {
        let status = client.run_job(wrong).await.unwrap_err();
        is_told(&status, field, sentence);
    }
    assert!(listed(&mut client).await.is_empty());
    let longest = RunJobRequest {
        cluster_uid: "x".repeat(64),
        timeout: seconds(86_400),
        ..keyed(request(&"~".repeat(64)))
    };
    assert!(client.run_job(longest).await.unwrap().into_inner().started);
}

#[tokio::test]
async fn a_list_that_cannot_be_is_refused_too() {
    let server = Server::start().await;
    let mut client = server.jobs().await;
    let moment = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let any = ListJobRunsRequest::default;
    for (field, sentence, wrong) in [
        (
            "job",
            "must be a known job",
            ListJobRunsRequest { job: 99, ..any() },
        ),
        (
            "state",
            "must be a known state",
            ListJobRunsRequest { state: 4, ..any() },
        ),
        (
            "limit",
            "at most 500",
            ListJobRunsRequest {
                limit: 501,
                ..any()
            },
        ),
        (
            "before_id",
            "0 for the first page",
            ListJobRunsRequest {
                before_id: -1,
                ..any()
            },
        ),
        (
            "start",
            "1970 to 9999",
            ListJobRunsRequest {
                start: moment(-1),
                ..any()
            },
        ),
        (
            "end",
            "after start",
            ListJobRunsRequest {
                start: moment(7),
                end: moment(7),
                ..any()
            },
        ),
    ] {
        let status = client.list_job_runs(wrong).await.unwrap_err();
        is_told(&status, field, sentence);
    }
    let wrong = GetJobStatesRequest {
        cluster_uid: "\n".to_owned(),
    };
    let status = client.get_job_states(wrong).await.unwrap_err();
    is_told(&status, "cluster_uid", "visible ASCII");
}
