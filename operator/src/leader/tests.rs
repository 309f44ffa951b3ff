//! The decision about a Lease, as a table, and the deadline of the holder.

use super::*;

fn lease(version: &str, holder: Option<&str>) -> Lease {
    Lease {
        metadata: ObjectMeta {
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            lease_duration_seconds: Some(15),
            ..LeaseSpec::default()
        }),
    }
}

#[test]
fn a_free_lease_is_taken_and_our_own_renewed() {
    let now = Instant::now();
    let mut observer = Observer::new("me", now);
    assert_eq!(observer.decide(&lease("1", None), now), Decision::Take);
    assert_eq!(observer.decide(&lease("1", Some("")), now), Decision::Take);
    assert_eq!(
        observer.decide(&lease("2", Some("me")), now),
        Decision::Renew
    );
    assert_eq!(observer.decide(&Lease::default(), now), Decision::Take);
}

#[test]
fn a_held_lease_is_taken_only_after_its_own_length_without_a_change() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut observer = Observer::new("me", start);
    // (second, version seen, what follows)
    let seen = [
        (0, "1", Decision::Wait),
        (14, "1", Decision::Wait),
        (14, "2", Decision::Wait),
        (28, "2", Decision::Wait),
        (29, "2", Decision::Take),
        (30, "3", Decision::Wait),
    ];
    for (second, version, expected) in seen {
        let decision = observer.decide(&lease(version, Some("other")), at(second));
        assert_eq!(decision, expected, "second {second}, version {version}");
    }
}

#[test]
fn what_happened_before_we_looked_counts_for_nothing() {
    let start = Instant::now();
    let mut observer = Observer::new("me", start);
    let late = start + Duration::from_mins(10);
    assert_eq!(
        observer.decide(&lease("1", Some("other")), late),
        Decision::Wait
    );
}

#[test]
fn the_deadline_is_shorter_than_the_lease_by_a_request() {
    let lease = Duration::from_secs(u64::from(LEASE_SECONDS.unsigned_abs()));
    assert!(DEADLINE + REQUEST_TIMEOUT < lease);
    assert!(RENEW_EVERY + REQUEST_TIMEOUT < DEADLINE);
}

#[test]
fn leadership_ends_by_time_alone() {
    let leadership = Leadership::new();
    assert!(!leadership.holds());
    let ago = |time| Instant::now().checked_sub(time).unwrap();
    assert!(leadership.extend(Instant::now()), "gained");
    assert!(leadership.holds() && leadership.may_run_jobs());
    assert!(!leadership.extend(ago(DEADLINE)), "kept, not gained");
    assert!(
        !leadership.holds(),
        "the deadline has passed though nobody said so"
    );
    assert!(leadership.lose());
}

#[tokio::test]
async fn jobs_go_on_while_nobody_is_known_to_have_taken_over() {
    let leadership = Leadership::new();
    assert!(!leadership.may_run_jobs());
    leadership.extend(Instant::now());
    leadership.lose();
    assert!(leadership.may_run_jobs() && !leadership.holds());
    let over = leadership.tenure_over();
    let mut over = std::pin::pin!(over);
    assert!(futures::poll!(&mut over).is_pending());
    leadership.end();
    over.await;
    assert!(!leadership.may_run_jobs());
    let long_ago = Instant::now().checked_sub(TENURE).unwrap();
    leadership.extend(long_ago);
    assert!(
        !leadership.may_run_jobs(),
        "five minutes after the last renewal"
    );
    leadership.tenure_over().await;
}

#[test]
fn a_taken_lease_counts_its_transitions() {
    let first = taken(Lease::default(), "a");
    let second = taken(first.clone(), "b");
    let transitions = |lease: &Lease| lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
    assert_eq!(transitions(&first), Some(0));
    assert_eq!(transitions(&second), Some(1));
}
