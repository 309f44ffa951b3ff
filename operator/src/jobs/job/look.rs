//! A look at a job: whether a run is to be asked for, what was missed, what is given up.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use telecom_crds::JobResult;

use super::{Ask, Happened, JobLoop, Outcome};
use crate::jobs::decide::{Decision, Known, Wanted, decide};
use crate::jobs::notice::Notice;
use crate::jobs::run::RunKey;
use crate::jobs::schedule::{COUNTED, Count, Schedule};

/// An absence of up to this is no news: a leader that was lost is followed by another within 20 s.
const HANDOVER: SignedDuration = SignedDuration::from_mins(1);

/// Nothing is to be done until something happens or that moment comes: cron expressions are dear.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    from: Timestamp,
    until: Option<Timestamp>,
    held: bool,
}

impl Rest {
    fn goes_on(self, held: bool, now: Timestamp) -> bool {
        let early = self.until.is_none_or(|until| now < until);
        self.held == held && self.from <= now && early
    }
}

impl JobLoop {
    /// Looks whether something is to be done. `held`: nothing could be.
    pub fn look(&mut self, held: bool, now: Timestamp) -> Outcome {
        if let Some(rest) = self.rest.filter(|rest| rest.goes_on(held, now)) {
            return Outcome {
                wake: rest.until,
                ..Outcome::default()
            };
        }
        let mut outcome = Outcome::default();
        self.decide(held, now, &mut outcome);
        self.rest = Some(Rest {
            from: now,
            until: outcome.wake,
            held,
        });
        outcome
    }

    fn decide(&mut self, held: bool, now: Timestamp, outcome: &mut Outcome) {
        self.follow(now, outcome);
        let settings = Arc::clone(&self.settings);
        let schedule = match &settings.schedule {
            Ok(schedule) => schedule,
            Err(bad) => {
                if !self.bad {
                    self.bad = true;
                    outcome.notices.push(Notice::BadSchedule(bad.clone()));
                    outcome.edge = true;
                }
                return;
            }
        };
        let until = self.trouble.as_ref().and_then(|trouble| trouble.until);
        let blocked = until.filter(|until| *until > now);
        let mut wanted = Wanted {
            schedule,
            starting_deadline: settings.starting_deadline,
            // Once more when that ends, so that what was due meanwhile is not missed.
            held: held || settings.suspend || until.is_some(),
        };
        if wanted.held {
            // Whoever is held has not failed.
            self.tried = None;
        }
        let known = Known {
            anchor: self.anchor,
            last: self.last,
            settled: self.settled,
            active: !self.is_free(),
            tried: self.tried,
        };
        let mut decision = decide(&wanted, &known, now);
        if until.is_some() && blocked.is_none() {
            self.unblock();
            wanted.held = held || settings.suspend;
            let settled = decision.settled.or(known.settled);
            decision = decide(&wanted, &Known { settled, ..known }, now);
        }
        self.carry_out(&decision, schedule, now, outcome);
        outcome.wake = [outcome.wake, decision.wake, blocked]
            .into_iter()
            .flatten()
            .min();
    }

    fn follow(&mut self, now: Timestamp, outcome: &mut Outcome) {
        let Some(active) = self.active.as_ref().filter(|_| self.asked.is_none()) else {
            return;
        };
        if active.look_at <= now {
            let ask = Ask {
                key: active.key.clone(),
                follow: true,
            };
            self.asked = Some(ask.clone());
            outcome.ask = Some(ask);
        } else {
            outcome.wake = Some(active.look_at);
        }
    }

    fn carry_out(
        &mut self,
        decision: &Decision,
        schedule: &Schedule,
        now: Timestamp,
        outcome: &mut Outcome,
    ) {
        if let Some((count, last)) = decision.missed {
            outcome.happened.push(Happened::Missed(count.at_least()));
            let known = self.settled.max(self.last).max(Some(self.anchor));
            let since = known.and_then(|known| schedule.next(known));
            self.miss(
                count,
                last,
                since.map(|since| now.duration_since(since)),
                outcome,
            );
        }
        if let Some(slot) = decision.failed {
            let why = self
                .trouble()
                .map_or_else(|| "no answer".to_owned(), ToString::to_string);
            self.tried = None;
            self.fail(
                &RunKey::Slot(slot),
                &format!("it could not be started in time: {why}"),
                None,
                outcome,
            );
        }
        if let (true, Some(slot), Some(active)) =
            (decision.coalesced, decision.settled, &mut self.active)
        {
            active.overlapped = true;
            if !self.streak {
                self.streak = true;
                outcome.notices.push(Notice::AlreadyActive { slot });
            }
        }
        self.settled = decision.settled.or(self.settled);
        if let Some(slot) = decision.start {
            if self.tried.is_none_or(|tried| tried.slot != slot) {
                self.tries = 0;
            }
            let ask = Ask {
                key: RunKey::Slot(slot),
                follow: false,
            };
            self.asked = Some(ask.clone());
            outcome.ask = Some(ask);
        }
    }

    fn miss(
        &mut self,
        count: Count,
        last: Timestamp,
        absence: Option<SignedDuration>,
        outcome: &mut Outcome,
    ) {
        // One leader follows another: what is due every few seconds has been left out meanwhile.
        if absence.is_some_and(|absence| absence <= HANDOVER) {
            return;
        }
        outcome.notices.push(Notice::Missed { count, last });
        self.record.last_result = Some(JobResult::Missed);
        self.record.last_error = None;
        outcome.edge = true;
    }
}

impl Count {
    /// The number, or the greatest that is counted.
    fn at_least(self) -> u32 {
        match self {
            Self::Exactly(count) => count,
            Self::More => COUNTED,
        }
    }
}
