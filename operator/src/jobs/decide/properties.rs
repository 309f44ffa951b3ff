//! What holds whatever happens: clocks walk anywhere, servers are away, manifests are edited, operators change.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::super::cron::CronSchedule;
use super::super::schedule::{Interval, Schedule};
use super::{Known, Tried, Wanted, decide};

#[derive(Debug, Clone)]
enum Step {
    /// The clock moves, maybe back.
    Clock(i64),
    /// The loop sleeps until it is woken.
    Sleep,
    Held(bool),
    /// Whether the server answers.
    Away(bool),
    /// The active run ends.
    Ends,
    /// Another operator takes over: it knows what the server knows.
    Takeover,
    Edit(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (-7_200..20_000_i64).prop_map(Step::Clock),
        8 => Just(Step::Sleep),
        1 => any::<bool>().prop_map(Step::Held),
        2 => any::<bool>().prop_map(Step::Away),
        4 => Just(Step::Ends),
        2 => Just(Step::Takeover),
        1 => (0..4_usize).prop_map(Step::Edit),
    ];
    prop::collection::vec(step, 1..80)
}

fn schedules() -> [Schedule; 4] {
    let cron = |expression, zone| {
        let zone = TimeZone::get(zone).unwrap();
        Schedule::Cron(Box::new(CronSchedule::parse(expression, zone).unwrap()))
    };
    [
        cron("0 * * * *", "UTC"),
        cron("30 2 * * *", "Europe/Berlin"),
        cron("*/7 * * * 1-5", "America/New_York"),
        Schedule::Interval(Interval::new(5, "uid", "job")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn whatever_happens(
        steps in steps(),
        begin in 1_700_000_000..1_900_000_000_i64,
        deadline in prop::option::of(0..4_000_i64),
    ) {
        let schedules = schedules();
        let mut schedule = &schedules[0];
        let mut now = Timestamp::from_second(begin).unwrap();
        let fresh = |anchor| Known { anchor, last: None, settled: None, active: false, tried: None };
        let mut known = fresh(now);
        let (mut held, mut away) = (false, false);
        // What the server has recorded, and when by this clock.
        let mut record: BTreeMap<Timestamp, Timestamp> = BTreeMap::new();
        let mut running = false;
        for step in steps {
            let mut decided_to_wake = None;
            match step {
                Step::Clock(seconds) => now += SignedDuration::from_secs(seconds),
                Step::Sleep => decided_to_wake = Some(()),
                Step::Held(value) => held = value,
                Step::Away(value) => away = value,
                Step::Ends => running = false,
                Step::Takeover => {
                    let last = record.last_key_value().map(|(slot, _)| *slot);
                    known = Known { last, ..fresh(known.anchor) };
                }
                Step::Edit(which) => {
                    schedule = &schedules[which];
                    known.anchor = now;
                    known.tried = None;
                }
            }
            known.active = running;
            let starting_deadline = deadline.map(SignedDuration::from_secs);
            let wanted = Wanted { schedule, starting_deadline, held };
            let mut decision = decide(&wanted, &known, now);
            if decided_to_wake.is_some() {
                now = decision.wake.unwrap();
                decision = decide(&wanted, &known, now);
            }
            prop_assert!(decision.wake.is_some_and(|wake| wake > now), "woken again at once");
            known.settled = decision.settled.or(known.settled);
            if decision.failed.is_some() {
                known.tried = None;
            }
            if let Some(slot) = decision.start {
                prop_assert!(!held && !running, "started although it must not");
                prop_assert!(slot <= now && slot > known.anchor);
                prop_assert_eq!(schedule.latest(now), Some(slot), "not the latest slot");
                if let Some(deadline) = starting_deadline {
                    prop_assert!(now.duration_since(slot) <= deadline, "started too late");
                }
                if away {
                    known.tried = Some(Tried { slot, again: now + SignedDuration::from_secs(4) });
                } else {
                    prop_assert!(record.insert(slot, now).is_none(), "a slot ran twice");
                    known.last = known.last.max(Some(slot));
                    known.tried = None;
                    running = true;
                }
            } else if !held && !running && known.tried.is_none() && deadline.is_none() {
                let floor = known.last.map_or(known.anchor, |last| last.max(known.anchor));
                prop_assert!(schedule.latest(now).is_none_or(|slot| slot <= floor), "a due slot did not run");
            }
        }
    }
}
