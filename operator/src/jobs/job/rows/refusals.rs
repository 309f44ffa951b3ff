//! Refusals, failures and what is out of sight.

use super::*;

#[test]
fn row_13_a_slot_that_the_database_knows_to_be_superseded() {
    let mut job = job(HOURLY);
    let key = asked(&mut job, "10:00").unwrap();
    job.answer(
        &key,
        Err(Refusal::Superseded {
            latest: at("11:00"),
        }),
        at("10:00"),
    );
    assert_eq!(asked(&mut job, "10:30"), None);
    assert_eq!(asked(&mut job, "11:30"), None, "another has run 11:00");
    assert_eq!(asked(&mut job, "12:00"), Some(slot("12:00")));
}

#[test]
fn row_13_clocks_that_were_put_back_do_not_stall() {
    let mut job = job(HOURLY);
    let past = |text: &str| Past {
        latest: done(&slot(text)).ok(),
        ..Past::default()
    };
    job.learn(&past("13:00"), false, at("13:00"));
    assert_eq!(
        asked(&mut job, "11:00"),
        None,
        "our clock may be the wrong one"
    );
    job.learn(&past("10:00"), true, at("11:00"));
    assert_eq!(
        asked(&mut job, "11:00"),
        Some(slot("11:00")),
        "the database's was put back, too"
    );
}

#[test]
fn row_27_what_only_a_change_mends_is_not_asked_again_and_again() {
    for refusal in [
        Refusal::Unsupported,
        Refusal::Unauthenticated("no".to_owned()),
        Refusal::DatabaseInUse {
            owner: "other".to_owned(),
        },
    ] {
        let made = at("09:59:59");
        let mut job = JobLoop::new(settings("{interval: 1s}"), None, made, made);
        let (mut now, mut questions) = (at("10:00"), 0);
        while now < at("10:10") {
            let look = job.look(false, now);
            assert!(
                look.notices.is_empty() && look.happened.is_empty(),
                "neither missed nor failed"
            );
            match look.ask {
                Some(ask) => {
                    questions += 1;
                    let outcome = job.answer(&ask.key, Err(refusal.clone()), now);
                    assert_eq!(outcome.edge, questions == 1, "told once");
                }
                None => now = look.wake.unwrap(),
            }
        }
        assert_eq!(questions, 10, "once a minute: {refusal:?}");
        assert_eq!(job.trouble(), Some(&refusal));
        job.unblock();
        assert!(
            job.look(false, at("10:09:59")).ask.is_some(),
            "or when something changes"
        );
    }
}

#[test]
fn row_13_a_slot_in_the_future_of_the_database_waits() {
    let mut job = job(HOURLY);
    let key = asked(&mut job, "10:00").unwrap();
    let ahead = Refusal::ClockAhead {
        now: at("09:59:40"),
    };
    job.answer(&key, Err(ahead), at("10:00"));
    assert_eq!(asked(&mut job, "10:00:19"), None);
    assert_eq!(
        asked(&mut job, "10:00:20"),
        Some(key),
        "by then its clock has come there"
    );
}

#[test]
fn row_28_failures_are_written_down_at_the_first_second_fourth_eighth() {
    let mut job = job("{interval: 1s}");
    let mut told = Vec::new();
    for count in 1..=20 {
        let now = at("10:00")
            .checked_add(SignedDuration::from_secs(count))
            .unwrap();
        let ask = job.look(false, now).ask.unwrap();
        let outcome = job.answer(&ask.key, failed(&ask.key), now);
        assert_eq!(outcome.notices.len(), usize::from(count == 1), "one event");
        told.extend(outcome.edge.then_some(count));
    }
    assert_eq!(told, [1, 2, 4, 8, 16]);
    let ask = job.look(false, at("10:05")).ask.unwrap();
    let outcome = job.answer(&ask.key, done(&ask.key), at("10:05"));
    assert_eq!(outcome.notices, [Notice::Recovered { failures: 20 }]);
    assert!(outcome.edge && job.record().last_error.is_none());
}

#[test]
fn row_1_a_bad_schedule_is_told_once_and_nothing_spins() {
    let mut job = job("{schedule: '59 23 31 2 *'}");
    let look = job.look(false, at("10:00"));
    assert!(matches!(look.notices[..], [Notice::BadSchedule(_)]) && look.edge);
    let again = job.look(false, at("10:01"));
    assert!(again.notices.is_empty() && again.ask.is_none() && again.wake.is_none());
    job.edit(&settings("{schedule: '61 * * * *'}"), at("10:02"));
    assert_eq!(
        job.look(false, at("10:02")).notices.len(),
        1,
        "another one is told again"
    );
}

#[test]
fn a_run_out_of_sight_is_still_waited_for() {
    let mut job = job(HOURLY);
    let key = asked(&mut job, "10:00").unwrap();
    job.answer(&key, run(&key, RunState::Running), at("10:00:02"));
    assert!(job.look(false, at("10:00:03")).ask.unwrap().follow);
    job.answer(&key, away(), at("10:00:05"));
    assert!(job.is_active(), "it may go on");
    let look = job.look(false, at("10:30"));
    assert!(look.ask.is_some_and(|ask| ask.follow) && look.happened.is_empty());
    job.answer(&key, done(&key), at("10:31"));
    assert!(job.is_free() && job.record().consecutive_failures == 0);
}
