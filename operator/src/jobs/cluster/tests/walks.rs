//! Random walks: of clocks, outages, leaders, edits and long runs, against a server that keeps the contract.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// The record of runs as the contract has it.
#[derive(Debug, Default)]
struct Record {
    runs: BTreeMap<(JobName, String), (RunKey, Option<Timestamp>)>,
    started: Vec<(JobName, RunKey)>,
}

impl Record {
    fn run(
        &mut self,
        job: JobName,
        key: &RunKey,
        now: Timestamp,
        lasts: i64,
    ) -> Result<Run, Refusal> {
        let running = |(of, _): &(JobName, String), until: Option<Timestamp>| {
            *of == job && until.is_some_and(|until| until > now)
        };
        let place = (job, key.to_string());
        let fresh = !self.runs.contains_key(&place);
        if fresh {
            if key
                .slot()
                .is_some_and(|slot| slot.duration_since(now) > CLOCKS_APART)
            {
                return Err(Refusal::ClockAhead { now });
            }
            if let Some((_, (key, _))) = self
                .runs
                .iter()
                .find(|(place, (_, until))| running(place, *until))
            {
                return Err(Refusal::JobActive { key: key.clone() });
            }
            let latest = self.latest(job, now).and_then(|run| run.key.slot());
            if let Some(latest) =
                latest.filter(|latest| key.slot().is_some_and(|slot| slot < *latest))
            {
                return Err(Refusal::Superseded { latest });
            }
            let until = now.checked_add(SignedDuration::from_secs(lasts)).ok();
            self.runs.insert(place.clone(), (key.clone(), until));
            self.started.push((job, key.clone()));
        }
        let until = self.runs.get(&place).and_then(|(_, until)| *until);
        Ok(told(key, until, now, fresh))
    }

    fn latest(&self, job: JobName, now: Timestamp) -> Option<Run> {
        let of_job = self.runs.iter().filter(|((of, _), _)| *of == job);
        let slots = of_job.filter_map(|(_, (key, until))| Some((key.slot()?, *until)));
        let past = slots.filter(|(slot, _)| slot.duration_since(now) <= CLOCKS_APART);
        past.max()
            .map(|(slot, until)| told(&RunKey::Slot(slot), until, now, false))
    }

    fn states(&self, now: Timestamp) -> States {
        let past = |job| Past {
            latest: self.latest(job, now),
            ..Past::default()
        };
        States {
            now,
            jobs: JobName::ALL
                .into_iter()
                .map(|job| (job, past(job)))
                .collect(),
        }
    }
}

fn told(key: &RunKey, until: Option<Timestamp>, now: Timestamp, fresh: bool) -> Run {
    let ended = until.filter(|until| *until <= now);
    let state = ended.map_or(RunState::Running, |ended| RunState::Succeeded { ended });
    Run {
        key: key.clone(),
        state,
        started: now,
        took: ended.map(|_| 1.0),
        fresh,
    }
}

#[derive(Debug, Clone)]
enum Event {
    /// Time goes by.
    Pass(i64),
    /// Everybody's clock is put forward or back.
    Clock(i64),
    /// The server is away or comes back.
    Server(bool),
    /// Another process leads; it remembers the status.
    Leader,
    /// The manifest has another schedule.
    Edit(usize),
    /// Somebody wants a run.
    Request(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (1_i64..4000).prop_map(Event::Pass),
        1 => (-7200_i64..7200).prop_map(Event::Clock),
        2 => any::<bool>().prop_map(Event::Server),
        2 => Just(Event::Leader),
        1 => (0_usize..SPECS.len()).prop_map(Event::Edit),
        1 => any::<u8>().prop_map(Event::Request),
    ]
}

const SPECS: [&str; 3] = [
    HOURLY,
    "jobs: {refreshServerStatus: {interval: 45m}, packageExpiring: {interval: 10m1s}, billTraffic: {interval: 7m}}",
    "jobs: {refreshServerStatus: {interval: 1h}, packageExpiring: {schedule: '*/20 * * * *', startingDeadlineSeconds: 30}, \
     billTraffic: {schedule: '*/15 * * * *', timeZone: Europe/Berlin}}",
];

/// Everything as it goes on.
struct World {
    now: Timestamp,
    record: Record,
    loops: ClusterLoops,
    given: Inputs,
    up: bool,
    lasts: i64,
}

impl World {
    /// Works off whatever is due now; every sleep has to end later than it begins.
    fn settle(&mut self) -> Option<Timestamp> {
        let mut step = self.loops.look(self.now);
        let mut rounds = 0;
        loop {
            rounds += 1;
            assert!(rounds < 200, "it spins at {}: {step:?}", self.now);
            if std::mem::take(&mut step.seed) {
                let states = self.record.states(self.now);
                let answer = if self.up { Ok(states) } else { away() };
                let rest = std::mem::take(&mut step.asks);
                step = self.loops.learn(answer, self.now);
                step.asks.extend(rest);
            } else if let Some((job, ask)) = step.asks.pop() {
                let rest = std::mem::take(&mut step.asks);
                let answer = if self.up {
                    self.record.run(job, &ask.key, self.now, self.lasts)
                } else {
                    away()
                };
                step = self.loops.answer(job, &ask.key, answer, self.now);
                step.asks.extend(rest);
            } else {
                assert!(
                    step.wake.is_none_or(|wake| wake > self.now),
                    "row 21: {step:?}"
                );
                return step.wake;
            }
        }
    }

    fn pass(&mut self, seconds: i64) {
        // The driver looks more often, and finds nothing to do.
        let end = self
            .now
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap();
        while self.now < end {
            let wake = self.settle();
            let longest = self.now.checked_add(SignedDuration::from_mins(10)).unwrap();
            self.now = wake.unwrap_or(end).min(longest).min(end);
        }
        self.settle();
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Pass(seconds) => self.pass(*seconds),
            Event::Clock(by) => {
                self.now = self
                    .now
                    .checked_add(SignedDuration::from_secs(*by))
                    .unwrap();
            }
            Event::Server(up) => self.up = *up,
            Event::Leader => {
                let health = summary::Health::remembered(None, self.now);
                self.given.remembered.jobs = summary::report(&self.loops, &health, self.now).jobs;
                self.loops = ClusterLoops::new(Arc::new(self.given.clone()), self.now);
            }
            Event::Edit(spec) => {
                self.given.jobs = inputs(SPECS[*spec]).jobs;
                self.loops.update(Arc::new(self.given.clone()), self.now);
            }
            Event::Request(token) => {
                self.given.request = Some(format!("billTraffic@{token}"));
                self.loops.update(Arc::new(self.given.clone()), self.now);
            }
        }
        self.settle();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Never two runs of a slot, never a wake-up in the past or at once, never a stall for good.
    #[test]
    fn rows_13_21_and_23_one_run_of_a_slot_whatever_happens(
        events in prop::collection::vec(event(), 1..40),
        lasts in prop_oneof![Just(0_i64), 0_i64..900],
    ) {
        let given = inputs(HOURLY);
        let now = at("10:00");
        let mut world = World {
            loops: ClusterLoops::new(Arc::new(given.clone()), now),
            record: Record::default(),
            given,
            now,
            up: true,
            lasts,
        };
        for event in &events {
            world.take(event);
        }
        let distinct: BTreeSet<_> = world.record.started.iter().map(|(job, key)| (*job, key.to_string())).collect();
        prop_assert_eq!(distinct.len(), world.record.started.len(), "a slot ran twice");
        // Whatever it was, a while later everything runs again.
        world.up = true;
        world.given.jobs = inputs(HOURLY).jobs;
        world.loops.update(Arc::new(world.given.clone()), world.now);
        world.pass(3 * 3600);
        let before = world.record.started.len();
        world.pass(2 * 3600);
        let after = world.record.started[before..].iter().map(|(job, _)| *job).collect::<BTreeSet<_>>();
        prop_assert_eq!(after.len(), 5, "a job stands still");
    }
}
