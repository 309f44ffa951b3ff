//! How often a job is due, for whoever asks whether it is overdue. Pure, as the loops are.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use telecom_crds::JobName;

use super::cluster::ClusterLoops;
use super::job::JobLoop;
use super::schedule::Schedule;

/// A job that may run again has succeeded after so many periods, or is overdue.
const PATIENCE: i32 = 2;

/// What is known of one job.
#[derive(Debug, Default)]
struct Known {
    /// The schedule's.
    hash: String,
    /// Between which slots it holds, since cron expressions are dear.
    slots: Option<(Timestamp, Timestamp)>,
    period: Option<SignedDuration>,
    /// It was kept from running until then.
    held_until: Option<Timestamp>,
}

/// The periods of one cluster's jobs.
#[derive(Debug, Default)]
pub struct Periods(BTreeMap<JobName, Known>);

impl Periods {
    /// The period of each job of which it can be said that it should have run: none while it may not run, nor until
    /// it has succeeded after it might not, or has had the time for it.
    pub fn of(
        &mut self,
        loops: &ClusterLoops,
        now: Timestamp,
    ) -> Vec<(JobName, Option<SignedDuration>)> {
        let jobs = loops.jobs.iter();
        jobs.map(|(name, job)| {
            let known = self.0.entry(*name).or_default();
            known.renew(job, loops.inputs.held.is_some(), now);
            (*name, known.of(job, now))
        })
        .collect()
    }
}

impl Known {
    fn renew(&mut self, job: &JobLoop, held: bool, now: Timestamp) {
        let settings = job.settings();
        if held || settings.suspend {
            self.held_until = Some(now);
        }
        let holds = |(latest, next)| latest <= now && now < next;
        if self.hash == settings.hash && self.slots.is_some_and(holds) {
            return;
        }
        self.hash.clone_from(&settings.hash);
        let schedule = settings.schedule.as_ref().ok();
        self.slots = schedule.and_then(|schedule| schedule.latest(now).zip(schedule.next(now)));
        self.period = schedule.and_then(|schedule| period(schedule, self.slots?));
    }

    fn of(&self, job: &JobLoop, now: Timestamp) -> Option<SignedDuration> {
        let period = self.period?;
        let since = self.held_until.max(Some(job.anchor()))?;
        if since == now {
            return None;
        }
        let succeeded = job.record().last_success > Some(since);
        let late = now.duration_since(since) >= period.saturating_mul(PATIENCE);
        (succeeded || late).then_some(period)
    }
}

/// The longer of the times before and after the latest slot: what is due on working days has had no slot for three
/// days on a Monday morning, and must not be measured by the hour until the next.
fn period(schedule: &Schedule, (latest, next): (Timestamp, Timestamp)) -> Option<SignedDuration> {
    let moment = latest.checked_sub(SignedDuration::from_secs(1)).ok()?;
    let before = schedule
        .latest(moment)
        .map(|before| latest.duration_since(before));
    before.max(Some(next.duration_since(latest)))
}
