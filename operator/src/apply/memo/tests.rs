//! What is sent, and when nothing is.

use serde_json::json;

use super::*;
use crate::kinds::Kind;

struct Case {
    memo: Memo,
    cluster: ClusterKey,
    object: ObjectName,
    start: Instant,
}

impl Case {
    fn new() -> Self {
        Self {
            memo: Memo::default(),
            cluster: ClusterKey::new("a", "demo"),
            object: (Kind::Service, "demo-server".to_owned()),
            start: Instant::now(),
        }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn need(&self, hash: &str, live: Option<(&str, &str)>, second: u64) -> Need {
        let live = live.map(|(version, kind)| {
            serde_json::from_value::<DynamicObject>(json!({
                "metadata": {"name": "demo-server", "resourceVersion": version},
                "spec": {"type": kind, "clusterIP": "10.0.0.1"},
            }))
            .unwrap()
        });
        let desired = json!({"spec": {"type": "ClusterIP"}});
        self.memo.plan(
            &self.cluster,
            &self.object,
            (hash, &desired),
            live.as_ref(),
            self.at(second),
        )
    }

    fn sent(&self, hash: &str, version: &str, second: u64) {
        self.memo.sent(
            &self.cluster,
            &self.object,
            hash,
            Some(version.to_owned()),
            self.at(second),
        );
    }
}

#[test]
fn what_is_missing_is_sent_once_and_looked_for() {
    let case = Case::new();
    assert_eq!(case.need("h", None, 0), Need::Send);
    case.sent("h", "5", 0);
    assert_eq!(
        case.need("h", None, 1),
        Need::Look(Duration::from_secs(4)),
        "the watch lags"
    );
    assert_eq!(case.need("h", None, 5), Need::Send, "too long for a lag");
    let gone = Gone {
        cluster: case.cluster.clone(),
        object: case.object.clone(),
    };
    case.memo.gone(&gone);
    assert_eq!(case.need("h", None, 1), Need::Send, "seen to be deleted");
}

#[test]
fn our_own_version_is_not_compared() {
    let case = Case::new();
    case.sent("h", "5", 0);
    assert_eq!(
        case.need("h", Some(("5", "NodePort")), 0),
        Need::Nothing,
        "we wrote it"
    );
    assert_eq!(
        case.need("h", Some(("4", "NodePort")), 0),
        Need::Nothing,
        "the watch lags"
    );
    assert_eq!(
        case.need("h", Some(("6", "NodePort")), 0),
        Need::Send,
        "somebody wrote after us"
    );
    assert_eq!(
        case.need("i", Some(("5", "NodePort")), 0),
        Need::Send,
        "something else is wanted"
    );
}

#[test]
fn after_a_restart_a_comparison_replaces_the_memory() {
    let case = Case::new();
    assert_eq!(case.need("h", Some(("5", "ClusterIP")), 0), Need::Nothing);
    assert_eq!(
        case.need("h", Some(("5", "NodePort")), 0),
        Need::Nothing,
        "the version is remembered now"
    );
}

#[test]
fn a_rival_is_answered_three_times_and_then_less_and_less() {
    let case = Case::new();
    let edited = |second| case.need("h", Some(("99", "NodePort")), second);
    case.sent("h", "4", 0);
    for second in 0..3 {
        assert_eq!(edited(second), Need::Send, "second {second}");
        case.sent("h", "5", second);
    }
    assert_eq!(edited(3), Need::BackOff(Duration::from_secs(29)));
    assert_eq!(edited(32), Need::Send);
    case.sent("h", "6", 32);
    assert_eq!(edited(32), Need::BackOff(Duration::from_mins(1)));
    assert_eq!(edited(1000), Need::Send, "the window has passed");
    assert_eq!(
        case.need("i", Some(("99", "NodePort")), 33),
        Need::Send,
        "a change of ours is no fight"
    );
}

#[test]
fn versions_compare_as_numbers() {
    let cases = [
        (Some("9"), "10", true),
        (Some("10"), "10", true),
        (Some("11"), "10", false),
        (None, "10", false),
        (Some("x"), "10", false),
        (Some("x"), "x", true),
    ];
    for (seen, ours, expected) in cases {
        assert_eq!(not_newer(seen, ours), expected, "{seen:?} against {ours}");
    }
}
