//! The configuration that the operator writes: what it leaves out is what the server takes.

use serde_json::Value;
use telecom_server::config::raw::Raw;

/// Every value in a tree, by its path.
fn leaves(path: &str, value: &Value) -> Vec<(String, Value)> {
    match value {
        Value::Object(inner) => inner
            .iter()
            .flat_map(|(key, value)| leaves(&format!("{path}/{key}"), value))
            .collect(),
        value => vec![(path.to_owned(), value.clone())],
    }
}

#[test]
fn the_defaults_that_the_operator_leaves_out_are_the_servers_own() {
    let own = serde_json::to_value(Raw::default()).unwrap();
    let left_out: Value = serde_yaml::from_str(telecom_operator::build::SERVER_DEFAULTS).unwrap();
    let left_out = leaves("", &left_out);
    assert!(left_out.len() > 10, "{left_out:?}");
    for (path, value) in left_out {
        assert_eq!(own.pointer(&path), Some(&value), "{path}");
    }
}
