//! What is thrown away before an object is kept, so that a thousand clusters fit in little memory.

use kube::api::DynamicObject;
use serde_json::{Map, Value, json};

use crate::kinds::Kind;

/// Annotation that `kubectl apply` leaves: a second copy of the object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Removes from a live object what no decision needs.
pub fn strip(kind: Kind, object: &mut DynamicObject) {
    object.metadata.managed_fields = None;
    if let Some(annotations) = object.metadata.annotations.as_mut() {
        annotations.remove(LAST_APPLIED);
    }
    object.types = None;
    match kind {
        Kind::Deployment | Kind::StatefulSet | Kind::PersistentVolumeClaim | Kind::Job => {}
        Kind::Pod => object.data = pod(&object.data),
        Kind::ReplicaSet => object.data = replica_set(&object.data),
        Kind::ServiceAccount
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::Service
        | Kind::HorizontalPodAutoscaler
        | Kind::PodDisruptionBudget
        | Kind::NetworkPolicy
        | Kind::ServiceMonitor => drop_status(&mut object.data),
    }
}

fn drop_status(data: &mut Value) {
    if let Some(fields) = data.as_object_mut() {
        fields.remove("status");
    }
}

/// Of a Pod only its status counts here, without the parts that move for no reason.
fn pod(data: &Value) -> Value {
    let mut status = data.get("status").cloned().unwrap_or(Value::Null);
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        for condition in conditions.iter_mut().filter_map(Value::as_object_mut) {
            condition.remove("lastProbeTime");
        }
    }
    json!({ "status": status })
}

/// Of a ReplicaSet only the volumes count: they name the configuration that it still reads.
fn replica_set(data: &Value) -> Value {
    let volumes = data.pointer("/spec/template/spec/volumes").cloned();
    let mut pod_spec = Map::new();
    pod_spec.insert(
        "volumes".to_owned(),
        volumes.unwrap_or(Value::Array(Vec::new())),
    );
    let replicas = data
        .pointer("/spec/replicas")
        .cloned()
        .unwrap_or(Value::Null);
    json!({ "spec": { "replicas": replicas, "template": { "spec": pod_spec } } })
}
