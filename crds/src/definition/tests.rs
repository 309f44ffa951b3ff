//! What must hold for every field of the definition.

use kube::CustomResourceExt;
use serde_json::Value;

use super::{core_types, definition, visit};
use crate::{TelecomCluster, TelecomClusterSpec};

const ROOT: &str = "/spec/versions/0/schema/openAPIV3Schema";

fn schema() -> Value {
    let definition = serde_json::to_value(definition().unwrap()).unwrap();
    definition.pointer(ROOT).unwrap().clone()
}

/// Paths for which `wrong` holds.
fn offenders(wrong: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    visit(&mut schema(), "", &mut |path, schema| {
        if wrong(path, schema) {
            found.push(path.to_owned());
        }
    });
    found
}

fn is_type(schema: &Value, name: &str) -> bool {
    schema["type"] == name
}

const NONE: [String; 0] = [];

#[test]
fn the_definition_is_small_enough_to_be_applied() {
    let size = serde_json::to_vec(&definition().unwrap()).unwrap().len();
    assert!(
        size < 192 * 1024,
        "{size} bytes: a client-side apply keeps a copy in an annotation of at most 256 KiB"
    );
}

#[test]
fn every_field_says_what_it_is() {
    let silent = offenders(|path, schema| {
        // Items of lists and values of maps are spoken for by their field.
        !path.ends_with(['}', ']'])
            && schema["description"]
                .as_str()
                .is_none_or(|text| text.len() < 8 || !text.ends_with('.'))
    });
    assert_eq!(silent, NONE);
}

#[test]
fn everything_that_can_grow_is_bounded() {
    let unbounded = offenders(|_, schema| {
        let text = is_type(schema, "string") || schema.get("x-kubernetes-int-or-string").is_some();
        let known = ["maxLength", "enum", "format"]
            .iter()
            .any(|key| schema.get(key).is_some());
        (text && !known)
            || (is_type(schema, "array") && schema.get("maxItems").is_none())
            || (schema.get("additionalProperties").is_some()
                && schema.get("maxProperties").is_none())
    });
    assert_eq!(unbounded, NONE);
}

#[test]
fn every_list_says_how_it_is_merged() {
    let plain = offenders(|_, schema| {
        is_type(schema, "array") && schema.get("x-kubernetes-list-type").is_none()
    });
    assert_eq!(plain, NONE);
}

#[test]
fn nothing_is_nullable_or_of_unknown_shape() {
    let loose = offenders(|_, schema| {
        schema.get("nullable").is_some()
            || schema.get("x-kubernetes-preserve-unknown-fields").is_some()
            || schema.get("anyOf").is_some()
            || (schema.get("type").is_none() && schema.get("x-kubernetes-int-or-string").is_none())
    });
    assert_eq!(loose, NONE);
}

#[test]
fn every_rule_has_a_sentence() {
    let silent = offenders(|_, schema| {
        schema["x-kubernetes-validations"]
            .as_array()
            .is_some_and(|rules| rules.iter().any(|rule| rule["message"].as_str().is_none()))
    });
    assert_eq!(silent, NONE);
}

#[test]
fn every_entry_about_core_types_finds_its_field() {
    let mut paths = Vec::new();
    let raw = serde_json::to_value(TelecomCluster::crd()).unwrap();
    let mut raw = raw.pointer(ROOT).unwrap().clone();
    visit(&mut raw, "", &mut |path, _| paths.push(path.to_owned()));
    let unused: Vec<String> = core_types::entries()
        .into_iter()
        .filter(|end| !paths.iter().any(|path| path.ends_with(end.as_str())))
        .collect();
    assert_eq!(unused, NONE);
}

#[test]
fn the_types_and_the_schema_have_the_same_defaults() {
    let from_nothing: TelecomClusterSpec = serde_json::from_str("{}").unwrap();
    assert_eq!(from_nothing, TelecomClusterSpec::default());

    let schema = schema();
    let properties = schema["properties"]["spec"]["properties"]
        .as_object()
        .unwrap();
    let from_schema: serde_json::Map<String, Value> = properties
        .iter()
        .filter_map(|(name, property)| Some((name.clone(), property.get("default")?.clone())))
        .collect();
    let from_types = serde_json::to_value(TelecomClusterSpec::default()).unwrap();
    assert_eq!(Value::Object(from_schema), from_types);
}

#[test]
fn the_examples_fit_the_types() {
    for example in ["telecomcluster.yaml", "production.yaml"] {
        let path = format!("{}/../examples/{example}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let manifest: Value = serde_yaml::from_str(&text).unwrap();
        let cluster: TelecomCluster = serde_json::from_value(manifest).unwrap();
        assert!(cluster.metadata.name.is_some(), "{example}");
    }
}
