//! Brings an object's JSON into the form in which the apiserver stores it, so that "everything desired is
//! live" can be told by comparing.

use serde_json::{Map, Value};

use crate::quantity;

/// Fields whose values are maps from free names to text: nothing inside them is touched.
const FREE_MAPS: [&str; 6] = [
    "annotations",
    "data",
    "labels",
    "matchLabels",
    "nodeSelector",
    "volumeAttributes",
];
/// Maps from free names to quantities.
const QUANTITY_MAPS: [&str; 2] = ["limits", "requests"];
/// Fields that hold one quantity.
const QUANTITIES: [&str; 2] = ["divisor", "sizeLimit"];
/// Text fields in which the empty string means something and is stored.
const MEANINGFUL_WHEN_EMPTY: [&str; 1] = ["storageClassName"];
/// Numbers and switches that the apiserver leaves out when they are 0 or false.
const OMITTED_WHEN_ZERO: [&str; 3] = ["initialDelaySeconds", "readOnly", "weight"];

/// Rewrites quantities and drops what the apiserver does not store: nulls, empty lists, empty maps of
/// names, empty text, and zeros of fields that have no other way to be unset. Empty objects stay:
/// `emptyDir: {}` and `podSelector: {}` say something.
pub(super) fn canonical(value: &mut Value) {
    match value {
        Value::Object(map) => object(map),
        Value::Array(items) => items.iter_mut().for_each(canonical),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn object(map: &mut Map<String, Value>) {
    for (key, value) in map.iter_mut() {
        if QUANTITIES.contains(&key.as_str()) {
            canonical_quantity(value);
        } else if QUANTITY_MAPS.contains(&key.as_str()) {
            if let Some(quantities) = value.as_object_mut() {
                quantities.values_mut().for_each(canonical_quantity);
            }
        } else if !FREE_MAPS.contains(&key.as_str()) {
            canonical(value);
        }
    }
    map.retain(|key, value| is_stored(key, value));
}

fn is_stored(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value || !OMITTED_WHEN_ZERO.contains(&key),
        Value::Number(value) => value.as_i64() != Some(0) || !OMITTED_WHEN_ZERO.contains(&key),
        Value::String(text) => !text.is_empty() || MEANINGFUL_WHEN_EMPTY.contains(&key),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => {
            !map.is_empty() || !(FREE_MAPS.contains(&key) || QUANTITY_MAPS.contains(&key))
        }
    }
}

fn canonical_quantity(value: &mut Value) {
    // Some hand-written quantities are numbers: `cpu: 1`.
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return,
    };
    // What is no quantity goes as it is; the apiserver says what is wrong with it.
    if let Some(canonical) = quantity::canonical(&text) {
        *value = Value::String(canonical);
    }
}

#[cfg(test)]
mod tests;
