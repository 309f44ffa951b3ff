//! Where among the pending events to go on.
//!
//! What is found first by number has mostly been taken up already: the index still leads there until
//! PostgreSQL has cleared it away, which somebody's long transaction can hold up for hours. So a look goes
//! on behind the last one, and begins at the first event only as often as that is cheap. It has to at
//! times: events get their numbers before they are committed, and those that failed come up again.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::TakenUp;

/// Of the time, one part in so many may go into looks that begin at the first event.
const SHARE: u32 = 20;

/// How far the events have been looked through.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// The last event that was looked at.
    after: i64,
    /// Behind which looks begin between whole ones: how far they had come at the last whole one but
    /// one, so that what is committed late is found all the same.
    floor: i64,
    /// How far all looks had come when the last whole one began.
    mark: i64,
    /// How far they have come.
    reached: i64,
    /// When the next look begins at the first event.
    whole_at: Option<Instant>,
    /// This one does.
    whole: bool,
}

impl Sweep {
    /// Behind which event to look next.
    pub(super) fn after(&mut self, now: Instant) -> i64 {
        self.whole = self.whole_at.is_none_or(|at| at <= now);
        if self.whole {
            self.floor = self.mark;
            self.mark = self.reached;
            self.after = 0;
        }
        self.after
    }

    /// Notes what a look has found that began at `begun` and took so long.
    pub(super) fn took(&mut self, taken: &TakenUp, begun: Instant, took: Duration) {
        if self.whole {
            self.whole_at = Some(begun + took * SHARE);
        }
        self.reached = self.reached.max(taken.last);
        self.after = if taken.more { taken.last } else { self.floor };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(last: i64, more: bool) -> TakenUp {
        TakenUp {
            last,
            more,
            ..TakenUp::default()
        }
    }

    #[test]
    fn a_look_goes_on_behind_the_last_and_begins_anew_when_that_is_cheap() {
        let (begin, mut sweep) = (Instant::now(), Sweep::default());
        let second = |second| begin + Duration::from_secs(second);
        let short = Duration::from_millis(1);
        // (at which second, behind what it looks, what it finds, whether there is more, how long it takes)
        for (at, after, last, more, took) in [
            // All of it is dear: the next time is in 40 seconds.
            (0, 0, 1000, true, Duration::from_secs(2)),
            (2, 1000, 2000, true, short),
            (3, 2000, 2500, false, short),
            // Nothing had been looked at before the first time, so nothing is left out yet.
            (4, 0, 2600, false, short),
            (40, 0, 2700, false, short),
            // Cheap by now.
            (41, 0, 0, false, short),
            (42, 0, 0, false, Duration::from_secs(1)),
            // What was new before the whole look at second 41 is not looked at.
            (43, 2700, 2800, false, short),
            (44, 2700, 2801, false, short),
            (62, 0, 0, false, short),
        ] {
            assert_eq!(sweep.after(second(at)), after, "second {at}");
            sweep.took(&found(last, more), second(at), took);
        }
    }
}
