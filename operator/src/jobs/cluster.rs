//! The loops of one cluster: its jobs, the first question to its server, and the run that somebody asks for.
//! Pure, as the loop of a job is.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use telecom_crds::JobName;

use super::inputs::{Held, Inputs};
use super::job::{Ask, Happened, JobLoop, Outcome};
use super::notice::Notice;
use super::run::{Refusal, Run, RunKey};
use super::schedule::{Interval, Schedule};

mod past;
mod request;
pub mod summary;
#[cfg(test)]
mod tests;

use past::Seed;
use request::Request;
use summary::Report;

/// Without a word of what ran before, this is waited before the status has to do.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);
/// A leader that has just begun is not heard before this, unless it has something to say.
const SILENCE: SignedDuration = SignedDuration::from_mins(1);
/// Clocks that are further apart than this are told of.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(5);
/// From a look at the past that was in vain to the next.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(2);
/// The same where only a change of something else helps, and while clocks differ.
const LOOK_MUCH_LATER: SignedDuration = SignedDuration::from_mins(1);

/// What is to be done.
#[derive(Debug, Default)]
pub struct Step {
    /// Runs to ask for.
    pub asks: Vec<(JobName, Ask)>,
    /// Whether to ask what ran before.
    pub seed: bool,
    /// When to look again; `None`: when something happens.
    pub wake: Option<Timestamp>,
    /// What to tell.
    pub notices: Vec<(Option<JobName>, Notice)>,
    /// What to count.
    pub happened: Vec<(JobName, Happened)>,
    /// The status to write, and whether it is in a hurry.
    pub report: Option<(Report, bool)>,
}

/// The loops of one cluster.
#[derive(Debug)]
pub struct ClusterLoops {
    pub(super) inputs: Arc<Inputs>,
    pub(super) jobs: BTreeMap<JobName, JobLoop>,
    seed: Seed,
    request: Option<Request>,
    pub(super) handled: Option<String>,
    pub(super) clocks: Option<(Timestamp, Timestamp)>,
    begun: Timestamp,
    health: summary::Health,
    report_at: Option<Timestamp>,
    edge: bool,
}

impl ClusterLoops {
    /// Loops that begin now, with what the status remembers.
    pub fn new(inputs: Arc<Inputs>, now: Timestamp) -> Self {
        let remembered = &inputs.remembered;
        let jobs = inputs.jobs.iter().map(|(name, settings)| {
            let status = remembered.job(*name);
            let settings = Arc::clone(settings);
            (*name, JobLoop::new(settings, status, inputs.created, now))
        });
        let mut loops = Self {
            jobs: jobs.collect(),
            seed: Seed {
                since: None,
                asked: false,
                known: false,
                again: None,
                refusal: None,
            },
            request: None,
            handled: remembered.last_handled_request.clone(),
            clocks: None,
            begun: now,
            health: summary::Health::remembered(remembered.healthy.as_ref(), now),
            report_at: None,
            // An edit that nobody was there to see has moved an anchor.
            edge: inputs.jobs.iter().any(|(name, settings)| {
                let status = remembered.job(*name);
                status.is_some_and(|status| status.schedule_hash != settings.hash)
            }),
            inputs,
        };
        loops.report_at = loops.next_report(now);
        loops
    }

    /// Takes up what a reconcile has seen.
    pub fn update(&mut self, mut inputs: Arc<Inputs>, now: Timestamp) {
        // A server that was held back and is not there again yet is no server that fails.
        if inputs.away && inputs.held.is_none() && self.inputs.held.is_some() {
            Arc::make_mut(&mut inputs).held = Some(Held::Starting);
        }
        for (name, settings) in &inputs.jobs {
            if let Some(job) = self.jobs.get_mut(name) {
                self.edge |= job.edit(settings, now);
            }
        }
        // Another address, image or generation may mend what no waiting mends.
        let mended = self.inputs.generation != inputs.generation
            || self.inputs.address != inputs.address
            || self.inputs.held != inputs.held;
        let interval = self.inputs.status_interval != inputs.status_interval;
        self.inputs = inputs;
        if mended {
            self.jobs.values_mut().for_each(JobLoop::unblock);
            self.seed.again = self.seed.again.map(|_| now);
        }
        if interval {
            self.report_at = self.next_report(now);
        }
    }

    /// The loop of one job.
    pub fn job(&self, name: JobName) -> Option<&JobLoop> {
        self.jobs.get(&name)
    }

    /// Whether what ran before is known, or need not be waited for any longer.
    pub fn has_begun(&self, now: Timestamp) -> bool {
        let waited = |since: Timestamp| now.duration_since(since) >= PATIENCE;
        self.seed.known || self.seed.since.is_some_and(waited)
    }

    /// What was said when it was asked what ran before, if that was no answer.
    pub(super) fn seed_refusal(&self) -> Option<&Refusal> {
        self.seed.refusal.as_ref()
    }

    /// Looks at everything.
    pub fn look(&mut self, now: Timestamp) -> Step {
        let mut step = Step::default();
        self.watch_clock(now);
        self.ask_for_the_past(now, &mut step);
        self.take_request(now, &mut step);
        if self.inputs.held.is_some() || self.has_begun(now) {
            self.ask_as_requested(now, &mut step);
            let held = self.inputs.held.is_some();
            for (name, job) in &mut self.jobs {
                let outcome = job.look(held, now);
                merge(*name, outcome, &mut step, &mut self.edge);
            }
        } else {
            let begins = self
                .seed
                .since
                .and_then(|since| since.checked_add(PATIENCE).ok());
            step.wake = earliest(step.wake, begins);
        }
        self.report(now, &mut step);
        step
    }

    /// Takes the answer to a question about a run up.
    pub fn answer(
        &mut self,
        name: JobName,
        key: &RunKey,
        answer: Result<Run, Refusal>,
        now: Timestamp,
    ) -> Step {
        if let Err(refusal) = &answer {
            self.note_refusal(key, refusal, now);
        }
        let mut step = Step::default();
        if let Some(job) = self.jobs.get_mut(&name) {
            let outcome = job.answer(key, answer, now);
            let request = self.request.take_if(|request| {
                outcome
                    .ended
                    .as_ref()
                    .is_some_and(|(ended, _)| *ended == request.key)
            });
            let error = outcome.ended.as_ref().and_then(|(_, error)| error.clone());
            merge(name, outcome, &mut step, &mut self.edge);
            if let Some(request) = request {
                self.handled = Some(request.value.clone());
                self.edge = true;
                let notice = Notice::Requested {
                    value: request.value,
                    error,
                };
                step.notices.push((Some(name), notice));
            }
        }
        let next = self.look(now);
        join(step, next)
    }

    fn note_refusal(&mut self, key: &RunKey, refusal: &Refusal, now: Timestamp) {
        let pause = match refusal {
            Refusal::Unavailable(_) => LOOK_AGAIN,
            Refusal::JobActive { .. } | Refusal::Superseded { .. } => SignedDuration::ZERO,
            Refusal::ClockAhead { .. }
            | Refusal::DatabaseInUse { .. }
            | Refusal::Unsupported
            | Refusal::Unauthenticated(_) => LOOK_MUCH_LATER,
        };
        let again = now.checked_add(pause).unwrap_or(now);
        if let Some(request) = self.request.as_mut().filter(|request| request.key == *key) {
            request.again = again;
        }
        // Who comes back may have been restored from a backup, or be another.
        let away = matches!(refusal, Refusal::Unavailable(_));
        if away && self.seed.again.is_none() {
            self.seed.again = Some(again);
        }
    }

    fn report(&mut self, now: Timestamp, step: &mut Step) {
        let health = summary::health(self, now);
        let waits = health.is_waiting();
        let quiet = waits && now.duration_since(self.begun) < SILENCE;
        let flipped = !quiet && self.health.becomes(health, now);
        let due = self.report_at.is_some_and(|at| at <= now);
        if due {
            self.report_at = self.next_report(now);
        }
        // The first word on an edit waits for the server, so that both are one write.
        let edge = flipped || (self.edge && !quiet);
        if edge || (due && !waits) {
            // Nobody wants to wait a whole interval for the first runs of a new cluster.
            if self.jobs.values().all(|job| job.last().is_none()) {
                let soon = now.checked_add(SILENCE).ok();
                self.report_at = earliest(self.report_at, soon);
            }
            self.edge = false;
            step.report = Some((summary::report(self, &self.health, now), edge));
        }
        step.wake = earliest(step.wake, self.report_at);
    }

    /// Clusters have their turns spread over the interval.
    fn next_report(&self, now: Timestamp) -> Option<Timestamp> {
        let seconds = u32::try_from(self.inputs.status_interval.as_secs()).unwrap_or(u32::MAX);
        Schedule::Interval(Interval::new(seconds, &self.inputs.uid, "status")).next(now)
    }
}

/// Whether a slot lies after a time, by more than clocks differ.
fn after(now: Timestamp, slot: Timestamp) -> bool {
    slot.duration_since(now) > CLOCKS_APART
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    [a, b].into_iter().flatten().min()
}

fn merge(name: JobName, outcome: Outcome, step: &mut Step, edge: &mut bool) {
    step.asks.extend(outcome.ask.map(|ask| (name, ask)));
    step.wake = earliest(step.wake, outcome.wake);
    let notices = outcome.notices.into_iter();
    step.notices
        .extend(notices.map(|notice| (Some(name), notice)));
    let happened = outcome.happened.into_iter();
    step.happened
        .extend(happened.map(|happened| (name, happened)));
    *edge |= outcome.edge;
}

/// What an answer led to, and then the look after it.
fn join(mut first: Step, second: Step) -> Step {
    first.asks.extend(second.asks);
    first.seed |= second.seed;
    first.wake = second.wake;
    first.notices.extend(second.notices);
    first.happened.extend(second.happened);
    first.report = second.report.or(first.report);
    first
}
