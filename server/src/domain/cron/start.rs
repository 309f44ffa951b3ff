//! Begins the run of a key, or tells how it stands: one key has one run, one job has one run at a time.

use std::time::Duration;

use serde_json::json;

use super::TelecomCronExecutor;
use super::attempt::Attempt;
use super::runs::Stale;
use crate::domain::{Context, DomainError, Kind, Obstacle, Processor, Thing};
use crate::jobs::{Job, JobKey, JobRun, rfc3339};
use crate::store::audit::Entry;
use crate::store::job_runs::{self, Seen};
use crate::store::{Transaction, audit, retry_conflicts};

/// How far a slot may be after the database's time: clocks are not all alike.
pub(super) const AHEAD: Duration = Duration::from_secs(5);

/// Begins the run of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartJob {
    /// Which job.
    pub job: Job,
    /// What the run is known by.
    pub key: JobKey,
    /// How long it may take over all attempts.
    pub timeout: Duration,
    /// The cluster that the database has to belong to.
    pub cluster_uid: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Start {
    /// The run of the key, or what stands in its way.
    pub answer: Result<JobRun, Obstacle>,
    /// Whether the run was begun now.
    pub begun: bool,
    /// What is to be done now: for the run of the key, or for the one in its way that nobody went on with.
    pub attempt: Option<Attempt>,
}

impl Processor<StartJob> for TelecomCronExecutor {
    type Output = Start;

    async fn process(&self, context: &Context, input: StartJob) -> Result<Start, DomainError> {
        let input = &input;
        retry_conflicts(|| self.start(context, input)).await
    }
}

impl TelecomCronExecutor {
    async fn start(&self, context: &Context, input: &StartJob) -> Result<Start, DomainError> {
        let StartJob { job, key, .. } = input;
        let mut transaction = self.runs.write(context.deadline).await?;
        // Two who begin runs of a job see what the other one did.
        job_runs::lock(&mut transaction, *job).await?;
        let mut seen = job_runs::look(&mut transaction, *job, key, AHEAD).await?;
        check_owner(input.cluster_uid.as_deref(), seen.owner.as_deref())?;
        let (mut attempt, mut failed) = (None, None);
        let now = seen.now;
        if let Some(run) = seen.active.as_ref().filter(|run| run.is_stale(now)) {
            match self.runs.take_over(&mut transaction, run, now).await? {
                Stale::Resumed(resumed) => attempt = Some(*resumed),
                Stale::Failed(run) => failed = Some(run),
                Stale::Taken => {}
            }
            seen = job_runs::look(&mut transaction, *job, key, AHEAD).await?;
        }
        let (answer, begun) = match decide(seen, key) {
            Decision::Known(run) => (Ok(run), false),
            Decision::Not(obstacle) => (Err(obstacle), false),
            Decision::Begin => {
                let runs = &self.runs;
                let new = runs.begin(&mut transaction, *job, key, input.timeout);
                let new = new.await?;
                note(&mut transaction, context, new.run()).await?;
                let run = new.run().clone();
                attempt = Some(new);
                (Ok(run), true)
            }
        };
        transaction.commit().await?;
        if let Some(run) = &failed {
            self.runs.ended(run);
        }
        Ok(Start {
            answer,
            begun,
            attempt,
        })
    }
}

/// Refuses whoever takes another cluster's database for their own.
pub(super) fn check_owner(wanted: Option<&str>, owner: Option<&str>) -> Result<(), Obstacle> {
    match (wanted, owner) {
        (Some(wanted), Some(owner)) if wanted != owner => Err(Obstacle::DatabaseInUse {
            owner: owner.to_owned(),
        }),
        _ => Ok(()),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// The key has a run.
    Known(JobRun),
    /// It is not to have one, now or ever.
    Not(Obstacle),
    /// It gets one.
    Begin,
}

/// What is known of a key is always told; what stands in its way for good comes before what will pass.
fn decide(seen: Seen, key: &JobKey) -> Decision {
    if let Some(run) = seen.of_key {
        return Decision::Known(run);
    }
    if let JobKey::Slot(slot) = key {
        if *slot > seen.now + AHEAD {
            return Decision::Not(Obstacle::ClockAhead { now: seen.now });
        }
        if let Some(latest) = seen.latest_slot.filter(|latest| slot < latest) {
            return Decision::Not(Obstacle::SlotSuperseded { latest });
        }
    }
    match seen.active {
        Some(run) => Decision::Not(Obstacle::JobActive(Box::new(run))),
        None => Decision::Begin,
    }
}

/// Runs that an administrator asks for leave a row in the audit log; those of the operator are its work.
async fn note(
    transaction: &mut Transaction,
    context: &Context,
    run: &JobRun,
) -> Result<(), DomainError> {
    if !context.caller.is_admin() {
        return Ok(());
    }
    let entry = Entry {
        actor: &context.caller.to_string(),
        method: "RunJob",
        target: Thing::new(Kind::JobRun, run.id).target(),
        before: None,
        after: Some(json!({
            "job": run.job.as_str(),
            "scheduled_at": run.key.slot().map(rfc3339),
            "request_id": run.key.request(),
        })),
        trace_id: &context.trace_id,
    };
    Ok(audit::append(transaction, &entry).await?)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;
    use crate::jobs::{Fence, JobRunState};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn run(key: JobKey, state: JobRunState) -> JobRun {
        JobRun {
            id: 1,
            job: Job::BillTraffic,
            key,
            state,
            attempt: 1,
            handed_over: 0,
            fence: Fence { run: 1, token: 1 },
            lease_until: at(115),
            deadline: at(700),
            started_at: at(100),
            ended_at: (state != JobRunState::Running).then(|| at(101)),
            changed: 0,
            error: String::new(),
            trace_id: String::new(),
        }
    }

    #[test]
    fn a_slot_runs_once_and_the_latest_alone() {
        let request = || JobKey::Request("a".to_owned());
        let active = || Some(run(request(), JobRunState::Running));
        let not = |obstacle| Decision::Not(obstacle);
        let busy = || not(Obstacle::JobActive(Box::new(active().unwrap())));
        let passed = |second| not(Obstacle::SlotSuperseded { latest: at(second) });
        let ahead = not(Obstacle::ClockAhead { now: at(100) });
        // At second 100: (slot asked for, latest slot, another run) → what is decided
        for (slot, latest, active, decision) in [
            (100, None, None, Decision::Begin),
            (100, Some(95), None, Decision::Begin),
            (95, Some(100), None, passed(100)),
            (95, Some(100), active(), passed(100)),
            (100, Some(95), active(), busy()),
            (105, None, None, Decision::Begin),
            (106, None, None, ahead),
        ] {
            let seen = Seen {
                now: at(100),
                owner: None,
                latest_slot: latest.map(at),
                of_key: None,
                active,
            };
            assert_eq!(decide(seen, &JobKey::Slot(at(slot))), decision, "{slot}");
        }
    }

    #[test]
    fn a_request_knows_no_slots_and_a_known_key_is_always_told() {
        let seen = |of_key: Option<JobRun>| Seen {
            now: at(100),
            owner: None,
            latest_slot: Some(at(100)),
            of_key,
            active: None,
        };
        let request = JobKey::Request("a".to_owned());
        assert_eq!(decide(seen(None), &request), Decision::Begin);
        for key in [request, JobKey::Slot(at(5)), JobKey::Slot(at(500))] {
            let known = run(key.clone(), JobRunState::Failed);
            assert_eq!(
                decide(seen(Some(known.clone())), &key),
                Decision::Known(known)
            );
        }
    }

    #[test]
    fn a_database_is_for_its_owner_and_for_whoever_does_not_ask() {
        let refused = Err(Obstacle::DatabaseInUse {
            owner: "a".to_owned(),
        });
        for (wanted, owner, expected) in [
            (None, None, Ok(())),
            (Some("a"), None, Ok(())),
            (None, Some("a"), Ok(())),
            (Some("a"), Some("a"), Ok(())),
            (Some("b"), Some("a"), refused),
        ] {
            assert_eq!(check_owner(wanted, owner), expected, "{wanted:?} {owner:?}");
        }
    }
}
