//! When the status is written, and what it says of clocks.

use super::*;

#[test]
fn the_status_is_written_on_edges_and_else_once_an_interval() {
    let mut loops = loops("{}", "10:00");
    loops.look(at("10:00"));
    let mut writes = Vec::new();
    let mut step = loops.learn(nothing("10:00"), at("10:00"));
    let mut now = at("10:00");
    while now < at("10:30") {
        if let Some((report, edge)) = step.report.take() {
            writes.push((edge, report.healthy.reason));
        }
        let wake = step.wake.unwrap();
        let mut answers = std::mem::take(&mut step.asks).into_iter();
        if let Some((job, ask)) = answers.next() {
            let rest: Vec<_> = answers.collect();
            step = loops.answer(job, &ask.key, done(&ask.key, "10:00"), now);
            step.asks.extend(rest);
        } else {
            assert!(wake > now, "row 21");
            now = wake;
            step = loops.look(now);
        }
    }
    let edges = writes.iter().filter(|(edge, _)| *edge).count();
    assert_eq!(
        (edges, writes.len()),
        (1, 8),
        "the first word, one on the first runs, and six turns: {writes:?}"
    );
    assert!(writes.iter().all(|(_, reason)| reason == "JobsRunning"));
}

#[test]
fn a_new_leader_says_nothing_until_it_knows() {
    let mut given = inputs("{}");
    given.created = at("09:59:30");
    let condition = serde_json::from_value(serde_json::json!({
        "type": "JobsHealthy", "status": "True", "reason": "JobsRunning", "message": "",
        "lastTransitionTime": "2026-03-04T09:00:00Z",
    }));
    given.remembered.healthy = condition.unwrap();
    let mut loops = ClusterLoops::new(Arc::new(given), at("10:00"));
    assert!(loops.look(at("10:00")).report.is_none());
    assert!(
        loops
            .learn(nothing("10:00"), at("10:00:01"))
            .report
            .is_none(),
        "and then nothing new"
    );
}

#[test]
fn clocks_that_differ_are_told() {
    let mut loops = loops("{}", "10:00");
    loops.look(at("10:00"));
    let step = loops.learn(nothing("10:02"), at("10:00"));
    assert_eq!(reason(&step), Some(Reason::ClockAhead));
    let later = loops.look(at("10:01"));
    assert!(later.seed, "looked at again");
    assert_eq!(
        reason(&loops.learn(nothing("10:01"), at("10:01"))),
        Some(Reason::JobsRunning)
    );
}
