//! What the server says, in our words.

use std::collections::HashMap;

use jiff::Timestamp;
use prost_types::Timestamp as ProtoTimestamp;
use telecom_crds::JobName;
use telecom_proto::v1 as proto;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::jobs::run::{Past, Refusal, Run, RunKey, RunState};

/// What an error says that somebody can act on.
pub(super) fn refusal(status: &Status) -> Refusal {
    let details = status.get_details_error_info();
    let facts = details
        .as_ref()
        .map(|info| (info.reason.as_str(), &info.metadata));
    let told = match facts {
        Some(("JOB_ACTIVE", facts)) => key(facts).map(|key| Refusal::JobActive { key }),
        Some(("CLOCK_AHEAD", facts)) => moment(facts, "now").map(|now| Refusal::ClockAhead { now }),
        Some(("SLOT_SUPERSEDED", facts)) => {
            moment(facts, "scheduled_at").map(|latest| Refusal::Superseded { latest })
        }
        Some(("DATABASE_IN_USE", facts)) => {
            facts
                .get("cluster_uid")
                .map(|owner| Refusal::DatabaseInUse {
                    owner: owner.clone(),
                })
        }
        _ => None,
    };
    told.unwrap_or_else(|| match status.code() {
        Code::Unimplemented => Refusal::Unsupported,
        Code::Unauthenticated | Code::PermissionDenied => {
            Refusal::Unauthenticated(status.message().to_owned())
        }
        _ => Refusal::Unavailable(sentence(status)),
    })
}

/// Where nothing answered, the library's own words hide why.
fn sentence(status: &Status) -> String {
    let mut cause = std::error::Error::source(status);
    let mut deepest = None;
    while let Some(error) = cause {
        deepest = Some(error.to_string());
        cause = error.source();
    }
    match deepest {
        Some(why) => format!("the server does not answer: {why}"),
        None => status.message().to_owned(),
    }
}

type Facts = HashMap<String, String>;

fn moment(facts: &Facts, name: &str) -> Option<Timestamp> {
    facts.get(name)?.parse().ok()
}

fn key(facts: &Facts) -> Option<RunKey> {
    let request = || facts.get("request_id").cloned().map(RunKey::Request);
    moment(facts, "scheduled_at")
        .map(RunKey::Slot)
        .or_else(request)
}

pub(super) fn past(state: proto::JobState) -> Past {
    Past {
        latest: state.latest.and_then(|latest| run(latest, false)),
        active: state.active.and_then(|active| run(active, false)),
        last_success: state.last_success_at.and_then(time),
        consecutive_failures: state.consecutive_failures,
    }
}

pub(super) fn run(run: proto::JobRun, fresh: bool) -> Option<Run> {
    let started = run.started_at.and_then(time)?;
    let ended = run.ended_at.and_then(time);
    let state = match run.state() {
        proto::JobRunState::Running => RunState::Running,
        proto::JobRunState::Succeeded => RunState::Succeeded { ended: ended? },
        proto::JobRunState::Failed => RunState::Failed {
            error: run.error.clone(),
        },
        proto::JobRunState::Unspecified => return None,
    };
    let key = match run.key? {
        proto::job_run::Key::ScheduledAt(slot) => RunKey::Slot(time(slot)?),
        proto::job_run::Key::RequestId(id) => RunKey::Request(id),
    };
    let took = ended.map(|ended| ended.duration_since(started).as_secs_f64());
    Some(Run {
        key,
        state,
        started,
        took,
        fresh,
    })
}

pub(super) fn time(at: ProtoTimestamp) -> Option<Timestamp> {
    Timestamp::new(at.seconds, at.nanos).ok()
}

pub(super) fn proto_time(at: Timestamp) -> ProtoTimestamp {
    ProtoTimestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}

const NAMES: [(JobName, proto::Job); 5] = [
    (
        JobName::RefreshServerStatus,
        proto::Job::RefreshServerStatus,
    ),
    (JobName::PackageExpiring, proto::Job::PackageExpiring),
    (JobName::BillTraffic, proto::Job::BillTraffic),
    (
        JobName::RecordNodeStatusHistory,
        proto::Job::RecordNodeStatusHistory,
    ),
    (
        JobName::RefreshNodeStatusView,
        proto::Job::RefreshNodeStatusView,
    ),
];

pub(super) fn proto_job(name: JobName) -> proto::Job {
    let found = NAMES.iter().find(|(ours, _)| *ours == name);
    found.map_or(proto::Job::Unspecified, |(_, theirs)| *theirs)
}

pub(super) fn crd_job(job: proto::Job) -> Option<JobName> {
    let found = NAMES.iter().find(|(_, theirs)| *theirs == job);
    found.map(|(ours, _)| *ours)
}

#[cfg(test)]
mod tests {
    //! What errors of a server mean.

    use tonic_types::ErrorDetails;

    use super::*;

    fn told(reason: &str, facts: &[(&str, &str)]) -> Refusal {
        let facts = facts
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let details =
            ErrorDetails::with_error_info(reason, "telecom.dev", facts.collect::<Facts>());
        refusal(&Status::with_error_details(
            Code::FailedPrecondition,
            "no",
            details,
        ))
    }

    #[test]
    fn reasons_of_the_server_are_understood() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let active = told(
            "JOB_ACTIVE",
            &[
                ("scheduled_at", "2026-03-04T10:00:00Z"),
                ("started_at", "2026-03-04T10:00:01Z"),
            ],
        );
        assert_eq!(
            active,
            Refusal::JobActive {
                key: RunKey::Slot(at("2026-03-04T10:00:00Z"))
            }
        );
        let active = told("JOB_ACTIVE", &[("request_id", "a")]);
        assert_eq!(
            active,
            Refusal::JobActive {
                key: RunKey::Request("a".to_owned())
            }
        );
        let ahead = told("CLOCK_AHEAD", &[("now", "2026-03-04T09:00:00.5Z")]);
        assert_eq!(
            ahead,
            Refusal::ClockAhead {
                now: at("2026-03-04T09:00:00.5Z")
            }
        );
        let late = told(
            "SLOT_SUPERSEDED",
            &[("scheduled_at", "2026-03-04T11:00:00Z")],
        );
        assert_eq!(
            late,
            Refusal::Superseded {
                latest: at("2026-03-04T11:00:00Z")
            }
        );
        let other = told("DATABASE_IN_USE", &[("cluster_uid", "u")]);
        assert_eq!(
            other,
            Refusal::DatabaseInUse {
                owner: "u".to_owned()
            }
        );
    }

    #[test]
    fn row_27_codes_without_a_reason() {
        let of = |code| refusal(&Status::new(code, "words"));
        assert_eq!(of(Code::Unimplemented), Refusal::Unsupported);
        for code in [Code::Unauthenticated, Code::PermissionDenied] {
            assert_eq!(of(code), Refusal::Unauthenticated("words".to_owned()));
        }
        for code in [
            Code::Unavailable,
            Code::DeadlineExceeded,
            Code::Internal,
            Code::FailedPrecondition,
        ] {
            assert_eq!(of(code), Refusal::Unavailable("words".to_owned()));
        }
    }

    #[test]
    fn every_job_has_a_name_on_both_sides() {
        for name in JobName::ALL {
            assert_eq!(crd_job(proto_job(name)), Some(name));
        }
    }
}
