//! What the apiserver leaves out, and what it keeps although it looks empty.

use serde_json::json;

use super::*;

#[test]
fn what_is_stored() {
    let cases = [
        ("nulls", json!({"a": null, "b": 1}), json!({"b": 1})),
        (
            "empty lists",
            json!({"tolerations": [], "b": 1}),
            json!({"b": 1}),
        ),
        (
            "empty maps of names",
            json!({"annotations": {}, "nodeSelector": {}, "matchLabels": {}}),
            json!({}),
        ),
        (
            "empty objects that say something",
            json!({"emptyDir": {}, "podSelector": {}}),
            json!({"emptyDir": {}, "podSelector": {}}),
        ),
        (
            "empty text",
            json!({"env": [{"name": "A", "value": ""}]}),
            json!({"env": [{"name": "A"}]}),
        ),
        (
            "text that means something when empty",
            json!({"storageClassName": ""}),
            json!({"storageClassName": ""}),
        ),
        (
            "labels without a value",
            json!({"labels": {"a": ""}}),
            json!({"labels": {"a": ""}}),
        ),
        (
            "quantities",
            json!({"limits": {"cpu": "1000m", "memory": "1024Mi"}, "sizeLimit": "0.5Gi"}),
            json!({"limits": {"cpu": "1", "memory": "1Gi"}, "sizeLimit": "512Mi"}),
        ),
        (
            "quantities written as numbers",
            json!({"requests": {"cpu": 1}}),
            json!({"requests": {"cpu": "1"}}),
        ),
        (
            "a label that looks like a quantity",
            json!({"labels": {"limits": "1000m"}}),
            json!({"labels": {"limits": "1000m"}}),
        ),
        (
            "no quantity at all",
            json!({"limits": {"cpu": "much"}}),
            json!({"limits": {"cpu": "much"}}),
        ),
        (
            "zeros that are the same as unset",
            json!({"initialDelaySeconds": 0, "readOnly": false}),
            json!({}),
        ),
        (
            "zeros that mean something",
            json!({"replicas": 0, "maxUnavailable": 0, "optional": false}),
            json!({"replicas": 0, "maxUnavailable": 0, "optional": false}),
        ),
        (
            "inside lists",
            json!({"a": [{"b": null, "c": 1}]}),
            json!({"a": [{"c": 1}]}),
        ),
    ];
    for (what, mut value, expected) in cases {
        canonical(&mut value);
        assert_eq!(value, expected, "{what}");
    }
}
