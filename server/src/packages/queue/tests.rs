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

fn days(count: u64) -> PackageDuration {
    PackageDuration::Seconds(count * DAY)
}

fn quota(bytes: u64) -> Quota {
    Quota::Limited {
        counted: Counted::Total,
        bytes,
        monthly_reset: false,
    }
}

fn day(count: f64) -> DateTime<Utc> {
    #[allow(clippy::cast_possible_truncation, reason = "days of tests are few")]
    let seconds = (count * 86_400.0) as i64;
    START + TimeDelta::seconds(seconds)
}

fn queue(packages: impl IntoIterator<Item = QueuedPackage>) -> Queue {
    let mut queue = Queue::new(UserId(Uuid::nil()), zone("UTC"), Vec::new());
    for package in packages {
        queue.enqueue(package, START);
    }
    queue
}

fn download(bytes: u64) -> Traffic {
    Traffic {
        download: bytes,
        upload: 0,
    }
}

fn statuses(queue: &Queue) -> Vec<QueuedPackageStatus> {
    queue.packages.iter().map(QueuedPackage::status).collect()
}

/// Packages that ended, why, when, and which one came after.
fn ended(events: &[QueueEvent]) -> Vec<(i64, Ending, DateTime<Utc>, Option<i64>)> {
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

fn warnings(events: &[QueueEvent]) -> Vec<(i64, Warning)> {
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
fn a_quota_that_is_used_up_ends_its_package_and_the_rest_goes_on() {
    let mut queue = queue([
        package(1, quota(100), days(30)),
        package(2, quota(50), days(30)),
        package(3, quota(1000), days(30)),
    ]);
    let charged = queue.charge(day(1.0), download(170)).unwrap();
    let counts = |charged, overage| Counts {
        charged,
        overage,
        uncounted: 0,
    };
    assert_eq!(charged.left, Traffic::default());
    assert_eq!(
        charged.packages,
        [
            (QueuedPackageId(1), counts(100, 0)),
            (QueuedPackageId(2), counts(50, 0)),
            (QueuedPackageId(3), counts(20, 0)),
        ]
    );
    assert_eq!(
        queue.active().unwrap().span().unwrap().active_from,
        day(1.0)
    );
    // Used up to the byte: over, with nothing to go on.
    let charged = queue.charge(day(2.0), download(980)).unwrap();
    assert_eq!(charged.packages, [(QueuedPackageId(3), counts(980, 0))]);
    assert_eq!(queue.active(), None);
    let late = queue.charge(day(2.0), download(5)).unwrap();
    assert_eq!(
        (late.packages, late.left),
        (vec![], download(5)),
        "nobody's"
    );
    let events = queue.into_changes().events;
    assert_eq!(
        ended(&events),
        [
            (1, Ending::Exhausted, day(1.0), Some(2)),
            (2, Ending::Exhausted, day(1.0), Some(3)),
            (3, Ending::Exhausted, day(2.0), None),
        ]
    );
    let all = [1, 2, 3].map(|id| (id, Warning::Quota(100)));
    assert_eq!(warnings(&events), all);
}

#[test]
fn what_no_package_takes_is_overage_of_the_last() {
    let mut queue = queue([package(1, quota(100), days(30))]);
    // Bought after the use that is told late: it is not charged for it.
    let bought = QueuedPackage {
        enqueued_at: day(2.0),
        ..package(2, quota(100), days(30))
    };
    queue.enqueue(bought, day(2.0));
    let charged = queue.charge(day(1.0), download(130)).unwrap();
    let counts = Counts {
        charged: 100,
        overage: 30,
        uncounted: 0,
    };
    assert_eq!(charged.packages, [(QueuedPackageId(1), counts)]);
    let next = queue.active().unwrap();
    assert_eq!((next.id.0, next.span().unwrap().active_from), (2, day(2.0)));
    let before = queue.charge(day(1.5), download(7)).unwrap();
    assert_eq!(before.left, download(7), "of a time before it was active");
}

#[test]
fn only_download_counts_where_the_quota_says_so() {
    let by_download = Quota::Limited {
        counted: Counted::Download,
        bytes: 100,
        monthly_reset: false,
    };
    let mut queue = queue([package(1, by_download, days(30))]);
    let (download, upload) = (60, 5000);
    let charged = queue
        .charge(day(1.0), Traffic { download, upload })
        .unwrap();
    let counts = charged.packages[0].1;
    assert_eq!((counts.charged, counts.uncounted), (60, 5000));
    assert_eq!(charged.left, Traffic::default());
    assert_eq!(queue.active().unwrap().charges.charged, 60);
}

#[test]
fn a_monthly_quota_is_whole_again_and_until_then_more_is_overage() {
    let monthly = Quota::Limited {
        counted: Counted::Total,
        bytes: 100,
        monthly_reset: true,
    };
    let mut queue = queue([package(1, monthly, PackageDuration::Months(2))]);
    queue.charge(day(10.0), download(130)).unwrap();
    let active = queue.active().unwrap();
    let (charges, reset) = (active.charges, active.next_reset_at());
    assert_eq!(
        (charges.charged, charges.overage, charges.period_charged),
        (100, 30, 100)
    );
    assert_eq!(reset, Some(day(31.0)), "1 February");
    queue.advance(day(31.0) - TimeDelta::microseconds(1));
    assert_eq!(queue.active().unwrap().charges.period_charged, 100);
    queue.advance(day(31.0));
    let active = queue.active().unwrap();
    assert_eq!(
        (active.charges.period_charged, active.charges.charged),
        (0, 100)
    );
    assert_eq!((active.next_reset_at(), active.warned.percent), (None, 0));
    // The last month: used up is over.
    queue.charge(day(40.0), download(85)).unwrap();
    queue.charge(day(41.0), download(15)).unwrap();
    assert_eq!(statuses(&queue), [QueuedPackageStatus::Exhausted]);
    let percent = |percent| (1, Warning::Quota(percent));
    let events = queue.into_changes().events;
    assert_eq!(warnings(&events), [percent(100), percent(80), percent(100)]);
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

#[test]
fn late_use_is_for_the_package_of_its_time_and_never_for_the_next() {
    let mut queue = queue([
        package(1, quota(100), days(10)),
        package(2, quota(50), days(30)),
    ]);
    queue.charge(day(1.0), download(60)).unwrap();
    queue.advance(day(12.0));
    let numbers = |queue: &Queue, id| {
        let charges = queue.find(QueuedPackageId(id)).unwrap().charges;
        (charges.charged, charges.overage, charges.period_charged)
    };
    let taken = |at, bytes: u64| {
        let mut queue = queue.clone();
        let charged = queue.charge(day(at), download(bytes)).unwrap();
        let of = |(id, counts): &(QueuedPackageId, Counts)| (id.0, counts.charged, counts.overage);
        (charged.packages.first().map(of), charged.left.download)
    };
    // (when, bytes, who took how many within its quota and beyond it, what is left)
    for (at, bytes, took, left) in [
        (9.999, 40, Some((1, 40, 0)), 0),
        (9.999, 41, Some((1, 40, 1)), 0),
        (0.0, 1, Some((1, 1, 0)), 0),
        (10.0, 41, Some((2, 41, 0)), 0),
        (-0.001, 41, None, 41),
    ] {
        assert_eq!(taken(at, bytes), (took, left), "{at} {bytes}");
    }
    queue.charge(day(9.0), download(45)).unwrap();
    assert_eq!(
        (numbers(&queue, 1), numbers(&queue, 2)),
        ((100, 5, 100), (0, 0, 0))
    );
    // It has ended, and stays so, even with its quota used up.
    assert_eq!(statuses(&queue)[0], QueuedPackageStatus::Expired);
}

#[test]
fn late_use_of_an_earlier_month_leaves_the_present_quota_alone() {
    let monthly = Quota::Limited {
        counted: Counted::Total,
        bytes: 100,
        monthly_reset: true,
    };
    let mut queue = queue([package(1, monthly, PackageDuration::Months(3))]);
    queue.advance(day(31.0));
    queue.charge(day(32.0), download(70)).unwrap();
    let late = queue.charge(day(30.999), download(500)).unwrap();
    let counts = Counts {
        charged: 500,
        ..Counts::default()
    };
    assert_eq!(late.packages, [(QueuedPackageId(1), counts)]);
    let charges = queue.active().unwrap().charges;
    assert_eq!((charges.charged, charges.period_charged), (570, 70));
    // At the very moment it is the new month.
    queue.charge(day(31.0), download(30)).unwrap();
    assert_eq!(queue.active().unwrap().charges.period_charged, 100);
}

#[test]
fn more_than_can_be_counted_changes_nothing() {
    let most = i64::MAX.unsigned_abs();
    let mut queue = queue([package(1, Quota::Unlimited, days(30))]);
    queue.charge(day(1.0), download(most - 5)).unwrap();
    let before = queue.clone().into_changes();
    for (at, traffic) in [
        (2.0, download(6)),
        (
            40.0,
            Traffic {
                download: u64::MAX,
                upload: 1,
            },
        ),
        (2.0, download(u64::MAX)),
    ] {
        assert_eq!(queue.charge(day(at), traffic), Err(TooMuch));
        assert_eq!(queue.clone().into_changes(), before);
    }
    queue.charge(day(2.0), download(5)).unwrap();
    assert_eq!(queue.active().unwrap().charges.charged, most);
}
