//! What follows from an answer, or from none.

use jiff::{SignedDuration, Timestamp};
use telecom_crds::JobResult;

use super::{Active, Happened, JobLoop, Outcome, Trouble, shortened};
use crate::jobs::decide::Tried;
use crate::jobs::notice::Notice;
use crate::jobs::run::{Refusal, Run, RunKey, RunState};

/// From a question without an answer to the next; it doubles.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_millis(250);
/// No longer than this.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// What only a change of something else can mend is looked at again after this.
const BLOCKED: SignedDuration = SignedDuration::from_mins(1);
/// From one look at a run that goes on to the next: the server waits as well before it answers.
const FOLLOW: SignedDuration = SignedDuration::from_secs(1);

impl JobLoop {
    /// Takes an answer up.
    pub fn answer(
        &mut self,
        key: &RunKey,
        answer: Result<Run, Refusal>,
        now: Timestamp,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        self.rest = None;
        let asked = self.asked.take_if(|asked| asked.key == *key);
        match answer {
            Ok(run) => self.take(run, now, &mut outcome),
            // It goes on all the same, as far as anybody knows.
            Err(refusal) if asked.is_some_and(|ask| ask.follow) => self.lose_sight(refusal, now),
            Err(refusal) => self.refused(key, refusal, now, &mut outcome),
        }
        outcome
    }

    fn take(&mut self, run: Run, now: Timestamp, outcome: &mut Outcome) {
        self.tried = None;
        self.tries = 0;
        self.trouble = None;
        if let RunKey::Slot(slot) = run.key {
            self.last = self.last.max(Some(slot));
            if run.fresh {
                outcome.happened.push(Happened::Began(
                    run.started.duration_since(slot).as_secs_f64(),
                ));
            }
        }
        let error = match &run.state {
            RunState::Running => {
                let overlapped = self.active.as_ref().is_some_and(|active| active.overlapped);
                self.active = Some(Active {
                    key: run.key,
                    look_at: now.checked_add(FOLLOW).unwrap_or(now),
                    overlapped,
                });
                return;
            }
            RunState::Succeeded { ended } => {
                outcome.happened.push(Happened::Succeeded(run.took));
                self.succeed(*ended, outcome);
                None
            }
            RunState::Failed { error } => {
                self.fail(&run.key, error, run.took, outcome);
                Some(shortened(error))
            }
        };
        if let Some(active) = self.active.take_if(|active| active.key == run.key) {
            self.streak = active.overlapped;
        } else {
            self.streak = false;
        }
        outcome.ended = Some((run.key, error));
    }

    fn succeed(&mut self, ended: Timestamp, outcome: &mut Outcome) {
        let failures = std::mem::take(&mut self.record.consecutive_failures);
        if failures > 0 {
            outcome.notices.push(Notice::Recovered { failures });
        }
        let bad = [Some(JobResult::Failed), Some(JobResult::Missed)];
        outcome.edge |= bad.contains(&self.record.last_result);
        self.record.last_result = Some(JobResult::Succeeded);
        self.record.last_error = None;
        self.record.last_success = self.record.last_success.max(Some(ended));
    }

    pub(super) fn fail(
        &mut self,
        key: &RunKey,
        error: &str,
        took: Option<f64>,
        outcome: &mut Outcome,
    ) {
        let failures = self.record.consecutive_failures.saturating_add(1);
        self.record.consecutive_failures = failures;
        self.record.last_result = Some(JobResult::Failed);
        self.record.last_error = Some(shortened(error));
        outcome.happened.push(Happened::Failed(took));
        outcome.edge |= failures.is_power_of_two();
        if failures == 1 {
            outcome.notices.push(Notice::Failed {
                key: key.clone(),
                error: shortened(error),
            });
        }
    }

    fn lose_sight(&mut self, refusal: Refusal, now: Timestamp) {
        let pause = self.next_pause();
        if let Some(active) = &mut self.active {
            active.look_at = now.checked_add(pause).unwrap_or(now);
        }
        self.trouble = Some(Trouble {
            refusal,
            until: None,
        });
    }

    fn refused(&mut self, key: &RunKey, refusal: Refusal, now: Timestamp, outcome: &mut Outcome) {
        let again = |pause| now.checked_add(pause).unwrap_or(now);
        let trouble_before = self.trouble.take();
        let until = match &refusal {
            Refusal::JobActive { key } => {
                self.active = Some(Active {
                    key: key.clone(),
                    look_at: now,
                    overlapped: false,
                });
                return;
            }
            Refusal::Superseded { latest } => {
                self.last = self.last.max(Some(*latest));
                return;
            }
            Refusal::Unavailable(_) => {
                let pause = self.next_pause();
                self.try_again(key, again(pause));
                None
            }
            Refusal::ClockAhead { now: theirs } => {
                let ahead = key
                    .slot()
                    .map_or(FOLLOW, |slot| slot.duration_since(*theirs));
                self.try_again(key, again(ahead.clamp(FOLLOW, BLOCKED)));
                None
            }
            Refusal::DatabaseInUse { .. } | Refusal::Unsupported | Refusal::Unauthenticated(_) => {
                Some(again(BLOCKED))
            }
        };
        let lasting = !matches!(refusal, Refusal::Unavailable(_));
        let news = trouble_before.is_none_or(|before| before.refusal != refusal);
        outcome.edge = lasting && news;
        self.trouble = Some(Trouble { refusal, until });
    }

    fn try_again(&mut self, key: &RunKey, again: Timestamp) {
        self.tried = key.slot().map(|slot| Tried { slot, again });
    }

    fn next_pause(&mut self) -> SignedDuration {
        let pause = FIRST_PAUSE
            .checked_mul(1 << self.tries.min(10))
            .unwrap_or(LONGEST_PAUSE);
        self.tries = self.tries.saturating_add(1);
        pause.min(LONGEST_PAUSE)
    }
}
