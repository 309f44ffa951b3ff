//! What the status says, worst first.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::jobs::run::{Run, RunKey, RunState, States};
use crate::jobs::{inputs::Inputs, settings::JobSettings};
use telecom_crds::JobName;

fn at(text: &str) -> Timestamp {
    format!("2026-03-04T{text}Z").parse().unwrap()
}

fn loops(spec: &str) -> ClusterLoops {
    let spec = serde_yaml::from_str(spec).unwrap();
    let jobs = JobSettings::of(&spec, "uid").into_iter();
    let inputs = Inputs {
        key: ClusterKey::new("default", "demo"),
        uid: "uid".to_owned(),
        generation: Some(3),
        created: at("09:30:00"),
        jobs: jobs.map(|job| (job.name, Arc::new(job))).collect(),
        status_interval: std::time::Duration::from_mins(5),
        held: None,
        away: false,
        address: Some("10.0.0.1:50051".to_owned()),
        request: None,
        reference: k8s_openapi::api::core::v1::ObjectReference::default(),
        remembered: crate::jobs::inputs::Remembered::default(),
        pods: None,
    };
    let mut loops = ClusterLoops::new(Arc::new(inputs), at("09:59:00"));
    loops.look(at("09:59:00"));
    loops.learn(
        Ok(States {
            now: at("09:59:00"),
            jobs: BTreeMap::new(),
        }),
        at("09:59:00"),
    );
    loops
}

fn end(loops: &mut ClusterLoops, job: JobName, state: RunState) {
    let step = loops.look(at("10:00:00"));
    let ask = step.asks.into_iter().find(|(of, _)| *of == job);
    let key = ask.map_or(RunKey::Slot(at("10:00:00")), |(_, ask)| ask.key);
    let run = Run {
        key: key.clone(),
        state,
        started: at("10:00:00"),
        took: Some(0.1),
        fresh: true,
    };
    loops.answer(job, &key, Ok(run), at("10:00:00"));
}

fn said(loops: &ClusterLoops) -> (Reason, String) {
    let finding = health(loops, at("10:00:05"));
    (finding.reason, finding.message)
}

const SPARSE: &str = "jobs: {billTraffic: {schedule: '0 * * * *'}, packageExpiring: {schedule: '0 * * * *', suspend: true}, \
    refreshServerStatus: {interval: 24h}}";

#[test]
fn what_ran_last_and_what_is_next() {
    let mut loops = loops(SPARSE);
    end(
        &mut loops,
        JobName::BillTraffic,
        RunState::Succeeded {
            ended: at("10:00:01"),
        },
    );
    let report = report(
        &loops,
        &Health::remembered(None, at("10:00:05")),
        at("10:00:05"),
    );
    assert_eq!(
        report.last_job.as_deref(),
        Some("billTraffic 2026-03-04T10:00:00Z succeeded")
    );
    assert_eq!(
        report.next_job.as_deref(),
        Some("refreshNodeStatusView 2026-03-04T10:05:00Z")
    );
    insta::assert_yaml_snapshot!(report.jobs[2]);
    let message = "Every job runs when it is due; suspended: packageExpiring.";
    assert_eq!(said(&loops), (Reason::JobsRunning, message.to_owned()));
}

#[test]
fn failures_say_of_which_job_and_why() {
    let mut loops = loops(SPARSE);
    let error = RunState::Failed {
        error: "timed out after 10 minutes".to_owned(),
    };
    end(&mut loops, JobName::BillTraffic, error);
    let message = "billTraffic failed: timed out after 10 minutes";
    assert_eq!(said(&loops), (Reason::JobFailing, message.to_owned()));
}

#[test]
fn a_status_changes_its_time_with_its_value_alone() {
    let finding =
        |verdict: bool, reason| Finding::new(ConditionType::JobsHealthy, verdict, reason, "");
    let mut health = Health::remembered(None, at("09:00:00"));
    assert!(health.becomes(finding(true, Reason::JobsRunning), at("10:00:00")));
    assert!(!health.becomes(finding(true, Reason::JobsRunning), at("10:01:00")));
    assert!(health.becomes(finding(false, Reason::JobFailing), at("10:02:00")));
    assert!(
        health.becomes(finding(false, Reason::MissedSchedule), at("10:03:00")),
        "another reason is news"
    );
    assert_eq!(health.since, at("10:02:00"));
}
