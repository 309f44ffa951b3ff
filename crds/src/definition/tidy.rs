//! Rules that every schema keeps: no null, bounds on all that can grow.

use serde_json::{Map, Value, json};

const DEFAULT_LENGTH: u64 = 1024;
const DEFAULT_ITEMS: u64 = 64;

/// Longest strings by the end of the path, where the default does not fit.
const LENGTHS: &[(&str, u64)] = &[
    (".extraEnv[].value", 32 * 1024),
    (".podAnnotations{}", 16 * 1024),
    (".service.annotations{}", 16 * 1024),
    (".podLabels{}", 63),
    (".nodeSelector{}", 63),
    (".serviceMonitor.labels{}", 63),
    (".matchLabels{}", 63),
    (".requests{}", 32),
    (".limits{}", 32),
    (".sizeLimit", 32),
    (".maxSurge", 16),
    (".maxUnavailable", 16),
];

/// Structures that only make sense as a whole: two managers must not each own half of one.
const ATOMIC: &[&str] = &[
    "SecretRef",
    ".labelSelector",
    ".namespaceSelector",
    ".podSelector",
];

/// Tidies one schema.
pub fn tidy(path: &str, schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    // Without `nullable` the API server drops a null and takes the default, as users expect.
    schema.remove("nullable");
    schema.remove("title");
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => tidy_object(path, schema),
        Some("array") => {
            put(schema, "maxItems", json!(DEFAULT_ITEMS));
            put(schema, "x-kubernetes-list-type", json!("atomic"));
        }
        Some("string") => bound_string(path, schema),
        _ if schema.contains_key("x-kubernetes-int-or-string") => bound_string(path, schema),
        _ => {}
    }
}

fn tidy_object(path: &str, schema: &mut Map<String, Value>) {
    if schema.contains_key("additionalProperties") {
        put(schema, "maxProperties", json!(DEFAULT_ITEMS));
    }
    if ATOMIC.iter().any(|end| path.ends_with(end)) {
        put(schema, "x-kubernetes-map-type", json!("atomic"));
    }
}

fn bound_string(path: &str, schema: &mut Map<String, Value>) {
    if schema.contains_key("enum") || schema.contains_key("format") {
        return;
    }
    let length = LENGTHS
        .iter()
        .find(|(end, _)| path.ends_with(end))
        .map_or(DEFAULT_LENGTH, |(_, length)| *length);
    put(schema, "maxLength", json!(length));
}

fn put(schema: &mut Map<String, Value>, key: &str, value: Value) {
    schema.entry(key).or_insert(value);
}
