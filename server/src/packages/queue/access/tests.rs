//! What follows from a queue for its owner's access, told as a table.

use super::*;
use crate::packages::queue::tests::{START, day, days, download, package, queue, quota, zone};
use crate::packages::{Counted, PackageDuration, Quota, SeriesId};
use crate::users::UserId;

fn monthly(bytes: u64) -> Quota {
    Quota::Limited {
        counted: Counted::Total,
        bytes,
        monthly_reset: true,
    }
}

/// Ten days of a series, by priority.
fn ten_days(id: i64, series: i32, priority: i32) -> QueuedPackage {
    QueuedPackage {
        series: SeriesId(series),
        priority,
        ..package(id, quota(100), days(10))
    }
}

fn used(packages: impl IntoIterator<Item = QueuedPackage>, at: f64, bytes: u64) -> Queue {
    let mut queue = queue(packages);
    queue.charge(day(at), download(bytes)).unwrap();
    queue
}

#[test]
fn access_follows_the_active_package_and_those_of_its_series_that_come_at_once() {
    use Access::{Granted, NoPackage, QuotaUsedUp};
    let months = |quota| package(1, quota, PackageDuration::Months(3));
    let centuries =
        |count| (1..=count).map(|id| package(id, Quota::Unlimited, PackageDuration::Months(120)));
    let waits = |series| [ten_days(1, 1, 0), ten_days(2, series, 0), ten_days(3, 1, 0)];
    // (why this one, the queue; access, of which series, until which day)
    for (case, queue, expected) in [
        ("nothing", queue([]), (NoPackage, None, None)),
        (
            "one",
            queue([ten_days(1, 7, 0)]),
            (Granted, Some(7), Some(10.0)),
        ),
        (
            "three of a series",
            queue(waits(1)),
            (Granted, Some(1), Some(30.0)),
        ),
        (
            "another between",
            queue(waits(2)),
            (Granted, Some(1), Some(10.0)),
        ),
        (
            "another between, but behind",
            queue([ten_days(1, 1, 0), ten_days(2, 2, 0), ten_days(3, 1, 1)]),
            (Granted, Some(1), Some(20.0)),
        ),
        (
            "not quite used up",
            used(waits(1), 1.0, 99),
            (Granted, Some(1), Some(30.0)),
        ),
        (
            "used up",
            used(waits(1), 1.0, 100),
            (Granted, Some(1), Some(21.0)),
        ),
        (
            "used up, another next",
            used(waits(2), 1.0, 100),
            (Granted, Some(2), Some(11.0)),
        ),
        (
            "all used up",
            used(waits(1), 1.0, 300),
            (NoPackage, None, None),
        ),
        ("over", used(waits(1), 31.0, 1), (NoPackage, None, None)),
        (
            "used up until it is whole again",
            used([months(monthly(100))], 1.0, 150),
            (QuotaUsedUp, Some(1), Some(31.0)),
        ),
        (
            "the same with more to come",
            used([months(monthly(100)), ten_days(2, 1, 0)], 1.0, 100),
            (QuotaUsedUp, Some(1), Some(31.0)),
        ),
        (
            "whole again",
            used([months(monthly(100))], 31.0, 1),
            (Granted, Some(1), Some(90.0)),
        ),
        (
            "used up in its last month",
            used([months(monthly(100))], 61.0, 100),
            (NoPackage, None, None),
        ),
        (
            "nothing to be used up",
            used([months(Quota::Unlimited)], 1.0, 1 << 60),
            (Granted, Some(1), Some(90.0)),
        ),
        (
            "longer than anybody waits",
            queue(centuries(18)),
            (Granted, Some(1), None),
        ),
    ] {
        let access = queue.access();
        let series = access.series.map(|series| series.0);
        let until = expected.2.map(day);
        assert_eq!(
            (access.access, series, access.valid_until),
            (expected.0, expected.1, until),
            "{case}"
        );
    }
    assert!(queue(centuries(2)).access().valid_until.is_some());
}

#[test]
fn months_to_come_are_those_of_the_owners_calendar() {
    let mut queue = Queue::new(
        UserId(uuid::Uuid::nil()),
        zone("Asia/Kathmandu"),
        Vec::new(),
    );
    for id in 1..=2 {
        let mut package = package(id, Quota::Unlimited, PackageDuration::Months(1));
        package.terms.speed_limit_bps = 5;
        queue.enqueue(package, START);
    }
    let access = queue.access();
    // From 1 January to 1 March: no leap year, and clocks are never changed there.
    assert_eq!(
        (access.valid_until, access.speed_limit_bps),
        (Some(day(59.0)), 5)
    );
}
