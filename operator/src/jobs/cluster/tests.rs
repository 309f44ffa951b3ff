//! A cluster's loops against a server that remembers, by the numbers of docs/jobs.md.
#![allow(clippy::unnecessary_wraps, reason = "answers are results")]

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use telecom_crds::Reason;

use super::*;
use crate::jobs::inputs::{Held, Remembered};
use crate::jobs::run::{Past, RunState, States};
use crate::jobs::settings::JobSettings;
use crate::stores::ClusterKey;

mod periods;
mod status;
mod walks;

fn at(text: &str) -> Timestamp {
    let seconds = if text.len() == 5 { ":00" } else { "" };
    format!("2026-03-04T{text}{seconds}Z").parse().unwrap()
}

/// All jobs at minute 0 of each hour.
const HOURLY: &str = "jobs: {refreshServerStatus: {schedule: '0 * * * *'}, packageExpiring: {schedule: '0 * * * *'}, \
    billTraffic: {schedule: '0 * * * *'}, recordNodeStatusHistory: {schedule: '0 * * * *'}, \
    refreshNodeStatusView: {schedule: '0 * * * *'}}";

fn inputs(spec: &str) -> Inputs {
    let spec = serde_yaml::from_str(spec).unwrap();
    let jobs = JobSettings::of(&spec, "uid").into_iter();
    Inputs {
        key: ClusterKey::new("default", "demo"),
        uid: "uid".to_owned(),
        generation: Some(1),
        created: at("09:30"),
        jobs: jobs.map(|job| (job.name, Arc::new(job))).collect(),
        status_interval: Duration::from_mins(5),
        held: None,
        away: false,
        address: Some("10.0.0.1:50051".to_owned()),
        request: None,
        reference: ObjectReference::default(),
        remembered: Remembered::default(),
        pods: None,
    }
}

/// Made a while ago if it is due hourly, else just now.
fn loops(spec: &str, now: &str) -> ClusterLoops {
    let mut given = inputs(spec);
    if spec != HOURLY {
        given.created = at(now);
    }
    ClusterLoops::new(Arc::new(given), at(now))
}

fn nothing(now: &str) -> Result<States, Refusal> {
    Ok(States {
        now: at(now),
        jobs: BTreeMap::new(),
    })
}

fn away<T>() -> Result<T, Refusal> {
    Err(Refusal::Unavailable("connection refused".to_owned()))
}

fn done(key: &RunKey, now: &str) -> Result<Run, Refusal> {
    let state = RunState::Succeeded { ended: at(now) };
    Ok(Run {
        key: key.clone(),
        state,
        started: at(now),
        took: Some(0.1),
        fresh: true,
    })
}

fn asked(step: &Step) -> Vec<(JobName, RunKey)> {
    step.asks
        .iter()
        .map(|(job, ask)| (*job, ask.key.clone()))
        .collect()
}

fn reason(step: &Step) -> Option<Reason> {
    let (report, _) = step.report.as_ref()?;
    report.healthy.reason.parse().ok()
}

#[test]
fn nothing_is_decided_before_it_is_known_what_ran() {
    let mut loops = loops(HOURLY, "10:01");
    let first = loops.look(at("10:01"));
    assert!(first.seed && first.asks.is_empty());
    assert_eq!(first.wake, Some(at("10:01:10")));
    let after = loops.learn(nothing("10:01"), at("10:01:02"));
    assert_eq!(after.asks.len(), 5);
    assert!(!after.seed);
}

#[test]
fn row_23_a_new_leader_takes_up_what_another_has_begun() {
    let mut loops = loops(HOURLY, "10:00");
    loops.look(at("10:00"));
    let run = Run {
        key: RunKey::Slot(at("10:00")),
        state: RunState::Succeeded { ended: at("10:00") },
        started: at("10:00"),
        took: Some(0.1),
        fresh: false,
    };
    let past = Past {
        latest: Some(run),
        ..Past::default()
    };
    let jobs = JobName::ALL
        .into_iter()
        .map(|job| (job, past.clone()))
        .collect();
    let step = loops.learn(
        Ok(States {
            now: at("10:00"),
            jobs,
        }),
        at("10:00:01"),
    );
    assert!(step.asks.is_empty(), "each has run: {step:?}");
}

#[test]
fn without_an_answer_the_status_has_to_do() {
    let mut given = inputs(HOURLY);
    let mut before = loops(HOURLY, "09:40");
    before.look(at("09:40"));
    before.learn(nothing("09:40"), at("09:40"));
    let key = RunKey::Slot(at("10:00"));
    before.look(at("10:00"));
    before.answer(JobName::BillTraffic, &key, done(&key, "10:00"), at("10:00"));
    let report = summary::report(
        &before,
        &summary::Health::remembered(None, at("10:00")),
        at("10:00"),
    );
    given.remembered.jobs = report.jobs;
    let mut loops = ClusterLoops::new(Arc::new(given), at("10:05"));
    assert!(loops.look(at("10:05")).seed);
    assert!(loops.learn(away(), at("10:05:03")).asks.is_empty());
    let step = loops.look(at("10:05:10"));
    let jobs: Vec<_> = asked(&step).into_iter().map(|(job, _)| job).collect();
    // The status's own slot was of 300 s ago, so that the history has missed it.
    let expected = [
        JobName::RefreshServerStatus,
        JobName::PackageExpiring,
        JobName::RefreshNodeStatusView,
    ];
    assert_eq!(jobs, expected, "billTraffic has run by the status");
}

#[test]
fn row_26_no_server_is_wanted() {
    let mut given = inputs(HOURLY);
    given.held = Some(Held::ScaledToZero);
    let mut loops = ClusterLoops::new(Arc::new(given), at("09:31"));
    let first = loops.look(at("09:31"));
    assert_eq!(reason(&first), Some(Reason::ScaledToZero));
    for now in ["10:00", "11:00", "12:01"] {
        let step = loops.look(at(now));
        assert!(
            step.asks.is_empty()
                && !step.seed
                && step.happened.is_empty()
                && step.notices.is_empty()
        );
    }
    loops.update(Arc::new(inputs(HOURLY)), at("12:10"));
    assert!(loops.look(at("12:10")).seed);
    let step = loops.learn(nothing("12:10"), at("12:10"));
    let slots: Vec<_> = asked(&step).into_iter().map(|(_, key)| key).collect();
    assert_eq!(
        slots,
        vec![RunKey::Slot(at("12:00")); 4],
        "the latest, but for the history that is too late"
    );
    assert!(
        step.notices.is_empty() && step.happened.is_empty(),
        "none is missed: {step:?}"
    );
}

#[test]
fn row_26_a_server_that_is_wanted_again_is_waited_for() {
    let mut given = inputs(HOURLY);
    given.held = Some(Held::ScaledToZero);
    given.away = true;
    let mut loops = ClusterLoops::new(Arc::new(given.clone()), at("09:31"));
    loops.look(at("09:31"));
    given.held = None;
    let mut reasons = Vec::new();
    // As often as its Pods change while it starts.
    for now in ["09:59:50", "09:59:55", "11:01"] {
        loops.update(Arc::new(given.clone()), at(now));
        let step = loops.look(at(now));
        assert!(step.asks.is_empty() && !step.seed && step.notices.is_empty());
        assert!(step.happened.is_empty(), "none is missed: {step:?}");
        reasons.extend(reason(&step));
    }
    reasons.dedup();
    assert_eq!(reasons, [Reason::WaitingForServer]);
    given.away = false;
    loops.update(Arc::new(given.clone()), at("11:10"));
    assert!(loops.look(at("11:10")).seed);
    // Gone once more it is away, and what is due is asked for.
    loops.learn(nothing("11:10"), at("11:10"));
    given.away = true;
    loops.update(Arc::new(given), at("11:59"));
    assert!(!loops.look(at("12:00")).asks.is_empty());
}

#[test]
fn row_30_a_migration_is_waited_for() {
    let mut held = inputs(HOURLY);
    held.held = Some(Held::Migrating);
    let mut loops = loops(HOURLY, "09:50");
    loops.look(at("09:50"));
    loops.learn(nothing("09:50"), at("09:50"));
    loops.update(Arc::new(held), at("09:59"));
    assert!(loops.look(at("10:00")).asks.is_empty());
    loops.update(Arc::new(inputs(HOURLY)), at("10:02"));
    let step = loops.look(at("10:02"));
    assert_eq!(step.asks.len(), 5, "then the latest slot");
    assert!(step.notices.is_empty());
}

#[test]
fn row_29_another_clusters_database() {
    let mut loops = loops("{}", "10:00");
    loops.look(at("10:00"));
    let other = || Refusal::DatabaseInUse {
        owner: "other".to_owned(),
    };
    let step = loops.learn(Err(other()), at("10:00"));
    assert_eq!(reason(&step), Some(Reason::DatabaseInUse));
    let (report, _) = step.report.unwrap();
    assert_eq!(
        report.healthy.message,
        "No job runs: the database belongs to the TelecomCluster with uid other."
    );
    let mut questions = 0;
    let mut now = at("10:00");
    while now < at("10:05") {
        let step = loops.look(now);
        questions += step.asks.len() + usize::from(step.seed);
        for (job, ask) in step.asks {
            loops.answer(job, &ask.key, Err(other()), now);
        }
        if step.seed {
            loops.learn(Err(other()), now);
        }
        now = now.checked_add(SignedDuration::from_secs(1)).unwrap();
    }
    assert!(
        questions <= 30,
        "six a minute at most, not {questions} in five"
    );
}

#[test]
fn row_29_a_database_that_was_restored_runs_nothing_again() {
    let mut loops = loops(HOURLY, "09:50");
    loops.look(at("09:50"));
    loops.learn(nothing("09:50"), at("09:50"));
    for (job, key) in asked(&loops.look(at("10:00"))) {
        loops.answer(job, &key, done(&key, "10:00"), at("10:00"));
    }
    // Away, and back with the state of before 10:00.
    let step = loops.look(at("11:00"));
    let key = RunKey::Slot(at("11:00"));
    assert_eq!(step.asks.len(), 5);
    loops.answer(JobName::BillTraffic, &key, away(), at("11:00"));
    assert!(loops.look(at("11:00:02")).seed, "who comes back is asked");
    let step = loops.learn(nothing("11:00:02"), at("11:00:02"));
    assert!(
        asked(&step)
            .iter()
            .all(|(_, key)| key.slot() > Some(at("10:00"))),
        "{step:?}"
    );
}

#[test]
fn a_run_that_somebody_asks_for() {
    let mut given = inputs("jobs: {billTraffic: {schedule: '0 0 1 1 *', suspend: true}}");
    let mut loops = ClusterLoops::new(Arc::new(given.clone()), at("10:01"));
    loops.look(at("10:01"));
    loops.learn(nothing("10:01"), at("10:01"));
    given.request = Some("billTraffic@now".to_owned());
    loops.update(Arc::new(given.clone()), at("10:02"));
    let step = loops.look(at("10:02"));
    let wanted = asked(&step)
        .into_iter()
        .find(|(job, _)| *job == JobName::BillTraffic);
    let key = wanted.unwrap().1;
    assert_eq!(key, RunKey::requested("uid", "billTraffic@now"));
    let step = loops.answer(
        JobName::BillTraffic,
        &key,
        done(&key, "10:02"),
        at("10:02:01"),
    );
    assert!(
        step.notices
            .iter()
            .any(|(_, notice)| matches!(notice, Notice::Requested { error: None, .. }))
    );
    let (report, edge) = step.report.unwrap();
    assert!(edge && report.last_handled_request == given.request);
    let again = asked(&loops.look(at("10:03")));
    assert!(
        again.iter().all(|(job, _)| *job != JobName::BillTraffic),
        "once for each value"
    );
}

#[test]
fn a_request_waits_for_the_run_that_goes_on_and_for_the_server() {
    let mut given = inputs(HOURLY);
    given.request = Some("billTraffic@1".to_owned());
    given.held = Some(Held::ScaledToZero);
    let mut loops = ClusterLoops::new(Arc::new(given.clone()), at("10:01"));
    assert!(loops.look(at("10:01")).asks.is_empty());
    given.held = None;
    loops.update(Arc::new(given), at("10:05"));
    loops.look(at("10:05"));
    let step = loops.learn(nothing("10:05"), at("10:05"));
    let of_billing = |step: &Step| -> Vec<RunKey> {
        let all = asked(step)
            .into_iter()
            .filter(|(job, _)| *job == JobName::BillTraffic);
        all.map(|(_, key)| key).collect()
    };
    let request = RunKey::requested("uid", "billTraffic@1");
    assert_eq!(of_billing(&step), std::slice::from_ref(&request));
    let other = RunKey::Slot(at("10:00"));
    let busy = Err(Refusal::JobActive { key: other.clone() });
    let step = loops.answer(JobName::BillTraffic, &request, busy, at("10:05"));
    assert_eq!(
        of_billing(&step),
        std::slice::from_ref(&other),
        "the other is followed"
    );
    let step = loops.answer(
        JobName::BillTraffic,
        &other,
        done(&other, "10:06"),
        at("10:06"),
    );
    assert_eq!(of_billing(&step), [request]);
}

#[test]
fn what_is_no_request_is_told_once() {
    for value in ["billTraffic", "billTraffic@", "bill@1", ""] {
        let mut given = inputs("{}");
        given.request = Some(value.to_owned());
        let mut loops = ClusterLoops::new(Arc::new(given), at("10:01"));
        let step = loops.look(at("10:01"));
        let told = |step: &Step| {
            step.notices
                .iter()
                .filter(|(_, notice)| matches!(notice, Notice::BadRequest { .. }))
                .count()
        };
        assert_eq!(
            (told(&step), told(&loops.look(at("10:02")))),
            (1, 0),
            "{value}"
        );
    }
}
