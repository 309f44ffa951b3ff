//! The question what ran before: asked first of all, after each absence, and while clocks differ.

use jiff::Timestamp;

use super::{CLOCKS_APART, ClusterLoops, LOOK_AGAIN, LOOK_MUCH_LATER, Step, after, earliest};
use crate::jobs::run::{Refusal, States};

/// The question what ran before.
#[derive(Debug)]
pub(super) struct Seed {
    /// Since when an answer could be had.
    pub(super) since: Option<Timestamp>,
    /// It is under way.
    pub(super) asked: bool,
    /// It was answered once.
    pub(super) known: bool,
    /// When to ask (again).
    pub(super) again: Option<Timestamp>,
    /// What was said instead of an answer.
    pub(super) refusal: Option<Refusal>,
}

impl ClusterLoops {
    pub(super) fn ask_for_the_past(&mut self, now: Timestamp, step: &mut Step) {
        if self.inputs.held.is_some() || self.inputs.address.is_none() {
            return;
        }
        let seed = &mut self.seed;
        if seed.since.is_none() {
            seed.since = Some(now);
            seed.again = Some(now);
        }
        match seed.again {
            Some(again) if again <= now && !seed.asked => {
                seed.asked = true;
                step.seed = true;
            }
            again => step.wake = earliest(step.wake, again.filter(|again| *again > now)),
        }
    }

    /// Takes up what the database knows.
    pub fn learn(&mut self, answer: Result<States, Refusal>, now: Timestamp) -> Step {
        let seed = &mut self.seed;
        seed.asked = false;
        let later = |pause| now.checked_add(pause).ok();
        match answer {
            Ok(states) => {
                seed.known = true;
                seed.refusal = None;
                let apart = states.now.duration_since(now).abs() > CLOCKS_APART;
                self.clocks = apart.then_some((states.now, now));
                seed.again = later(LOOK_MUCH_LATER).filter(|_| apart);
                for (name, job) in &mut self.jobs {
                    let put_back = job.last().is_some_and(|last| after(states.now, last));
                    let past = states.jobs.get(name).cloned().unwrap_or_default();
                    job.learn(&past, put_back, now);
                }
            }
            Err(refusal) => {
                let waits = matches!(refusal, Refusal::Unavailable(_));
                seed.again = later(if waits { LOOK_AGAIN } else { LOOK_MUCH_LATER });
                seed.refusal = Some(refusal);
            }
        }
        self.look(now)
    }

    /// A slot that lies ahead of the clock means that a clock was put back: the database knows which one.
    pub(super) fn watch_clock(&mut self, now: Timestamp) {
        let ahead = self
            .jobs
            .values()
            .any(|job| job.last().is_some_and(|last| after(now, last)));
        if ahead && self.clocks.is_none() && self.seed.known && self.seed.again.is_none() {
            self.seed.again = Some(now);
        }
    }
}
