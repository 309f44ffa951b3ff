//! The loop of one job: what it remembers, when it asks the server for a run, and what follows from the
//! answers. Pure: time comes in, questions and notices come out.

use std::sync::Arc;

use jiff::Timestamp;
use telecom_crds::{JobResult, JobStatus};

use super::decide::Tried;
use super::notice::Notice;
use super::run::{Past, Refusal, RunKey, RunState};
use super::settings::JobSettings;

mod answer;
mod look;
#[cfg(test)]
mod rows;

use look::Rest;

/// The error of a run is told up to here, in bytes.
const LONGEST_ERROR: usize = 512;

/// A question to whoever runs the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The run.
    pub key: RunKey,
    /// It has been started; how does it stand?
    pub follow: bool,
}

/// What keeps a job from running that is no failure of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What the server said.
    pub refusal: Refusal,
    /// Nothing is asked before this moment.
    until: Option<Timestamp>,
}

/// A run that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Active {
    key: RunKey,
    look_at: Timestamp,
    /// A slot came due meanwhile.
    overlapped: bool,
}

/// What is told of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// The end of the last run that succeeded.
    pub last_success: Option<Timestamp>,
    /// How the last slot went.
    pub last_result: Option<JobResult>,
    /// Why it failed, if it did.
    pub last_error: Option<String>,
}

/// Something that happened, for metrics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Happened {
    /// A run was begun so many seconds after its slot.
    Began(f64),
    /// A run ended well, after so many seconds where that is known.
    Succeeded(Option<f64>),
    /// A run ended badly, or a slot was given up.
    Failed(Option<f64>),
    /// Slots were missed.
    Missed(u32),
}

/// What one look at a job, or one answer, led to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What to ask.
    pub ask: Option<Ask>,
    /// When to look again.
    pub wake: Option<Timestamp>,
    /// What to tell.
    pub notices: Vec<Notice>,
    /// What to count.
    pub happened: Vec<Happened>,
    /// The status is to be written soon.
    pub edge: bool,
    /// A run that has ended, and why it failed if it did.
    pub ended: Option<(RunKey, Option<String>)>,
}

/// The loop of one job.
#[derive(Debug)]
pub struct JobLoop {
    settings: Arc<JobSettings>,
    anchor: Timestamp,
    last: Option<Timestamp>,
    settled: Option<Timestamp>,
    tried: Option<Tried>,
    tries: u32,
    asked: Option<Ask>,
    active: Option<Active>,
    trouble: Option<Trouble>,
    /// Runs that overlap follow each other, and that has been told.
    streak: bool,
    /// The schedule that was told to be bad.
    bad: bool,
    record: Record,
    rest: Option<Rest>,
}

impl JobLoop {
    /// A loop of which nothing is known but what the status remembers. `created`: nothing runs that was
    /// due before the cluster was there.
    pub fn new(
        settings: Arc<JobSettings>,
        remembered: Option<&JobStatus>,
        created: Timestamp,
        now: Timestamp,
    ) -> Self {
        // An edit that nobody was there to see happened at the latest now.
        let anchor = match remembered {
            Some(status) if status.schedule_hash == settings.hash => status.anchor.0,
            Some(_) => now,
            None => created,
        };
        let slot = remembered.and_then(|status| Some(status.last_schedule_time.as_ref()?.0));
        let success = remembered.and_then(|status| Some(status.last_success_time.as_ref()?.0));
        let failures = remembered.map_or(0, |status| status.consecutive_failures);
        Self {
            settings,
            anchor,
            last: slot,
            settled: None,
            tried: None,
            tries: 0,
            asked: None,
            active: None,
            trouble: None,
            streak: false,
            bad: false,
            record: Record {
                consecutive_failures: failures.unsigned_abs(),
                last_success: success,
                last_result: remembered.and_then(|status| status.last_result),
                last_error: remembered.and_then(|status| status.last_error.clone()),
            },
            rest: None,
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> &Arc<JobSettings> {
        &self.settings
    }

    /// What is told of it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What keeps it from running.
    pub fn trouble(&self) -> Option<&Refusal> {
        self.trouble.as_ref().map(|trouble| &trouble.refusal)
    }

    /// No slot up to here runs.
    pub fn anchor(&self) -> Timestamp {
        self.anchor
    }

    /// The latest slot that was started.
    pub fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// Whether a run goes on.
    pub fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Whether nothing is asked or goes on, so that a run that somebody asks for may begin.
    pub fn is_free(&self) -> bool {
        self.active.is_none() && self.asked.is_none()
    }

    /// Takes an edit of the manifest up; true when the status says something else from now on.
    pub fn edit(&mut self, settings: &Arc<JobSettings>, now: Timestamp) -> bool {
        self.rest = None;
        let moved = self.settings.hash != settings.hash;
        let shown = moved || self.settings.suspend != settings.suspend;
        if moved {
            self.anchor = now;
            self.tried = None;
            self.bad = false;
        }
        self.settings = Arc::clone(settings);
        shown
    }

    /// What kept it from running may be gone: ask again.
    pub fn unblock(&mut self) {
        self.rest = None;
        if let Some(trouble) = &mut self.trouble {
            trouble.until = None;
        }
    }

    /// Takes up what the database knows. `future`: the database's time lies before the last slot that is
    /// known here, so that its clock, or ours, was put back.
    pub fn learn(&mut self, past: &Past, put_back: bool, now: Timestamp) {
        self.rest = None;
        let slot = past.latest.as_ref().and_then(|run| run.key.slot());
        self.last = if put_back { slot } else { slot.max(self.last) };
        if put_back {
            self.settled = self.settled.min(Some(now));
        }
        // What could not be started has failed too, and is not on the server's record.
        let ours = self.record.consecutive_failures;
        let newer = past.last_success > self.record.last_success;
        self.record.consecutive_failures =
            if newer { 0 } else { ours }.max(past.consecutive_failures);
        self.record.last_success = past.last_success.max(self.record.last_success);
        if let Some(run) = past.latest.as_ref().filter(|_| newer || ours == 0) {
            match &run.state {
                RunState::Running => {}
                RunState::Succeeded { .. } => {
                    self.record.last_result = Some(JobResult::Succeeded);
                    self.record.last_error = None;
                }
                RunState::Failed { error } => {
                    self.record.last_result = Some(JobResult::Failed);
                    self.record.last_error = Some(shortened(error));
                }
            }
        }
        self.trouble = None;
        if self.active.is_none() {
            self.active = past.active.as_ref().map(|run| Active {
                key: run.key.clone(),
                look_at: now,
                overlapped: false,
            });
        }
    }

    /// Asks for the run that somebody wants now.
    pub fn request(&mut self, key: &RunKey) -> Ask {
        let ask = Ask {
            key: key.clone(),
            follow: false,
        };
        self.rest = None;
        self.asked = Some(ask.clone());
        ask
    }
}

fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST_ERROR);
    text.get(..end).unwrap_or_default().to_owned()
}
