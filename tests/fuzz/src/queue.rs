//! Any story of a subscriber's packages, with every quota, duration, zone and clock that can be
//! configured: the rules of a queue hold after each step, and no byte is lost or made.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use chrono::{DateTime, TimeDelta, Utc};
use jiff::tz::TimeZone;
use telecom_server::packages::{
    Charges, DurationDraft, Life, OrderLine, PackageDraft, PackageId, Queue, QueueEvent,
    QueuedPackage, QueuedPackageId, QueuedPackageStatus, QuotaDraft, QuotaKind, SeriesId, Terms,
    Traffic, Warned,
};
use telecom_server::revision::Revision;
use telecom_server::users::UserId;
use uuid::Uuid;

const STEPS: usize = 64;
/// More bytes than a quota can have, few enough that no sum of all steps ends a 64-bit counter.
const MOST_BYTES: u64 = 1 << 56;
/// Clocks of databases are set back no farther.
const SET_BACK: i64 = 3_600_000_000;
/// Years go by, but no ages: 2200-01-01.
const LAST: i64 = 7_258_118_400;
const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
    "Africa/Casablanca",
    "Antarctica/Troll",
];

/// Plays what the input tells.
pub fn run(input: &[u8]) {
    // An input that ends in the middle has told what it had to tell.
    let _ = play(&mut Unstructured::new(input));
}

fn play(input: &mut Unstructured) -> Result<()> {
    let zone = TimeZone::get(input.choose(&ZONES)?).expect("a zone");
    let start = i64::from(input.arbitrary::<u32>()?);
    let mut now = DateTime::from_timestamp(start, 0).expect("a moment");
    let mut world = World::new(zone);
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        now = later(now, input)?;
        world.step(now, input)?;
        world.check();
    }
    Ok(())
}

fn later(now: DateTime<Utc>, input: &mut Unstructured) -> Result<DateTime<Utc>> {
    let micros = match input.int_in_range(0..=4)? {
        0 => 0,
        1 => -input.int_in_range(0..=SET_BACK)?,
        2 => input.int_in_range(0..=86_400_000_000)?,
        3 => input.int_in_range(0..=400 * 86_400_000_000)?,
        // To the very moment of a month's or a day's end.
        _ => input.int_in_range(0..=10_000)? * 3_600_000_000,
    };
    let then = now + TimeDelta::microseconds(micros);
    Ok(then.min(DateTime::from_timestamp(LAST, 0).expect("a moment")))
}

/// Terms that can be bought, the extremes among them.
fn terms(input: &mut Unstructured) -> Result<Option<Terms>> {
    let draft = PackageDraft {
        series_id: 1,
        name: "package".to_owned(),
        description: String::new(),
        quota: Some(QuotaDraft {
            kind: Some(*input.choose(&QuotaKind::ALL)?),
            bytes: input.arbitrary::<u64>()? >> input.int_in_range(0..=64_u32)?.min(63),
            monthly_reset: input.arbitrary()?,
        }),
        duration: Some(if input.arbitrary()? {
            DurationDraft::Seconds(i64::from(input.arbitrary::<u32>()?), 0)
        } else {
            DurationDraft::Months(u32::from(input.arbitrary::<u8>()?))
        }),
        speed_limit_bps: 0,
    };
    let config = draft.check().ok();
    Ok(config.map(|config| Terms {
        quota: config.quota,
        duration: config.duration,
        speed_limit_bps: config.speed_limit_bps,
    }))
}

/// All packages of a subscriber, as the database would keep them.
struct World {
    zone: TimeZone,
    packages: BTreeMap<QueuedPackageId, QueuedPackage>,
    told: BTreeMap<QueuedPackageId, u32>,
    /// Bytes that packages said they took.
    taken: u128,
}

impl World {
    fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            packages: BTreeMap::new(),
            told: BTreeMap::new(),
            taken: 0,
        }
    }

    fn step(&mut self, now: DateTime<Utc>, input: &mut Unstructured) -> Result<()> {
        let mut queue = Queue::new(
            UserId(Uuid::nil()),
            self.zone.clone(),
            self.packages.values().cloned().collect(),
        );
        match input.int_in_range(0..=9)? {
            0..=3 => {
                if let Some(terms) = terms(input)? {
                    queue.advance(now);
                    let new = self.bought(terms, input.int_in_range(-1000..=1000)?, now);
                    queue.enqueue(new, now);
                }
            }
            4..=6 => {
                let traffic = Traffic {
                    download: input.arbitrary::<u64>()? % MOST_BYTES,
                    upload: input.arbitrary::<u64>()? % MOST_BYTES,
                };
                let ago = TimeDelta::seconds(i64::from(input.arbitrary::<u16>()?));
                self.charge(&mut queue, now - ago, traffic);
            }
            7 => {
                let id = QueuedPackageId(input.int_in_range(0..=16)?);
                queue.advance(now);
                let open = queue.find(id).is_some_and(|p| p.ended_at().is_none());
                assert_eq!(queue.cancel(id, "asked for", now), open);
            }
            8 => {
                queue.advance(now);
                queue.cancel_all("erased", now);
                assert_eq!(queue.active(), None);
            }
            _ => {
                queue.advance(now);
                let once = queue.clone().into_changes();
                queue.advance(now);
                assert_eq!(queue.clone().into_changes(), once, "once is enough");
            }
        }
        self.keep(queue);
        Ok(())
    }

    fn bought(&mut self, terms: Terms, priority: i32, now: DateTime<Utc>) -> QueuedPackage {
        let number = i64::try_from(self.packages.len()).expect("few packages") + 1;
        let package = QueuedPackage {
            id: QueuedPackageId(number),
            user: UserId(Uuid::nil()),
            package: PackageId(1),
            series: SeriesId(1),
            order: OrderLine {
                order: number.to_string(),
                line: 0,
            },
            terms,
            priority,
            revision: Revision(1),
            life: Life::Queued,
            charges: Charges::default(),
            warned: Warned::default(),
            enqueued_at: now,
        };
        self.packages.insert(package.id, package.clone());
        package
    }

    fn charge(&mut self, queue: &mut Queue, at: DateTime<Utc>, traffic: Traffic) {
        let before = queue.clone().into_changes();
        let Ok(charged) = queue.charge(at, traffic) else {
            assert_eq!(queue.clone().into_changes(), before, "nothing was charged");
            return;
        };
        let all = charged.packages.iter().map(|(_, counts)| *counts);
        let counts = all
            .clone()
            .map(|c| u128::from(c.charged) + u128::from(c.overage));
        let counts: u128 = counts.sum();
        let uncounted: u128 = all.map(|counts| u128::from(counts.uncounted)).sum();
        let left = u128::from(charged.left.download) + u128::from(charged.left.upload);
        let all = u128::from(traffic.download) + u128::from(traffic.upload);
        assert_eq!(counts + uncounted + left, all, "bytes are lost or made");
        assert!(uncounted <= u128::from(traffic.upload));
        self.taken += counts;
    }

    fn keep(&mut self, queue: Queue) {
        let changes = queue.into_changes();
        for package in changes.packages {
            let before = self.packages.insert(package.id, package.clone());
            let before = before.expect("only what was there changes");
            let open = before.ended_at().is_none();
            assert!(
                open || before.life == package.life,
                "what has ended stays so"
            );
            let moved = before.status() != package.status();
            assert_eq!(moved, before.revision != package.revision, "{package:?}");
            assert!(before.revision.0 <= package.revision.0, "{package:?}");
        }
        for event in changes.events {
            if let QueueEvent::Expiring(event) = event {
                *self.told.entry(event.queued_package_id).or_default() += 1;
                let ended = &self.packages[&event.queued_package_id];
                assert_eq!(ended.ended_at(), Some(event.at));
            }
        }
    }

    fn check(&self) {
        let count = |status| {
            let packages = self.packages.values();
            packages
                .filter(|package| package.status() == status)
                .count()
        };
        let active = count(QueuedPackageStatus::Active);
        assert!(active <= 1, "{active} are active");
        assert!(
            active == 1 || count(QueuedPackageStatus::Queued) == 0,
            "one waits for nothing"
        );
        let mut kept = 0;
        for package in self.packages.values() {
            let (terms, charges) = (&package.terms, &package.charges);
            kept += u128::from(charges.charged) + u128::from(charges.overage);
            assert!(charges.period_charged <= charges.charged, "{package:?}");
            assert!(
                terms
                    .quota
                    .bytes()
                    .is_none_or(|quota| charges.period_charged <= quota)
            );
            let ended = package.ended_at();
            assert_eq!(
                self.told.get(&package.id).copied(),
                ended.map(|_| 1),
                "told once"
            );
            if let Some(span) = package.span() {
                assert!(package.enqueued_at <= span.active_from, "{package:?}");
                assert!(span.active_from < span.expires_at, "{package:?}");
                assert!(ended.is_none_or(|end| span.active_from <= end && end <= span.expires_at));
                let reset = package.next_reset_at();
                assert!(reset.is_none_or(|at| span.active_from < at && at < span.expires_at));
            }
        }
        assert_eq!(kept, self.taken, "the packages have what was charged");
    }
}

/// Stories to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let story = |seed: u8| {
        (0..200_u8)
            .map(|n| n.wrapping_mul(seed).wrapping_add(seed))
            .collect()
    };
    [1, 7, 37, 91, 151, 211].map(story).to_vec()
}
