//! The `CustomResourceDefinition` as it is installed: the derived schema, tidied and bounded.
//!
//! The derive macros know our own types. What they cannot say is put right here: Kubernetes' own types come
//! without list types, bounds or enums, and with far longer descriptions than a definition may hold.

mod core_types;
mod tidy;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use crate::TelecomCluster;

pub(crate) use core_types::core_type;

/// The definition that is generated into `crds/telecom.dev_telecomclusters.yaml`.
///
/// Fails only if the transformed schema is no schema any more, which the tests would show.
pub fn definition() -> Result<CustomResourceDefinition, serde_json::Error> {
    let mut definition = serde_json::to_value(TelecomCluster::crd())?;
    if let Some(schema) = definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema") {
        visit(schema, "", &mut core_types::shape);
        visit(schema, "", &mut tidy::tidy);
    }
    serde_json::from_value(definition)
}

/// Calls `change` for a schema and everything below it, parents first, with its path: `.name` for a
/// property, `[]` for the items of a list, `{}` for the values of a map.
pub(crate) fn visit(schema: &mut Value, path: &str, change: &mut impl FnMut(&str, &mut Value)) {
    change(path, schema);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, property) in properties {
            visit(property, &format!("{path}.{name}"), change);
        }
    }
    if let Some(items) = schema.get_mut("items") {
        visit(items, &format!("{path}[]"), change);
    }
    if let Some(values) = schema
        .get_mut("additionalProperties")
        .filter(|values| values.is_object())
    {
        visit(values, &format!("{path}{{}}"), change);
    }
}

#[cfg(test)]
mod tests;
