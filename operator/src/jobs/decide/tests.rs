//! What is decided in each situation that the scheduler promises something about, by its number in
//! docs/jobs.md. Those that need a server, a cluster or a clock are tested with these.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::cron::CronSchedule;
use super::super::schedule::{Count, Interval, Schedule};
use super::{Decision, Known, Tried, Wanted, decide};

/// A time on 4 March 2026, a Wednesday, or on the date that is given.
fn at(text: &str) -> Timestamp {
    let text = match text.len() {
        5 => format!("2026-03-04T{text}:00Z"),
        8 => format!("2026-03-04T{text}Z"),
        _ => text.to_owned(),
    };
    text.parse().unwrap()
}

fn cron(expression: &str) -> Schedule {
    Schedule::Cron(Box::new(
        CronSchedule::parse(expression, TimeZone::UTC).unwrap(),
    ))
}

fn hourly() -> Schedule {
    cron("0 * * * *")
}

fn wanted(schedule: &Schedule) -> Wanted<'_> {
    Wanted {
        schedule,
        starting_deadline: None,
        held: false,
    }
}

/// Made at 09:30 and never run.
fn fresh() -> Known {
    Known {
        anchor: at("09:30"),
        last: None,
        settled: None,
        active: false,
        tried: None,
    }
}

/// Made long ago; ran last at this slot.
fn ran(last: &str) -> Known {
    Known {
        anchor: at("2026-01-01T00:00:00Z"),
        last: Some(at(last)),
        settled: Some(at(last)),
        ..fresh()
    }
}

/// Nothing but a time to look again.
fn wake(text: &str) -> Decision {
    Decision {
        wake: Some(at(text)),
        ..Decision::default()
    }
}

fn run(slot: &str, wake_at: &str) -> Decision {
    Decision {
        start: Some(at(slot)),
        settled: Some(at(slot)),
        ..wake(wake_at)
    }
}

#[test]
fn row_3_nothing_is_due() {
    assert_eq!(
        decide(&wanted(&hourly()), &fresh(), at("09:59")),
        wake("10:00")
    );
}

#[test]
fn row_4_due_a_minute_ago() {
    let decision = decide(&wanted(&hourly()), &fresh(), at("10:01"));
    assert_eq!(decision, run("10:00", "11:00"));
    assert_eq!(
        decide(&wanted(&hourly()), &ran("10:00"), at("10:01")),
        wake("11:00")
    );
}

#[test]
fn row_6_and_7_suspended_and_resumed() {
    let schedule = hourly();
    let held = Wanted {
        held: true,
        ..wanted(&schedule)
    };
    let mut known = ran("10:00");
    for now in ["11:00", "12:00", "13:20"] {
        let decision = decide(&held, &known, at(now));
        assert_eq!(
            (decision.start, decision.missed, decision.coalesced),
            (None, None, false)
        );
        known.settled = decision.settled;
    }
    let within = decide(&wanted(&schedule), &known, at("13:40"));
    assert_eq!(within, run("13:00", "14:00"));
    let late = Wanted {
        starting_deadline: Some(SignedDuration::from_mins(10)),
        ..wanted(&schedule)
    };
    let late = decide(&late, &known, at("13:40"));
    assert_eq!(
        (late.start, late.missed),
        (None, None),
        "a suspended slot is not missed"
    );
}

#[test]
fn row_8_and_9_the_deadline() {
    let schedule = hourly();
    let wanted = Wanted {
        starting_deadline: Some(SignedDuration::from_secs(300)),
        ..wanted(&schedule)
    };
    let known = ran("09:00");
    for within in ["10:00", "10:05"] {
        let decision = decide(&wanted, &known, at(within));
        assert_eq!(decision.start, Some(at("10:00")), "{within}");
        assert_eq!(decision.missed, None);
    }
    let past = decide(&wanted, &known, at("10:05:01"));
    let expected = Decision {
        missed: Some((Count::Exactly(1), at("10:00"))),
        settled: Some(at("10:00")),
        ..wake("11:00")
    };
    assert_eq!(past, expected);
    let told = Known {
        settled: past.settled,
        ..known
    };
    assert_eq!(
        decide(&wanted, &told, at("10:06")).missed,
        None,
        "told once"
    );
}

#[test]
fn row_10_still_running_when_due() {
    let schedule = hourly();
    let mut known = Known {
        active: true,
        ..ran("10:00")
    };
    assert_eq!(
        decide(&wanted(&schedule), &known, at("10:59")),
        wake("11:00")
    );
    for now in ["11:00", "12:00", "12:30"] {
        let decision = decide(&wanted(&schedule), &known, at(now));
        assert!(decision.coalesced && decision.start.is_none() && decision.missed.is_none());
        known.settled = decision.settled;
    }
    known.active = false;
    assert_eq!(
        decide(&wanted(&schedule), &known, at("12:31")),
        run("12:00", "13:00")
    );
}

#[test]
fn row_11_and_12_a_week_overdue() {
    let known = ran("2026-02-25T10:00:00Z");
    for (now, wake_at) in [("10:01", "11:00"), ("10:00", "11:00")] {
        let expected = Decision {
            // 167 hours lie between.
            missed: Some((Count::More, at("09:00"))),
            ..run("10:00", wake_at)
        };
        assert_eq!(decide(&wanted(&hourly()), &known, at(now)), expected);
    }
    let daily = cron("0 10 * * *");
    let decision = decide(&wanted(&daily), &known, at("10:00"));
    let before = (Count::Exactly(6), at("2026-03-03T10:00:00Z"));
    assert_eq!(
        (decision.start, decision.missed),
        (Some(at("10:00")), Some(before))
    );
}

#[test]
fn row_11_missed_slots_are_counted_to_a_hundred() {
    let known = ran("2026-02-28T05:00:00Z");
    let exactly = decide(&wanted(&hourly()), &known, at("10:01"))
        .missed
        .unwrap()
        .0;
    assert_eq!(exactly, Count::Exactly(100));
    let known = ran("2026-02-28T04:00:00Z");
    let more = decide(&wanted(&hourly()), &known, at("10:01"))
        .missed
        .unwrap()
        .0;
    assert_eq!(more.to_string(), ">100");
}

#[test]
fn row_13_clocks_that_step() {
    let schedule = hourly();
    for back in ["10:00", "09:59:59", "09:00", "2026-03-01T00:00:00Z"] {
        let decision = decide(&wanted(&schedule), &ran("10:00"), at(back));
        assert_eq!((decision.start, decision.missed), (None, None), "{back}");
    }
    // An hour ahead by mistake: asked for in vain, since the database's clock is right; then put back.
    let mut known = ran("10:00");
    let ahead = decide(&wanted(&schedule), &known, at("12:00"));
    assert_eq!(ahead.start, Some(at("12:00")));
    known.settled = ahead.settled;
    known.tried = Some(Tried {
        slot: at("12:00"),
        again: at("12:01"),
    });
    let right = decide(&wanted(&schedule), &known, at("11:00"));
    assert_eq!(right.start, Some(at("11:00")), "no stall");
    known.last = right.start;
    assert_eq!(
        decide(&wanted(&schedule), &known, at("11:30")),
        wake("12:00")
    );
    assert_eq!(
        decide(&wanted(&schedule), &known, at("12:01")).start,
        Some(at("12:00"))
    );
}

#[test]
fn row_15_no_server_at_the_slot() {
    let schedule = hourly();
    let wanted = Wanted {
        starting_deadline: Some(SignedDuration::from_secs(300)),
        ..wanted(&schedule)
    };
    let tried = |again| Known {
        settled: Some(at("10:00")),
        tried: Some(Tried {
            slot: at("10:00"),
            again: at(again),
        }),
        ..ran("09:00")
    };
    let waits = decide(&wanted, &tried("10:00:04"), at("10:00:02"));
    assert_eq!((waits.start, waits.wake), (None, Some(at("10:00:04"))));
    let again = decide(&wanted, &tried("10:00:04"), at("10:00:04"));
    assert_eq!(
        (again.start, again.wake),
        (Some(at("10:00")), Some(at("10:05:01")))
    );
    let over = decide(&wanted, &tried("10:05:04"), at("10:05:01"));
    assert_eq!(
        (over.start, over.failed, over.missed),
        (None, Some(at("10:00")), None)
    );
    assert_eq!(over.wake, Some(at("11:00")));
    // Without a deadline, until the next slot.
    let without = Wanted {
        starting_deadline: None,
        ..wanted
    };
    let next = decide(&without, &tried("11:00:30"), at("11:00:10"));
    assert_eq!(
        (next.start, next.failed, next.missed),
        (Some(at("11:00")), Some(at("10:00")), None)
    );
}

#[test]
fn row_18_the_exact_latest_slot() {
    let schedule = cron("30 6-16/4 * * 1-5");
    let known = ran("2026-02-26T14:30:00Z");
    let monday = decide(&wanted(&schedule), &known, at("2026-03-02T06:29:59Z"));
    let friday = (
        Some(at("2026-02-27T14:30:00Z")),
        Some(at("2026-03-02T06:30:00Z")),
    );
    assert_eq!((monday.start, monday.wake), friday);
    let missed = (Count::Exactly(2), at("2026-02-27T10:30:00Z"));
    assert_eq!(
        monday.missed,
        Some(missed),
        "06:30 and 10:30 of Friday; none at the weekend"
    );
}

#[test]
fn row_19_an_edit_is_a_new_anchor() {
    let half = cron("30 * * * *");
    let edited = Known {
        anchor: at("10:45"),
        ..ran("10:00")
    };
    assert_eq!(decide(&wanted(&half), &edited, at("10:45")), wake("11:30"));
    assert_eq!(
        decide(&wanted(&half), &edited, at("11:31")),
        run("11:30", "12:30")
    );
}

#[test]
fn row_31_made_in_the_second_of_a_slot() {
    let known = Known {
        anchor: at("10:00"),
        ..fresh()
    };
    assert_eq!(
        decide(&wanted(&hourly()), &known, at("10:00:30")),
        wake("11:00")
    );
}

#[test]
fn intervals_have_the_same_slots_for_everyone() {
    let places: Vec<_> = (0..100)
        .map(|n| Schedule::Interval(Interval::new(15, &format!("uid-{n}"), "billTraffic")))
        .filter_map(|schedule| schedule.next(at("10:00")))
        .collect();
    assert!(
        places
            .iter()
            .all(|slot| *slot > at("10:00") && *slot <= at("10:00:15"))
    );
    let distinct: std::collections::BTreeSet<_> = places.iter().collect();
    assert_eq!(distinct.len(), 15, "spread over the interval");
    let schedule = Schedule::Interval(Interval::new(15, "uid-1", "billTraffic"));
    let first = schedule.next(at("10:00")).unwrap();
    assert_eq!(schedule.latest(first), Some(first));
    assert_eq!(
        schedule.next(first),
        first.checked_add(SignedDuration::from_secs(15)).ok()
    );
    assert_eq!(
        schedule.between(at("10:00"), at("10:01")),
        Count::Exactly(4)
    );
    let other = Schedule::Interval(Interval::new(15, "uid-1", "packageExpiring"));
    assert_ne!(other.next(at("10:00")), Some(first));
}
