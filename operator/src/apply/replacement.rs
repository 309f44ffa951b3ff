//! The patch that gives a generated Secret a new value.

use k8s_openapi::ByteString;
use kube::ResourceExt;
use kube::api::{DynamicObject, Patch};
use serde_json::{Value, json};

use crate::build::Replacement;
use crate::names::{PREVIOUS_KEY, ROTATE_KEYS_ANNOTATION};

/// Bound to the version that was seen: a rotation decided upon an old view would be the second one, and the
/// value that callers still use would be gone. The value that is kept is copied by the apiserver, so that it
/// never comes here.
pub(super) fn patch(
    replacement: &Replacement,
    live: &DynamicObject,
) -> Result<Patch<Value>, serde_json::Error> {
    let value = ByteString(replacement.value.clone().into_bytes());
    let version = live.resource_version();
    let asked = replacement.asked.as_deref();
    if !replacement.keep {
        let mut metadata = json!({"resourceVersion": version});
        if let Some(asked) = asked {
            metadata["annotations"] = json!({ROTATE_KEYS_ANNOTATION: asked});
        }
        let data = json!({replacement.key.as_str(): value});
        return Ok(Patch::Merge(json!({"metadata": metadata, "data": data})));
    }
    let key = format!("/data/{}", replacement.key);
    let mut steps = vec![
        json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version}),
        json!({"op": "copy", "from": key, "path": format!("/data/{PREVIOUS_KEY}")}),
        json!({"op": "replace", "path": key, "value": value}),
    ];
    if live.annotations().is_empty() {
        steps.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    if let Some(asked) = asked {
        // `/` within a name, as RFC 6901 writes it.
        let name = ROTATE_KEYS_ANNOTATION.replace('~', "~0").replace('/', "~1");
        let path = format!("/metadata/annotations/{name}");
        steps.push(json!({"op": "add", "path": path, "value": asked}));
    }
    Ok(Patch::Json(serde_json::from_value(Value::Array(steps))?))
}

#[cfg(test)]
mod tests {
    //! What is sent for a lost value and for a rotation.

    use super::*;

    fn sent(keep: bool, annotations: &Value) -> Value {
        let live: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "demo-jwt", "resourceVersion": "7", "annotations": annotations},
        }))
        .unwrap();
        let replacement = Replacement {
            key: "secret".to_owned(),
            value: "new".to_owned(),
            keep,
            asked: Some("2".to_owned()),
        };
        match patch(&replacement, &live).unwrap() {
            Patch::Merge(patch) => patch,
            Patch::Json::<Value>(patch) => serde_json::to_value(patch).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_lost_value_is_put_back_and_the_previous_one_left_alone() {
        let expected = json!({
            "metadata": {"resourceVersion": "7", "annotations": {"telecom.dev/rotate-keys": "2"}},
            "data": {"secret": "bmV3"},
        });
        assert_eq!(sent(false, &json!({"a": "b"})), expected);
    }

    #[test]
    fn a_rotation_keeps_the_value_of_before() {
        let version = json!({"op": "replace", "path": "/metadata/resourceVersion", "value": "7"});
        let copy = json!({"op": "copy", "from": "/data/secret", "path": "/data/previous"});
        let replace = json!({"op": "replace", "path": "/data/secret", "value": "bmV3"});
        let make = json!({"op": "add", "path": "/metadata/annotations", "value": {}});
        let answer = json!({"op": "add", "path": "/metadata/annotations/telecom.dev~1rotate-keys", "value": "2"});
        assert_eq!(
            sent(true, &json!({"a": "b"})),
            json!([version, copy, replace, answer])
        );
        assert_eq!(
            sent(true, &json!({})),
            json!([version, copy, replace, make, answer])
        );
    }
}
