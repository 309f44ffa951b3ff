//! The life of queues, told as tables.

use chrono::{DateTime, TimeDelta, Utc};
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::*;
use crate::packages::queued::{Charges, OrderLine, QueuedPackageStatus, Terms, Warned};
use crate::packages::{Counted, PackageDuration, PackageId, Quota, SeriesId};
use crate::revision::Revision;

/// Midnight, 1 January 2026.
pub(super) const START: DateTime<Utc> = match DateTime::from_timestamp(1_767_225_600, 0) {
    Some(start) => start,
    None => DateTime::UNIX_EPOCH,
};
const DAY: u64 = 86_400;

pub(super) fn zone(name: &str) -> TimeZone {
    let zone: crate::users::TimeZone = name.parse().unwrap();
    zone.rules().clone()
}

/// A package that was put into the queue at the start.
pub(super) fn package(id: i64, quota: Quota, duration: PackageDuration) -> QueuedPackage {
    QueuedPackage {
        id: QueuedPackageId(id),
        revision: Revision(1),
        user: UserId(Uuid::nil()),
        package: PackageId(1),
        series: SeriesId(1),
        order: OrderLine {
            order: format!("o-{id}"),
            line: 0,
        },
        terms: Terms {
            quota,
            duration,
            speed_limit_bps: 0,
        },
        priority: 0,
        enqueued_at: START,
        life: Life::Queued,
        charges: Charges::default(),
        warned: Warned::default(),
    }
}

pub(super) fn days(count: u64) -> PackageDuration {
    PackageDuration::Seconds(count * DAY)
}

pub(super) fn quota(bytes: u64) -> Quota {
    Quota::Limited {
        counted: Counted::Total,
        bytes,
        monthly_reset: false,
    }
}

pub(super) fn day(count: f64) -> DateTime<Utc> {
    #[allow(clippy::cast_possible_truncation, reason = "days of tests are few")]
    let seconds = (count * 86_400.0) as i64;
    START + TimeDelta::seconds(seconds)
}

pub(super) fn queue(packages: impl IntoIterator<Item = QueuedPackage>) -> Queue {
    let mut queue = Queue::new(UserId(Uuid::nil()), zone("UTC"), Vec::new());
    for package in packages {
        queue.enqueue(package, START);
    }
    queue
}

pub(super) fn download(bytes: u64) -> Traffic {
    Traffic {
        download: bytes,
        upload: 0,
    }
}

pub(super) fn statuses(queue: &Queue) -> Vec<QueuedPackageStatus> {
    queue.packages.iter().map(QueuedPackage::status).collect()
}

/// Packages that ended, why, when, and which one came after.
pub(super) fn ended(events: &[QueueEvent]) -> Vec<(i64, Ending, DateTime<Utc>, Option<i64>)> {
    let ended = events.iter().filter_map(|event| match event {
        QueueEvent::Expiring(event) => Some((
            event.queued_package_id.0,
            event.reason,
            event.at,
            event.next_id.map(|id| id.0),
        )),
        QueueEvent::Warning(_) => None,
    });
    ended.collect()
}

pub(super) fn warnings(events: &[QueueEvent]) -> Vec<(i64, Warning)> {
    let warnings = events.iter().filter_map(|event| match event {
        QueueEvent::Warning(event) => Some((event.queued_package_id.0, event.warning)),
        QueueEvent::Expiring(_) => None,
    });
    warnings.collect()
}

#[test]
fn the_first_is_active_at_once_and_others_wait_by_priority_then_time() {
    let with = |id, priority, seconds| QueuedPackage {
        priority,
        enqueued_at: START + TimeDelta::seconds(seconds),
        ..package(id, Quota::Unlimited, days(1))
    };
    let mut queue = queue([
        with(1, 0, 0),
        with(2, 0, 2),
        with(3, 5, 3),
        with(4, 5, 3),
        with(5, 0, 1),
    ]);
    let mut order = Vec::new();
    while let Some(active) = queue.active() {
        order.push(active.id.0);
        queue.cancel(QueuedPackageId(*order.last().unwrap()), "", day(0.5));
    }
    assert_eq!(order, [1, 3, 4, 5, 2]);
}

#[test]
fn packages_overdue_in_one_go_each_get_their_own_time() {
    let mut queue = queue((1..=4).map(|id| package(id, Quota::Unlimited, days(1))));
    queue.advance(day(2.5));
    let spans: Vec<_> = queue
        .packages
        .iter()
        .map(|p| p.span().map(|s| s.active_from))
        .collect();
    assert_eq!(
        spans,
        [Some(day(0.0)), Some(day(1.0)), Some(day(2.0)), None]
    );
    let changes = queue.into_changes();
    assert_eq!(
        ended(&changes.events),
        [
            (1, Ending::Expired, day(1.0), Some(2)),
            (2, Ending::Expired, day(2.0), Some(3)),
        ]
    );
    assert_eq!(changes.packages.len(), 3, "the last has not changed");
}

#[test]
fn a_package_expires_at_the_moment_its_time_is_over_not_before() {
    let mut queue = queue([package(1, Quota::Unlimited, days(1))]);
    queue.advance(day(1.0) - TimeDelta::microseconds(1));
    assert_eq!(statuses(&queue), [QueuedPackageStatus::Active]);
    queue.advance(day(1.0));
    assert_eq!(statuses(&queue), [QueuedPackageStatus::Expired]);
    assert_eq!(
        ended(&queue.into_changes().events),
        [(1, Ending::Expired, day(1.0), None)]
    );
}

#[test]
fn what_is_cancelled_makes_room() {
    let mut queue = queue((1..=3).map(|id| package(id, Quota::Unlimited, days(9))));
    assert!(queue.cancel(QueuedPackageId(2), "a mistake", day(1.0)));
    assert!(!queue.cancel(QueuedPackageId(2), "again", day(1.0)));
    assert!(queue.cancel(QueuedPackageId(1), "moved away", day(2.0)));
    assert!(!queue.cancel(QueuedPackageId(9), "unknown", day(2.0)));
    let last = queue.active().unwrap();
    assert_eq!((last.id.0, last.span().unwrap().active_from), (3, day(2.0)));
    assert_eq!(
        queue.find(QueuedPackageId(1)).unwrap().end_reason(),
        "moved away"
    );
    assert_eq!(
        ended(&queue.into_changes().events),
        [
            (2, Ending::Cancelled, day(1.0), Some(1)),
            (1, Ending::Cancelled, day(2.0), Some(3)),
        ]
    );
}

#[test]
fn an_erased_subscriber_has_nothing_left_and_nothing_begins() {
    let mut queue = queue((1..=3).map(|id| package(id, Quota::Unlimited, days(9))));
    queue.cancel_all("erased", day(1.0));
    assert!(
        statuses(&queue)
            .iter()
            .all(|status| *status == QueuedPackageStatus::Cancelled)
    );
    let began = queue.packages.iter().filter(|p| p.span().is_some()).count();
    assert_eq!(began, 1);
    assert_eq!(ended(&queue.into_changes().events).last().unwrap().3, None);
}

#[test]
fn warnings_are_given_once_the_highest_first() {
    let mut queue = queue([package(1, quota(1000), days(30))]);
    for (at, bytes) in [
        (1.0, 799),
        (2.0, 1),
        (3.0, 100),
        (4.0, 50),
        (5.0, 1),
        (6.0, 49),
    ] {
        queue.charge(day(at), download(bytes)).unwrap();
    }
    let events = queue.into_changes().events;
    let given = [80, 95, 100].map(|percent| (1, Warning::Quota(percent)));
    assert_eq!(warnings(&events), given);
}

#[test]
fn owners_are_warned_three_days_before_a_package_expires() {
    let mut queue = queue([
        package(1, Quota::Unlimited, days(10)),
        package(2, Quota::Unlimited, days(3)),
        package(3, Quota::Unlimited, days(4)),
    ]);
    let mut given = Vec::new();
    for at in [6.9, 7.0, 8.0, 10.0, 12.9, 13.5, 14.0, 14.1] {
        let before = warnings(&queue.events).len();
        queue.advance(day(at));
        given.extend(
            warnings(&queue.events)[before..]
                .iter()
                .map(|(id, _)| (*id, at)),
        );
    }
    // The second lasts no longer than the warning is early.
    assert_eq!(given, [(1, 7.0), (3, 14.0)]);
}

#[test]
fn a_clock_that_was_set_back_ends_nothing_before_it_began() {
    let mut queue = queue([
        package(1, Quota::Unlimited, days(1)),
        package(2, Quota::Unlimited, days(1)),
    ]);
    queue.cancel(QueuedPackageId(1), "", START - TimeDelta::hours(1));
    let spans: Vec<_> = queue
        .packages
        .iter()
        .map(|p| p.span().unwrap().active_from)
        .collect();
    assert_eq!(spans, [START, START]);
    assert_eq!(
        queue.find(QueuedPackageId(1)).unwrap().ended_at(),
        Some(START)
    );
}
