//! The migration's decisions, as a table.

use serde_json::json;

use super::*;

const NOW: i64 = 10_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn running() -> JobState {
    JobState::Running {
        inputs: "s".to_owned(),
    }
}

fn failed(seconds_ago: i64, attempt: u32) -> JobState {
    JobState::Failed {
        at: at(NOW - seconds_ago),
        attempt,
        inputs: "s".to_owned(),
    }
}

#[test]
fn decisions() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let start = |attempt| Step::Start { attempt };
    let clear = |attempt| Step::Clear { attempt };
    // (what, migrated, job, database ready, inputs, announced, expected)
    #[rustfmt::skip]
    let cases = [
        ("done before", Some("m"), JobState::Absent, false, "s", None, Step::Done),
        ("done before, failed since", Some("m"), failed(1, 1), true, "s", None, Step::Done),
        ("another one done", Some("old"), JobState::Absent, true, "s", None, start(1)),
        ("first, no database", None, JobState::Absent, false, "s", None, Step::WaitForDatabase),
        ("first", None, JobState::Absent, true, "s", None, start(1)),
        ("running", None, running(), true, "s", None, Step::Wait),
        ("running, database away", None, running(), false, "s", None, Step::Wait),
        ("just done", None, JobState::Succeeded, true, "s", None, Step::Done),
        ("failed now", None, failed(0, 1), true, "s", None, Step::RetryAfter(minutes(1))),
        ("failed twice, a minute ago", None, failed(60, 2), true, "s", None, Step::RetryAfter(minutes(1))),
        ("failed seven times", None, failed(0, 7), true, "s", None, Step::RetryAfter(minutes(30))),
        ("retry is due", None, failed(60, 1), true, "s", None, clear(2)),
        ("retry is due, no database", None, failed(60, 1), false, "s", None, Step::WaitForDatabase),
        ("another password", None, failed(0, 5), true, "t", None, clear(1)),
        ("cleared", None, JobState::Absent, true, "s", Some(3), start(3)),
        ("being cleared", None, JobState::Leaving, true, "s", Some(3), Step::Wait),
    ];
    for (what, migrated, job, database_ready, inputs, announced, expected) in cases {
        let situation = Situation {
            wanted: "m",
            migrated,
            job,
            database_ready,
            inputs,
            stuck: false,
            announced,
            now: at(NOW),
        };
        assert_eq!(decide(&situation), expected, "{what}");
    }
}

#[test]
fn a_job_that_cannot_start_makes_way_for_one_with_other_inputs() {
    for (stuck, inputs, expected) in [
        (true, "t", Step::Clear { attempt: 1 }),
        (true, "s", Step::Wait),
        (false, "t", Step::Wait),
    ] {
        let situation = Situation {
            wanted: "m",
            migrated: None,
            job: running(),
            database_ready: true,
            inputs,
            stuck,
            announced: None,
            now: at(NOW),
        };
        assert_eq!(
            decide(&situation),
            expected,
            "stuck {stuck}, inputs {inputs}"
        );
    }
}

#[test]
fn a_job_is_read_by_its_conditions() {
    let job = |status: serde_json::Value| {
        let metadata = json!({"annotations": {ATTEMPT_ANNOTATION: "3", INPUTS_ANNOTATION: "s"}});
        serde_json::from_value::<Job>(json!({"metadata": metadata, "status": status})).unwrap()
    };
    assert_eq!(job_state(None), JobState::Absent);
    assert_eq!(job_state(Some(&job(json!({"active": 1})))), running());
    let complete = json!({"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]});
    assert_eq!(job_state(Some(&job(complete))), JobState::Succeeded);
    let ended =
        json!({"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": at(7)}]});
    let expected = JobState::Failed {
        at: at(7),
        attempt: 3,
        inputs: "s".to_owned(),
    };
    assert_eq!(job_state(Some(&job(ended))), expected);
}

#[test]
fn last_words_come_from_the_newest_pod_of_the_job() {
    let pod = |job: &str, second: i64, message: &str| {
        serde_json::from_value::<Pod>(json!({
            "metadata": {
                "creationTimestamp": at(second),
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": job, "uid": "u"}],
            },
            "status": {"containerStatuses": [{
                "name": "migrate", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 1, "message": message}},
            }]},
        }))
        .unwrap()
    };
    let words = r#"{"reason":"DatabaseUnreachable","message":"no answer from db:5432"}"#;
    let pods = [
        pod("m", 1, "old"),
        pod("m", 2, words),
        pod("other", 3, "else"),
    ];
    let found = last_words(&pods, "m").unwrap();
    assert_eq!(
        found.reason(Reason::MigrationFailed),
        Reason::DatabaseUnreachable
    );
    assert_eq!(found.message, "no answer from db:5432");
    assert_eq!(last_words(&pods, "none"), None);
}

#[test]
fn what_is_not_our_json_is_quoted_from_its_end() {
    assert_eq!(LastWords::read("  "), None);
    let long = format!("{}the cause", "ä".repeat(2000));
    let words = LastWords::read(&long).unwrap();
    assert!(words.message.ends_with("the cause") && words.message.len() <= LONGEST_QUOTE);
    assert_eq!(
        words.reason(Reason::MigrationFailed),
        Reason::MigrationFailed
    );
    let taken = LastWords::read(r#"{"reason":"DatabaseInUse","message":"m"}"#).unwrap();
    assert_eq!(taken.reason(Reason::MigrationFailed), Reason::DatabaseInUse);
    let logged = "{\"level\":\"info\"}\n{\"reason\":\"SchemaTooNew\",\"message\":\"m\"}";
    assert_eq!(
        LastWords::read(logged)
            .unwrap()
            .reason(Reason::MigrationFailed),
        Reason::SchemaTooNew
    );
}
