//! What charging does to a queue, told as tables.

use chrono::TimeDelta;

use super::super::tests::*;
use super::*;
use crate::packages::PackageDuration;
use crate::packages::queued::QueuedPackageStatus;

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
fn use_in_the_second_of_a_purchase_is_of_the_package() {
    let second = |millis| day(1.0) + TimeDelta::milliseconds(millis);
    let bought = QueuedPackage {
        enqueued_at: second(700),
        ..package(1, quota(100), days(30))
    };
    for (at, taken) in [
        (second(-1000), 0),
        (day(1.0), 100),
        (second(900), 100),
        (second(1000), 100),
    ] {
        let mut queue = queue([]);
        queue.enqueue(bought.clone(), second(700));
        let charged = queue.charge(at, download(100)).unwrap();
        assert_eq!(charged.left.download, 100 - taken, "{at}");
        let used_up = queue.find(QueuedPackageId(1)).unwrap();
        // It ends no earlier than it began.
        let ended = (taken > 0).then(|| at.max(second(700)));
        assert_eq!(used_up.ended_at(), ended, "{at}");
    }
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
