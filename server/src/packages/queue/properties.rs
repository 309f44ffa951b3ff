//! Whatever happens in whatever order, the rules of a queue hold.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::tests::{START, package, zone};
use super::*;
use crate::packages::queued::QueuedPackageStatus;
use crate::packages::{Counted, PackageDuration, Quota};

/// Something that happens.
#[derive(Debug, Clone)]
enum Step {
    Enqueue {
        priority: i32,
        quota: Quota,
        duration: PackageDuration,
    },
    Cancel(prop::sample::Index),
    CancelAll,
    Charge {
        seconds_ago: i64,
        traffic: Traffic,
    },
    Advance,
}

fn quota() -> impl Strategy<Value = Quota> {
    let counted = prop_oneof![Just(Counted::Total), Just(Counted::Download)];
    prop_oneof![
        1 => Just(Quota::Unlimited),
        6 => (counted, 1..2000_u64, any::<bool>()).prop_map(|(counted, bytes, monthly_reset)| {
            Quota::Limited { counted, bytes, monthly_reset }
        }),
    ]
}

fn duration() -> impl Strategy<Value = PackageDuration> {
    prop_oneof![
        (1..1_000_000_u64).prop_map(PackageDuration::Seconds),
        (1..4_u32).prop_map(PackageDuration::Months),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let traffic = (0..3000_u64, 0..3000_u64);
    let traffic = traffic.prop_map(|(download, upload)| Traffic { download, upload });
    prop_oneof![
        4 => (-2..3, quota(), duration()).prop_map(|(priority, quota, duration)| Step::Enqueue {
            priority,
            quota,
            duration,
        }),
        1 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        1 => Just(Step::CancelAll),
        4 => (0..100_000_i64, traffic)
            .prop_map(|(seconds_ago, traffic)| Step::Charge { seconds_ago, traffic }),
        3 => Just(Step::Advance),
    ]
}

/// Steps, each with the seconds that go by before it; now and then a clock is set back.
fn story() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let seconds = prop_oneof![8 => 0..400_000_i64, 1 => 0..9_000_000_i64, 1 => -3600..0_i64];
    prop::collection::vec((seconds, step()), 1..60)
}

/// All packages of a subscriber, open or not, as the database keeps them, and what was told.
#[derive(Default)]
struct World {
    packages: BTreeMap<QueuedPackageId, QueuedPackage>,
    events: Vec<QueueEvent>,
    counted: u64,
}

impl World {
    fn queue(&self) -> Queue {
        Queue::new(
            UserId(uuid::Uuid::nil()),
            zone("Europe/Berlin"),
            self.packages.values().cloned().collect(),
        )
    }

    fn keep(&mut self, queue: Queue) {
        let changes = queue.into_changes();
        for package in changes.packages {
            let before = self.packages.insert(package.id, package.clone());
            let before = before.expect("only what was there changes");
            let moved = before.status() != package.status();
            assert_eq!(
                moved,
                before.revision != package.revision,
                "the etag tells it"
            );
            assert!(
                before.ended_at().is_none() || before.life == package.life,
                "what has ended stays so"
            );
        }
        self.events.extend(changes.events);
    }

    fn play(&mut self, now: DateTime<Utc>, step: &Step) {
        let mut queue = self.queue();
        match *step {
            Step::Enqueue {
                priority,
                quota,
                duration,
            } => {
                let id = i64::try_from(self.packages.len()).unwrap() + 1;
                let mut new = package(id, quota, duration);
                (new.priority, new.enqueued_at) = (priority, now);
                queue.advance(now);
                self.packages.insert(new.id, new.clone());
                queue.enqueue(new, now);
            }
            Step::Cancel(ref index) => {
                let ids: Vec<_> = self.packages.keys().copied().collect();
                queue.advance(now);
                if !ids.is_empty() {
                    let id = *index.get(&ids);
                    let open = queue.find(id).is_some_and(|p| p.ended_at().is_none());
                    assert_eq!(queue.cancel(id, "asked for", now), open);
                }
            }
            Step::CancelAll => {
                queue.advance(now);
                let began = |queue: &Queue| {
                    let began = queue.packages.iter().filter(|p| p.span().is_some());
                    began.count()
                };
                let before = began(&queue);
                queue.cancel_all("erased", now);
                assert_eq!((queue.active(), began(&queue)), (None, before));
            }
            Step::Charge {
                seconds_ago,
                traffic,
            } => {
                let charged = queue.charge(now - TimeDelta::seconds(seconds_ago), traffic);
                let charged = charged.unwrap();
                let all = charged.packages.iter().map(|(_, counts)| *counts);
                let counts: u64 = all.clone().map(|c| c.charged + c.overage).sum();
                let uncounted: u64 = all.map(|counts| counts.uncounted).sum();
                let left = charged.left.total().unwrap();
                self.counted += counts;
                assert_eq!(
                    Some(counts + uncounted + left),
                    traffic.total(),
                    "no byte is lost or made"
                );
                assert!(uncounted <= traffic.upload);
            }
            Step::Advance => {
                queue.advance(now);
                let mut again = queue.clone();
                again.advance(now);
                assert_eq!(
                    again.into_changes(),
                    queue.clone().into_changes(),
                    "once is enough"
                );
            }
        }
        self.keep(queue);
    }

    fn check(&self) {
        let count = |status| {
            self.packages
                .values()
                .filter(|p| p.status() == status)
                .count()
        };
        let (active, queued) = (
            count(QueuedPackageStatus::Active),
            count(QueuedPackageStatus::Queued),
        );
        assert!(active <= 1, "{active} are active");
        assert!(active == 1 || queued == 0, "{queued} wait for nothing");
        let mut kept = 0;
        for package in self.packages.values() {
            let charges = package.charges;
            kept += charges.charged + charges.overage;
            assert!(charges.period_charged <= charges.charged);
            if let Some(bytes) = package.terms.quota.bytes() {
                assert!(charges.period_charged <= bytes, "{package:?}");
                let once = !package.terms.quota.monthly_reset();
                assert!(!once || charges.charged <= bytes, "{package:?}");
            }
            if let Some(span) = package.span() {
                assert!(package.enqueued_at <= span.active_from, "{package:?}");
                assert!(package.ended_at().is_none_or(|end| span.active_from <= end));
                let reset = package.next_reset_at();
                assert!(reset.is_none_or(|at| span.active_from < at && at < span.expires_at));
            }
        }
        assert_eq!(kept, self.counted, "no byte is lost or made");
    }

    /// Every end is told once; no warning is given twice, of the quota not within one period.
    fn check_events(&self) {
        let ended = self.packages.values().filter(|p| p.ended_at().is_some());
        let mut told: Vec<_> = ended.map(|p| (p.id, p.ended_at())).collect();
        let mut events = Vec::new();
        let mut warnings = BTreeMap::new();
        for event in &self.events {
            match event {
                QueueEvent::Expiring(event) => {
                    events.push((event.queued_package_id, Some(event.at)));
                }
                QueueEvent::Warning(event) => {
                    let percent = match event.warning {
                        Warning::Quota(percent) => percent,
                        Warning::Expiry => 0,
                    };
                    *warnings
                        .entry((event.queued_package_id, percent))
                        .or_insert(0) += 1;
                }
            }
        }
        told.sort_unstable();
        events.sort_unstable();
        assert_eq!(told, events);
        for ((id, percent), count) in warnings {
            let resets = percent > 0 && self.packages[&id].terms.quota.monthly_reset();
            assert!(
                count == 1 || resets,
                "{id} was warned of {percent} {count} times"
            );
        }
    }
}

proptest! {
    #[test]
    fn the_rules_hold_whatever_happens(story in story()) {
        let (mut world, mut now) = (World::default(), START);
        for (seconds, step) in story {
            now += TimeDelta::seconds(seconds);
            world.play(now, &step);
            world.check();
        }
        world.check_events();
    }

    /// Time alone does the same however often somebody looks.
    #[test]
    fn a_queue_left_alone_ends_in_the_same_spans(
        packages in prop::collection::vec((-2..3, duration(), any::<bool>()), 1..8),
        looks in prop::collection::vec(1..500_000_i64, 1..40),
    ) {
        let mut often = Queue::new(UserId(uuid::Uuid::nil()), zone("Europe/Berlin"), Vec::new());
        for (n, (priority, duration, monthly_reset)) in (1..).zip(packages) {
            let counted = Counted::Total;
            let mut new = package(n, Quota::Limited { counted, bytes: 1, monthly_reset }, duration);
            new.priority = priority;
            often.enqueue(new, START);
        }
        let mut once = often.clone();
        let mut now = START;
        for seconds in looks {
            now += TimeDelta::seconds(seconds);
            often.advance(now);
        }
        once.advance(now);
        let lives = |queue: &Queue| queue.packages.iter().map(|p| p.life.clone()).collect::<Vec<_>>();
        prop_assert_eq!(lives(&often), lives(&once));
        let mut spans: Vec<_> = once.packages.iter().filter_map(QueuedPackage::span).collect();
        spans.sort_unstable_by_key(|span| span.active_from);
        for pair in spans.windows(2) {
            prop_assert_eq!(pair[0].expires_at, pair[1].active_from, "without a gap");
        }
    }
}
