//! Whether a job is to be started now, and when to look again: from its schedule, what is known of its runs,
//! and the time, nothing else.

use jiff::{SignedDuration, Timestamp};

use super::schedule::{Count, Schedule};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A job as its manifest wants it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// When it is due.
    pub schedule: &'a Schedule,
    /// How late a run may begin; `None`: until the next slot.
    pub starting_deadline: Option<SignedDuration>,
    /// Nothing is to run: the manifest says so, or no server could.
    pub held: bool,
}

/// What is known of a job's runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// No slot up to here runs: when the job came to be, or its schedule was edited.
    pub anchor: Timestamp,
    /// The latest slot that was started, by whomever.
    pub last: Option<Timestamp>,
    /// Slots up to here have been told of, or need not be.
    pub settled: Option<Timestamp>,
    /// Whether a run is going on.
    pub active: bool,
    /// The slot that was asked for in vain.
    pub tried: Option<Tried>,
}

/// A slot that the server was asked for without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// The slot.
    pub slot: Timestamp,
    /// When to ask again.
    pub again: Timestamp,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decision {
    /// The slot to ask the server for.
    pub start: Option<Timestamp>,
    /// A slot is due while a run is going on; the latest such starts when that ends.
    pub coalesced: bool,
    /// Slots that nobody ran in time, and the last of them.
    pub missed: Option<(Count, Timestamp)>,
    /// The slot that was tried in vain until its deadline.
    pub failed: Option<Timestamp>,
    /// The new value of [`Known::settled`], when it moves.
    pub settled: Option<Timestamp>,
    /// When to look again, later than now; `None`: the schedule has no further slot.
    pub wake: Option<Timestamp>,
}

/// Decides about one job. The clock may have gone anywhere since the last time.
pub fn decide(wanted: &Wanted<'_>, known: &Known, now: Timestamp) -> Decision {
    let next = wanted.schedule.next(now);
    let nothing = Decision {
        wake: next,
        ..Decision::default()
    };
    let floor = known
        .last
        .map_or(known.anchor, |last| last.max(known.anchor));
    let latest = wanted.schedule.latest(now);
    let Some(slot) = latest.filter(|slot| *slot > floor) else {
        return nothing;
    };
    // A slot that was asked for and that another has taken over since, or whose time is over.
    let tried = known.tried.filter(|tried| tried.slot > floor);
    let superseded = tried.map(|tried| tried.slot).filter(|tried| *tried < slot);
    let due = Decision {
        failed: superseded,
        settled: Some(slot),
        ..nothing
    };
    if wanted.held || known.active {
        let coalesced = !wanted.held;
        return Decision { coalesced, ..due };
    }
    let told = known.settled.map_or(floor, |settled| settled.max(floor));
    let told = superseded.map_or(told, |tried| tried.max(told));
    let missed = |before: Timestamp| match wanted.schedule.between(told, before) {
        Count::Exactly(0) => None,
        count => wanted
            .schedule
            .latest(shortly(before))
            .map(|last| (count, last)),
    };
    let end = wanted
        .starting_deadline
        .and_then(|deadline| slot.checked_add(deadline).ok());
    if end.is_some_and(|end| now > end) {
        let in_vain = tried.is_some_and(|tried| tried.slot == slot);
        return Decision {
            failed: if in_vain { Some(slot) } else { superseded },
            missed: missed(if in_vain { slot } else { after(slot) }),
            ..due
        };
    }
    let waits = tried.filter(|tried| tried.slot == slot && tried.again > now);
    Decision {
        start: waits.is_none().then_some(slot),
        missed: missed(slot),
        wake: [next, waits.map(|tried| tried.again), end.map(after)]
            .into_iter()
            .flatten()
            .min(),
        ..due
    }
}

/// The second before.
fn shortly(before: Timestamp) -> Timestamp {
    before.checked_sub(SECOND).unwrap_or(Timestamp::MIN)
}

/// The moment from which a whole second is over.
fn after(at: Timestamp) -> Timestamp {
    at.checked_add(SECOND).unwrap_or(Timestamp::MAX)
}
