//! What a node lets through, by what it was told and what time it is.

#![allow(clippy::unwrap_used)]

use prost_types::Timestamp as Moment;
use telecom_proto::v1::HeartbeatResponse;

use super::*;
use crate::settings::OutOfContact;

const ALICE: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

fn change(user: Uuid, client: i32, reason: Access, until: Option<i64>) -> AccessChange {
    AccessChange {
        user_id: user.to_string(),
        node_client_id: client,
        allowed: reason == Access::Granted,
        reason: reason.into(),
        speed_limit_bps: 7,
        valid_until: until.map(|seconds| Moment { seconds, nanos: 0 }),
    }
}

fn message(version: u64, snapshot: bool, changes: Vec<AccessChange>) -> WatchAccessResponse {
    WatchAccessResponse {
        version,
        snapshot,
        complete: true,
        changes,
        offer: 9,
        traceparent: String::new(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn holds(table: &Table, user: Uuid, second: i64) -> (bool, Reason) {
    let decision = table.decide((user, 1), at(second));
    (decision.allowed, decision.reason)
}

#[test]
fn a_snapshot_takes_the_place_of_what_was_when_it_is_whole() {
    let mut table = Table::default();
    table.take_up(&message(
        3,
        true,
        vec![change(ALICE, 1, Access::Granted, None)],
    ));
    assert_eq!(table.last(), (3, 9));
    let mut part = message(8, true, vec![change(BOB, 1, Access::Granted, None)]);
    part.complete = false;
    assert_eq!(table.take_up(&part), []);
    assert_eq!(holds(&table, ALICE, 0), (true, Reason::Granted));
    assert_eq!(
        (holds(&table, BOB, 0), table.last()),
        ((false, Reason::Unknown), (3, 9))
    );
    // It broke off: the next one does not go on with its parts.
    table.watch_begins();
    let changes = table.take_up(&message(8, true, vec![]));
    assert_eq!(changes, [((ALICE, 1), Decision::denied(Reason::Unknown))]);
    assert_eq!(holds(&table, BOB, 0), (false, Reason::Unknown));

    table.take_up(&part);
    let changes = table.take_up(&message(
        9,
        true,
        vec![change(ALICE, 1, Access::Granted, None)],
    ));
    assert_eq!((changes.len(), table.last()), (2, (9, 9)));
    assert_eq!(holds(&table, BOB, 0), (true, Reason::Granted));
}

#[test]
fn each_change_is_told_once_and_says_why() {
    let mut table = Table::default();
    for (reason, expected) in [
        (Access::Granted, Reason::Granted),
        (Access::NoPackage, Reason::NoPackage),
        (Access::QuotaUsedUp, Reason::QuotaUsedUp),
        (Access::Suspended, Reason::Suspended),
        (Access::Erased, Reason::Erased),
    ] {
        let told = message(1, false, vec![change(ALICE, 1, reason, None)]);
        assert_eq!(table.take_up(&told).len(), 1, "{reason:?}");
        assert_eq!(table.take_up(&told), [], "{reason:?}");
        let expected = (expected == Reason::Granted, expected);
        assert_eq!(holds(&table, ALICE, 0), expected);
    }
    let mut elsewhere = change(ALICE, 1, Access::Granted, None);
    elsewhere.allowed = false;
    table.take_up(&message(2, false, vec![elsewhere]));
    assert_eq!(holds(&table, ALICE, 0), (false, Reason::NotInPackage));
}

#[test]
fn access_ends_when_it_is_valid_no_longer() {
    let mut table = Table::default();
    table.take_up(&message(
        1,
        true,
        vec![change(ALICE, 1, Access::Granted, Some(100))],
    ));
    assert_eq!(holds(&table, ALICE, 99), (true, Reason::Granted));
    assert_eq!(holds(&table, ALICE, 100), (false, Reason::Over));
    for (after, now, over) in [(98, 99, 0), (99, 100, 1), (100, 101, 0)] {
        assert_eq!(table.over(at(after), at(now)).len(), over, "{after} {now}");
    }
}

#[test]
fn answers_deny_only_when_the_table_is_behind_them() {
    let mut table = Table::default();
    let both = [1, 2].map(|client| change(ALICE, client, Access::Granted, None));
    table.take_up(&message(5, true, both.to_vec()));
    let denied = [DeniedUser {
        user_id: ALICE.to_string(),
        reason: Access::Suspended.into(),
    }];
    for (version, changed) in [(4, 0), (5, 0), (6, 2), (7, 0)] {
        assert_eq!(table.deny(version, &denied).len(), changed, "{version}");
    }
    assert_eq!(holds(&table, ALICE, 0), (false, Reason::Suspended));
    // The watch has the last word.
    assert_eq!(table.last(), (5, 9));
    table.take_up(&message(
        7,
        false,
        vec![change(ALICE, 1, Access::Granted, None)],
    ));
    assert_eq!(holds(&table, ALICE, 0), (true, Reason::Granted));
}

#[test]
fn the_table_on_disk_is_the_table() {
    let mut table = Table::default();
    table.take_up(&message(
        7,
        true,
        vec![
            change(ALICE, 1, Access::Granted, Some(100)),
            change(BOB, 2, Access::Granted, None),
        ],
    ));
    table.take_up(&message(
        8,
        false,
        vec![change(BOB, 2, Access::Suspended, None)],
    ));
    let read = Table::from_json(&table.to_json().unwrap()).unwrap();
    assert_eq!(read, table);
    assert!(Table::from_json(b"{\"version\": 3").is_err());
}

/// A data directory that goes with the test.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new() -> Self {
        let name = format!("node-agent-{}", uuid::Uuid::new_v4());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn keeper(scratch: &Scratch, ttl_ms: u64, policy: OutOfContact) -> Keeper {
    let policy = Policy {
        ttl: Some(std::time::Duration::from_millis(ttl_ms)),
        out_of_contact: policy,
    };
    let (events, _) = tokio::sync::broadcast::channel(16);
    Keeper::open(&scratch.0, policy, events).unwrap()
}

#[tokio::test]
async fn without_contact_the_policy_holds_after_a_start_too() {
    for (policy, allowed) in [
        (OutOfContact::KeepLast, true),
        (OutOfContact::DenyAll, false),
    ] {
        let scratch = Scratch::new();
        let first = keeper(&scratch, 60_000, policy);
        // Nothing heard, nothing allowed.
        assert!(!first.decide((ALICE, 1)).allowed);
        first.told(&message(
            1,
            true,
            vec![change(ALICE, 1, Access::Granted, None)],
        ));
        first.heartbeat(&HeartbeatResponse::default()).unwrap();
        assert!(first.decide((ALICE, 1)).allowed);
        let keep = tokio::time::timeout(std::time::Duration::from_millis(300), first.keep());
        assert!(keep.await.is_err());
        drop(first);

        let again = keeper(&scratch, 60_000, policy);
        assert!(
            again.decide((ALICE, 1)).allowed,
            "{policy:?}: heard a moment ago"
        );
        let later = keeper(&scratch, 1, policy);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!(later.decide((ALICE, 1)).allowed, allowed, "{policy:?}");
        assert!(!later.decide((BOB, 1)).allowed);
        later.told(&message(2, false, vec![]));
        assert_eq!(later.watch_begins(), (2, 9));
    }
}
