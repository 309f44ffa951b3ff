//! Requests that cannot be, and what their senders are told.

use prost_types::{Duration, Timestamp};
use telecom_proto::v1::{GetJobStatesRequest, Job, ListJobRunsRequest, RunJobRequest};
use tonic::{Code, Status};

use super::super::process::{Server, fields, reason};
use super::{Key, listed, order, request, slot};

fn seconds(seconds: i64) -> Duration {
    Duration { seconds, nanos: 0 }
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
    let job = |job| RunJobRequest { job, ..good() };
    let key = |key| RunJobRequest { key, ..good() };
    let wait = |of| RunJobRequest {
        wait: Some(seconds(of)),
        ..good()
    };
    let timeout = |of| RunJobRequest {
        timeout: Some(seconds(of)),
        ..good()
    };
    let uid = |uid: &str| RunJobRequest {
        cluster_uid: uid.to_owned(),
        ..good()
    };
    let long = "x".repeat(65);
    for (field, sentence, wrong) in [
        ("job", "must be a job", job(0)),
        ("job", "must be a known job", job(6)),
        ("job", "must be a known job", job(-1)),
        ("scheduled_at", "or request_id", key(None)),
        (
            "scheduled_at",
            "a whole second",
            key(Some(at(1_700_000_000, 1))),
        ),
        ("scheduled_at", "1970 to 9999", key(Some(at(-1, 0)))),
        (
            "scheduled_at",
            "1970 to 9999",
            key(Some(at(253_402_300_800, 0))),
        ),
        ("scheduled_at", "1970 to 9999", key(Some(at(0, -1)))),
        ("request_id", "1 to 64", key(Some(request("")))),
        ("request_id", "1 to 64", key(Some(request(&long)))),
        (
            "request_id",
            "visible ASCII",
            key(Some(request("two words"))),
        ),
        ("request_id", "visible ASCII", key(Some(request("é")))),
        ("wait", "0 s and 2 s", wait(3)),
        ("wait", "0 s and 2 s", wait(-1)),
        ("timeout", "1 s and 24 h", timeout(0)),
        ("timeout", "1 s and 24 h", timeout(86_401)),
        ("timeout", "1 s and 24 h", timeout(i64::MIN)),
        ("cluster_uid", "up to 64", uid(&long)),
        ("cluster_uid", "visible ASCII", uid("a b")),
    ] {
        let status = client.run_job(wrong).await.unwrap_err();
        is_told(&status, field, sentence);
    }
    assert!(listed(&mut client).await.is_empty());
    let longest = RunJobRequest {
        cluster_uid: "x".repeat(64),
        timeout: Some(seconds(86_400)),
        ..key(Some(request(&"~".repeat(64))))
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
