//! What the loop of a job makes of answers, by the numbers of docs/jobs.md.
#![allow(clippy::unnecessary_wraps, reason = "answers are results")]

use jiff::SignedDuration;

use super::*;
use crate::jobs::run::Run;
use crate::jobs::settings::JobSettings;
use telecom_crds::JobName;

mod refusals;

/// A time on 4 March 2026.
fn at(text: &str) -> Timestamp {
    let seconds = if text.len() == 5 { ":00" } else { "" };
    format!("2026-03-04T{text}{seconds}Z").parse().unwrap()
}

fn settings(job: &str) -> Arc<JobSettings> {
    let spec = serde_yaml::from_str(&format!("jobs: {{billTraffic: {job}}}")).unwrap();
    let mut all = JobSettings::of(&spec, "uid").into_iter();
    Arc::new(all.find(|job| job.name == JobName::BillTraffic).unwrap())
}

const HOURLY: &str = "{schedule: '0 * * * *'}";

/// A loop of a cluster that was made at 09:30.
fn job(spec: &str) -> JobLoop {
    JobLoop::new(settings(spec), None, at("09:30"), at("09:30"))
}

fn slot(text: &str) -> RunKey {
    RunKey::Slot(at(text))
}

fn run(key: &RunKey, state: RunState) -> Result<Run, Refusal> {
    let took = (state != RunState::Running).then_some(1.5);
    let started = key.slot().unwrap_or(at("10:00"));
    Ok(Run {
        key: key.clone(),
        state,
        started,
        took,
        fresh: true,
    })
}

fn done(key: &RunKey) -> Result<Run, Refusal> {
    run(
        key,
        RunState::Succeeded {
            ended: at("10:00:01"),
        },
    )
}

fn failed(key: &RunKey) -> Result<Run, Refusal> {
    run(
        key,
        RunState::Failed {
            error: "no such table".to_owned(),
        },
    )
}

fn away() -> Result<Run, Refusal> {
    Err(Refusal::Unavailable("connection refused".to_owned()))
}

/// The run that is asked for at that moment.
fn asked(job: &mut JobLoop, now: &str) -> Option<RunKey> {
    job.look(false, at(now)).ask.map(|ask| ask.key)
}

#[test]
fn row_4_one_run_and_what_is_counted_of_it() {
    let mut job = job(HOURLY);
    assert_eq!(asked(&mut job, "10:01"), Some(slot("10:00")));
    assert_eq!(asked(&mut job, "10:02"), None, "it is asked once");
    let outcome = job.answer(&slot("10:00"), done(&slot("10:00")), at("10:02"));
    assert_eq!(
        outcome.happened,
        [Happened::Began(0.0), Happened::Succeeded(Some(1.5))]
    );
    assert!(outcome.notices.is_empty(), "no event for a success");
    assert_eq!(job.record().last_success, Some(at("10:00:01")));
    assert_eq!(asked(&mut job, "10:59"), None);
    assert_eq!(asked(&mut job, "11:00"), Some(slot("11:00")));
}

#[test]
fn row_10_the_latest_slot_starts_when_the_active_run_ends() {
    let mut job = job(HOURLY);
    let first = asked(&mut job, "10:00").unwrap();
    job.answer(&first, run(&first, RunState::Running), at("10:00:02"));
    // It is looked at again and again while it goes on.
    let follow = job.look(false, at("10:00:03"));
    assert_eq!(
        follow.ask,
        Some(Ask {
            key: first.clone(),
            follow: true
        })
    );
    job.answer(&first, run(&first, RunState::Running), at("12:10"));
    let overlap = job.look(false, at("12:10"));
    assert_eq!(
        overlap.notices,
        [Notice::AlreadyActive { slot: at("12:00") }]
    );
    assert!(job.look(false, at("12:10")).notices.is_empty(), "told once");
    job.look(false, at("12:11"));
    job.answer(&first, done(&first), at("12:12"));
    let second = asked(&mut job, "12:12").unwrap();
    assert_eq!(second, slot("12:00"), "11:00 is passed over");
    // The next overlap is of the same streak.
    job.answer(&second, run(&second, RunState::Running), at("12:13"));
    job.look(false, at("13:00")).ask.unwrap();
    job.answer(&second, run(&second, RunState::Running), at("13:00"));
    assert!(job.look(false, at("13:00")).notices.is_empty());
    job.look(false, at("13:02"));
    job.answer(&second, done(&second), at("13:02"));
    let third = asked(&mut job, "13:02").unwrap();
    job.answer(&third, done(&third), at("13:03"));
    // One that ended in time ends it.
    let fourth = asked(&mut job, "14:00").unwrap();
    job.answer(&fourth, run(&fourth, RunState::Running), at("14:00"));
    job.look(false, at("14:30"));
    job.answer(&fourth, run(&fourth, RunState::Running), at("15:00"));
    assert_eq!(job.look(false, at("15:00")).notices.len(), 1);
}

#[test]
fn row_10_the_run_of_another_is_waited_for() {
    let mut job = job(HOURLY);
    let ours = asked(&mut job, "10:00").unwrap();
    let theirs = RunKey::Request("of somebody".to_owned());
    job.answer(
        &ours,
        Err(Refusal::JobActive {
            key: theirs.clone(),
        }),
        at("10:00"),
    );
    let look = job.look(false, at("10:00"));
    assert_eq!(
        look.ask,
        Some(Ask {
            key: theirs.clone(),
            follow: true
        })
    );
    let ended = job.answer(&theirs, done(&theirs), at("10:05")).ended;
    assert_eq!(ended, Some((theirs, None)));
    assert_eq!(asked(&mut job, "10:05"), Some(ours), "still due");
}

#[test]
fn row_14_a_run_that_was_begun_by_a_leader_that_died() {
    let mut job = job(HOURLY);
    let active = run(&slot("10:00"), RunState::Running).unwrap();
    let past = Past {
        latest: Some(active.clone()),
        active: Some(active),
        ..Past::default()
    };
    job.learn(&past, false, at("10:01"));
    let look = job.look(false, at("10:01"));
    assert_eq!(
        look.ask,
        Some(Ask {
            key: slot("10:00"),
            follow: true
        }),
        "the same key"
    );
    job.answer(&slot("10:00"), done(&slot("10:00")), at("10:02"));
    assert_eq!(asked(&mut job, "10:02"), None);
}

#[test]
fn row_15_no_server_at_the_slot_is_one_failure() {
    let mut job = job("{schedule: '0 * * * *', startingDeadlineSeconds: 60}");
    let (mut now, mut questions, mut failures) = (at("10:00"), 0, 0);
    let mut pauses = Vec::new();
    while now < at("10:59") {
        let look = job.look(false, now);
        failures += look
            .happened
            .iter()
            .filter(|happened| matches!(happened, Happened::Failed(_)))
            .count();
        if let Some(ask) = look.ask {
            questions += 1;
            job.answer(&ask.key, away(), now);
        } else {
            let wake = look.wake.unwrap();
            assert!(wake > now, "row 21: {wake}");
            pauses.push(wake.duration_since(now).as_millis());
            now = wake;
        }
    }
    assert_eq!(failures, 1);
    assert!(
        (8..20).contains(&questions),
        "{questions} questions in a minute"
    );
    assert_eq!(pauses[..7], [250, 500, 1000, 2000, 4000, 8000, 10_000]);
    let error = job.record().last_error.clone().unwrap();
    assert_eq!(error, "it could not be started in time: connection refused");
    assert_eq!(
        asked(&mut job, "11:00"),
        Some(slot("11:00")),
        "next slot as usual"
    );
}

#[test]
fn row_15_a_server_that_comes_back_within_the_deadline() {
    let mut job = job(HOURLY);
    let key = asked(&mut job, "10:00").unwrap();
    job.answer(&key, away(), at("10:00"));
    assert_eq!(asked(&mut job, "10:00"), None, "not at once");
    let key = asked(&mut job, "10:00:01").unwrap();
    let outcome = job.answer(&key, done(&key), at("10:00:02"));
    assert!(outcome.notices.is_empty() && job.record().consecutive_failures == 0);
    assert_eq!(job.trouble(), None);
}

#[test]
fn row_15_what_could_not_be_started_is_recovered_from_by_a_run() {
    let mut job = job("{schedule: '0 * * * *', startingDeadlineSeconds: 60}");
    let key = asked(&mut job, "10:00").unwrap();
    job.answer(&key, away(), at("10:00"));
    job.look(false, at("10:02"));
    assert_eq!(job.record().consecutive_failures, 1);
    // The server is back and knows nothing of a failure.
    job.learn(&Past::default(), false, at("10:03"));
    assert_eq!(job.record().consecutive_failures, 1);
    let key = asked(&mut job, "11:00").unwrap();
    let outcome = job.answer(&key, done(&key), at("11:00:01"));
    assert_eq!(outcome.notices, [Notice::Recovered { failures: 1 }]);
    // Another leader has seen it end well.
    job.answer(&slot("12:00"), failed(&slot("12:00")), at("12:00"));
    job.learn(
        &Past {
            last_success: Some(at("12:30")),
            ..Past::default()
        },
        false,
        at("12:31"),
    );
    assert_eq!(job.record().consecutive_failures, 0);
}

#[test]
fn row_19_an_edit_counts_from_when_it_was_seen() {
    let mut job = job(HOURLY);
    assert!(job.edit(&settings("{schedule: '30 * * * *'}"), at("10:45")));
    assert_eq!(asked(&mut job, "11:29"), None, "10:30 is before the edit");
    assert_eq!(asked(&mut job, "11:30"), Some(slot("11:30")));
    assert!(job.edit(
        &settings("{schedule: '30 * * * *', suspend: true}"),
        at("11:31")
    ));
}

#[test]
fn row_19_an_edit_while_nobody_was_there() {
    let mut old = job(HOURLY);
    let key = asked(&mut old, "10:00").unwrap();
    old.answer(&key, done(&key), at("10:01"));
    let status = |hash: &str| telecom_crds::JobStatus {
        name: "billTraffic".to_owned(),
        schedule: "0 * * * * UTC".to_owned(),
        schedule_hash: hash.to_owned(),
        anchor: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at("09:30")),
        suspended: false,
        active: false,
        last_schedule_time: None,
        last_success_time: None,
        last_result: None,
        last_error: None,
        next_schedule_time: None,
        consecutive_failures: 0,
    };
    let new = settings("{schedule: '30 * * * *'}");
    let same = status(&new.hash);
    let mut same = JobLoop::new(Arc::clone(&new), Some(&same), at("09:30"), at("10:40"));
    assert_eq!(asked(&mut same, "10:40"), Some(slot("10:30")));
    let other = status(&settings(HOURLY).hash);
    let mut other = JobLoop::new(new, Some(&other), at("09:30"), at("10:40"));
    assert_eq!(asked(&mut other, "10:40"), None, "nothing retroactive");
    assert_eq!(asked(&mut other, "11:30"), Some(slot("11:30")));
}
