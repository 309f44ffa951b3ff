//! Corrections, told as tables.

use super::*;
use crate::access::Access;
use crate::packages::queue::tests::{day, days, download, ended, package, queue, quota, warnings};
use crate::packages::queued::{Charges, QueuedPackageStatus as Status};
use crate::packages::{Counted, PackageDuration, Quota};

const FIRST: QueuedPackageId = QueuedPackageId(1);

fn monthly(bytes: u64) -> Quota {
    Quota::Limited {
        counted: Counted::Total,
        bytes,
        monthly_reset: true,
    }
}

/// A package in its second of three months, the first of which was used up and ten bytes more.
fn second_month(used: u64) -> Queue {
    let mut queue = queue([package(1, monthly(100), PackageDuration::Months(3))]);
    queue.charge(day(1.0), download(110)).unwrap();
    queue.charge(day(40.0), download(used)).unwrap();
    queue
}

fn charges(queue: &Queue) -> (u64, u64, u64) {
    let Charges {
        charged,
        overage,
        period_charged,
    } = queue.find(FIRST).unwrap().charges;
    (charged, overage, period_charged)
}

/// Bytes of a correction; what it did within and beyond the quota; what is charged within it, beyond
/// it, and within it in this month.
type Case = (
    i64,
    Result<(i64, i64), Unadjustable>,
    (u64, u64, u64),
    Status,
);

fn check(queue: &Queue, cases: &[Case]) {
    for (bytes, expected, after, status) in cases {
        let mut queue = queue.clone();
        let adjusted = queue.adjust(FIRST, *bytes, day(41.0));
        let adjusted = adjusted.map(|a| (a.charged, a.overage));
        assert_eq!(adjusted, *expected, "{bytes}");
        assert_eq!(charges(&queue), *after, "{bytes}");
        let package = queue.find(FIRST).unwrap();
        assert_eq!(package.status(), *status, "{bytes}");
    }
}

fn used(bytes: u64) -> Queue {
    let mut queue = queue([package(1, quota(100), days(60))]);
    queue.charge(day(1.0), download(bytes)).unwrap();
    queue
}

#[test]
fn what_is_charged_goes_to_the_quota_then_beyond_and_what_is_given_back_the_other_way() {
    use Status::{Active, Exhausted};
    let most = i64::MAX;
    let beyond = most.unsigned_abs() - 40;
    let cases = [
        (30, Ok((30, 0)), (90, 0, 90), Active),
        (40, Ok((40, 0)), (100, 0, 100), Exhausted),
        (47, Ok((40, 7)), (100, 7, 100), Exhausted),
        (most, Ok((40, most - 40)), (100, beyond, 100), Exhausted),
        (-60, Ok((-60, 0)), (0, 0, 0), Active),
        (-61, Err(Unadjustable::Less(60)), (60, 0, 60), Active),
        (i64::MIN, Err(Unadjustable::Less(60)), (60, 0, 60), Active),
    ];
    check(&used(60), &cases);
    // Of this month first, then of those before.
    let cases = [
        (-35, Ok((-25, -10)), (105, 0, 5), Active),
        (-50, Ok((-40, -10)), (90, 0, 0), Active),
        (75, Ok((70, 5)), (200, 15, 100), Active),
    ];
    check(&second_month(30), &cases);
    let unlimited = queue([package(1, Quota::Unlimited, days(60))]);
    let all = most.unsigned_abs();
    check(&unlimited, &[(most, Ok((most, 0)), (all, 0, all), Active)]);
}

#[test]
fn what_has_ended_stays_so_whatever_is_given_back() {
    use Status::Exhausted;
    let cases = [
        (-20, Ok((0, -20)), (100, 10, 100), Exhausted),
        (-70, Ok((-40, -30)), (60, 0, 60), Exhausted),
        (-130, Ok((-100, -30)), (0, 0, 0), Exhausted),
        (5, Ok((0, 5)), (100, 35, 100), Exhausted),
        (
            i64::MAX,
            Err(Unadjustable::TooMuch),
            (100, 30, 100),
            Exhausted,
        ),
    ];
    check(&used(130), &cases);
}

#[test]
fn a_package_that_is_used_up_by_it_makes_room_for_the_next() {
    let mut queue = queue([
        package(1, quota(100), days(30)),
        package(2, quota(100), days(30)),
    ]);
    assert_eq!(
        queue.adjust(QueuedPackageId(2), 1, day(1.0)),
        Err(Unadjustable::Waits)
    );
    assert_eq!(
        queue.adjust(QueuedPackageId(3), 1, day(1.0)),
        Err(Unadjustable::Unknown)
    );
    queue.adjust(FIRST, 130, day(1.0)).unwrap();
    let next = queue.active().unwrap();
    assert_eq!((next.id.0, next.span().unwrap().active_from), (2, day(1.0)));
    assert_eq!(
        next.charges,
        Charges::default(),
        "the rest stays where it is"
    );
    assert_eq!(queue.access().access, Access::Granted);
    // Late, and with room again: nothing comes back.
    queue.adjust(FIRST, -130, day(2.0)).unwrap();
    assert_eq!(queue.active().unwrap().id.0, 2);
    let events = queue.into_changes().events;
    assert_eq!(warnings(&events), [(1, Warning::Quota(100))]);
    assert_eq!(ended(&events), [(1, Ending::Exhausted, day(1.0), Some(2))]);
}

#[test]
fn a_quota_that_is_given_back_may_be_used_again() {
    let mut queue = second_month(130);
    assert_eq!(queue.access().access, Access::QuotaUsedUp);
    queue.adjust(FIRST, -40, day(41.0)).unwrap();
    assert_eq!(queue.access().access, Access::QuotaUsedUp, "overage first");
    queue.adjust(FIRST, -1, day(41.0)).unwrap();
    assert_eq!(queue.access().access, Access::Granted);
    queue.adjust(FIRST, 1, day(41.0)).unwrap();
    assert_eq!(queue.access().access, Access::QuotaUsedUp);
    let given: Vec<_> = warnings(&queue.into_changes().events);
    assert_eq!(given, [(1, Warning::Quota(100)); 2], "once in each month");
}

#[test]
fn a_package_that_is_over_can_be_corrected_when_it_is_remembered() {
    let mut before = queue([package(1, quota(100), days(1))]);
    before.charge(day(0.5), download(30)).unwrap();
    before.advance(day(2.0));
    let old = before.find(FIRST).unwrap().clone();
    let mut queue = queue([]);
    queue.remember(old.clone());
    queue.remember(old);
    let adjusted = queue.adjust(FIRST, 100, day(3.0)).unwrap();
    assert_eq!((adjusted.charged, adjusted.overage), (70, 30));
    let changes = queue.into_changes();
    assert_eq!((changes.packages.len(), changes.events.len()), (1, 0));
    assert_eq!(changes.packages[0].status(), Status::Expired);
}
