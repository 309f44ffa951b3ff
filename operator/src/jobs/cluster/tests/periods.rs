//! How often a job should run, as an alert asks: said while it should, and not a moment too early.

use super::*;
use crate::jobs::period::Periods;

const JOB: JobName = JobName::BillTraffic;

/// A cluster that was made long ago, with one success of each job.
fn running(spec: &str, success: &str, now: &str) -> ClusterLoops {
    let mut given = inputs(spec);
    given.created = "2026-02-01T00:00:00Z".parse().unwrap();
    let mut loops = ClusterLoops::new(Arc::new(given), day(now));
    loops.look(day(now));
    let past = Past {
        last_success: Some(day(success)),
        ..Past::default()
    };
    let states = States {
        now: day(now),
        jobs: JobName::ALL.map(|name| (name, past.clone())).into(),
    };
    loops.learn(Ok(states), day(now));
    loops
}

/// `4T10:00` is ten o'clock on Wednesday, the fourth of March.
fn day(text: &str) -> Timestamp {
    format!("2026-03-{text:0>8}:00Z").parse().unwrap()
}

fn seconds(periods: &mut Periods, loops: &ClusterLoops, now: &str) -> Option<i64> {
    let all = periods.of(loops, day(now));
    let (_, period) = all.iter().find(|(name, _)| *name == JOB)?;
    period.map(|period| period.as_secs())
}

#[test]
fn an_interval_is_its_period_and_a_cron_expression_the_longer_gap_about_its_latest_slot() {
    let workdays = "jobs: {billTraffic: {schedule: '0 8-18 * * 1-5'}}";
    let cases = [
        ("jobs: {billTraffic: {interval: 90s}}", "4T10:00", Some(90)),
        ("{}", "4T10:00", Some(5)),
        (HOURLY, "4T10:30", Some(3600)),
        (workdays, "4T10:30", Some(3600)),
        // Friday evening to Monday, and on Monday until nine.
        (workdays, "6T18:30", Some(62 * 3600)),
        (workdays, "9T08:30", Some(62 * 3600)),
        (workdays, "9T09:30", Some(3600)),
        (
            "jobs: {billTraffic: {schedule: '0 0 31 2 *'}}",
            "4T10:00",
            None,
        ),
        (
            "jobs: {billTraffic: {interval: 5s, suspend: true}}",
            "4T10:00",
            None,
        ),
    ];
    for (spec, now, expected) in cases {
        let loops = running(spec, "3T00:00", now);
        let found = seconds(&mut Periods::default(), &loops, now);
        assert_eq!(found, expected, "{spec} at {now}");
    }
}

#[test]
fn who_was_held_has_two_periods_for_its_first_success() {
    let mut loops = running(HOURLY, "4T09:00", "4T09:10");
    let mut periods = Periods::default();
    assert_eq!(seconds(&mut periods, &loops, "4T09:10"), Some(3600));

    let mut given = inputs(HOURLY);
    given.held = Some(Held::ScaledToZero);
    loops.update(Arc::new(given), day("4T09:20"));
    assert_eq!(seconds(&mut periods, &loops, "4T09:20"), None);
    assert_eq!(seconds(&mut periods, &loops, "5T09:20"), None);

    loops.update(Arc::new(inputs(HOURLY)), day("5T09:21"));
    assert_eq!(seconds(&mut periods, &loops, "5T09:21"), None);
    assert_eq!(seconds(&mut periods, &loops, "5T11:19"), None);
    assert_eq!(seconds(&mut periods, &loops, "5T11:20"), Some(3600));
}

#[test]
fn the_first_success_after_an_edit_is_enough() {
    let mut loops = running(HOURLY, "4T09:00", "4T09:10");
    let mut periods = Periods::default();
    let edited = "jobs: {billTraffic: {schedule: '30 * * * *'}}";
    loops.update(Arc::new(inputs(edited)), day("4T09:15"));
    assert_eq!(seconds(&mut periods, &loops, "4T09:16"), None);

    let key = RunKey::Slot(day("4T09:30"));
    loops.look(day("4T09:30"));
    loops.answer(JOB, &key, done(&key, "09:30:01"), day("4T09:31"));
    assert_eq!(seconds(&mut periods, &loops, "4T09:31"), Some(3600));
}
