//! Whether a live object already says everything that a desired one asks for.

use serde_json::{Map, Value};

use crate::kinds::Kind;

/// Lists that the apiserver merges by key, so that other managers may add items of their own.
const ASSOCIATIVE: [&str; 10] = [
    "containers",
    "env",
    "imagePullSecrets",
    "initContainers",
    "ownerReferences",
    "ports",
    "topologySpreadConstraints",
    "volumeDevices",
    "volumeMounts",
    "volumes",
];

/// Maps that the apiserver replaces as a whole: one more key there changes what is meant.
const ATOMIC_MAPS: [&str; 6] = [
    "labelSelector",
    "matchLabels",
    "namespaceSelector",
    "nodeSelector",
    "podSelector",
    "selector",
];

/// Whether every leaf of `desired` is in `live` with the same value. Fields that only `live` has are
/// defaults or belong to somebody else.
pub fn contains(kind: Kind, live: &Value, desired: &Value) -> bool {
    // A NetworkPolicy has no associative list at all: one more port there is a hole, not an addition.
    let associative: &[&str] = match kind {
        Kind::NetworkPolicy => &[],
        _ => &ASSOCIATIVE,
    };
    value(associative, "", live, desired)
}

fn value(associative: &[&str], field: &str, live: &Value, desired: &Value) -> bool {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => {
            let whole = !ATOMIC_MAPS.contains(&field) || live.len() == desired.len();
            whole && object(associative, live, desired)
        }
        (Value::Array(live), Value::Array(desired)) => array(associative, field, live, desired),
        (live, desired) => live == desired,
    }
}

fn object(associative: &[&str], live: &Map<String, Value>, desired: &Map<String, Value>) -> bool {
    desired.iter().all(|(key, desired)| match live.get(key) {
        Some(live) => value(associative, key, live, desired),
        // The apiserver leaves zeros out of what it answers.
        None => *desired == Value::Bool(false) || desired.as_i64() == Some(0),
    })
}

fn array(associative: &[&str], field: &str, live: &[Value], desired: &[Value]) -> bool {
    if associative.contains(&field) {
        return desired.iter().all(|desired| {
            live.iter()
                .any(|live| value(associative, "", live, desired))
        });
    }
    live.len() == desired.len()
        && live
            .iter()
            .zip(desired)
            .all(|(live, desired)| value(associative, "", live, desired))
}

#[cfg(test)]
mod tests {
    //! Defaults and additions of others are no drift; anything else is.

    use serde_json::json;

    use super::*;

    #[test]
    fn what_counts_as_drift() {
        let cases = [
            ("a default", json!({"a": 1, "b": 2}), json!({"a": 1}), true),
            ("another value", json!({"a": 2}), json!({"a": 1}), false),
            ("a missing field", json!({}), json!({"a": 1}), false),
            (
                "a zero that is left out",
                json!({}),
                json!({"minReadySeconds": 0}),
                true,
            ),
            (
                "a zero that was raised",
                json!({"minReadySeconds": 9}),
                json!({"minReadySeconds": 0}),
                false,
            ),
            ("another type", json!({"a": "1"}), json!({"a": 1}), false),
            (
                "a foreign variable",
                json!({"env": [{"name": "x"}, {"name": "y", "value": "1"}]}),
                json!({"env": [{"name": "y", "value": "1"}]}),
                true,
            ),
            (
                "a changed variable",
                json!({"env": [{"name": "y", "value": "2"}]}),
                json!({"env": [{"name": "y", "value": "1"}]}),
                false,
            ),
            (
                "a default in an item",
                json!({"ports": [{"port": 1, "protocol": "TCP"}]}),
                json!({"ports": [{"port": 1}]}),
                true,
            ),
            (
                "one more argument",
                json!({"args": ["serve", "-v"]}),
                json!({"args": ["serve"]}),
                false,
            ),
            (
                "other order",
                json!({"args": ["b", "a"]}),
                json!({"args": ["a", "b"]}),
                false,
            ),
            (
                "one more label to select by",
                json!({"selector": {"a": "1", "b": "2"}}),
                json!({"selector": {"a": "1"}}),
                false,
            ),
            (
                "one more label on the object",
                json!({"labels": {"a": "1", "b": "2"}}),
                json!({"labels": {"a": "1"}}),
                true,
            ),
        ];
        for (what, live, desired, expected) in cases {
            assert_eq!(
                contains(Kind::Deployment, &live, &desired),
                expected,
                "{what}"
            );
        }
    }

    #[test]
    fn one_more_port_in_a_network_policy_is_drift() {
        let live = json!({"ports": [{"port": 1, "protocol": "TCP"}, {"port": 2}]});
        let desired = json!({"ports": [{"port": 1}]});
        assert!(contains(Kind::Service, &live, &desired));
        assert!(!contains(Kind::NetworkPolicy, &live, &desired));
    }
}
