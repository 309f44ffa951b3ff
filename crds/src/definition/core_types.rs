//! Kubernetes' own types inside the spec: what is left out of them, and the rules their schemas lack.

use serde_json::{Value, json};

/// Fields whose type is Kubernetes' own. Their own description is ours; below it stand Kubernetes' words.
const ROOTS: &[(&str, &str)] = &[
    (".spec.affinity", "Affinity (core/v1)"),
    (
        ".spec.autoscaling.behavior",
        "HorizontalPodAutoscalerBehavior (autoscaling/v2)",
    ),
    (
        ".spec.database.embedded.resources",
        "ResourceRequirements (core/v1)",
    ),
    (".spec.extraEnv", "list of EnvVar (core/v1)"),
    (
        ".spec.extraVolumes[].configMap",
        "ConfigMapVolumeSource (core/v1)",
    ),
    (".spec.extraVolumes[].csi", "CSIVolumeSource (core/v1)"),
    (
        ".spec.extraVolumes[].emptyDir",
        "EmptyDirVolumeSource (core/v1)",
    ),
    (
        ".spec.extraVolumes[].persistentVolumeClaim",
        "PersistentVolumeClaimVolumeSource (core/v1)",
    ),
    (
        ".spec.extraVolumes[].projected",
        "ProjectedVolumeSource (core/v1)",
    ),
    (
        ".spec.extraVolumes[].secret",
        "SecretVolumeSource (core/v1)",
    ),
    (
        ".spec.imagePullSecrets",
        "list of LocalObjectReference (core/v1)",
    ),
    (
        ".spec.networkPolicy.egress",
        "list of NetworkPolicyEgressRule (networking.k8s.io/v1)",
    ),
    (
        ".spec.networkPolicy.grpcFrom",
        "list of NetworkPolicyPeer (networking.k8s.io/v1)",
    ),
    (
        ".spec.networkPolicy.metricsFrom",
        "list of NetworkPolicyPeer (networking.k8s.io/v1)",
    ),
    (".spec.podSecurityContext", "PodSecurityContext (core/v1)"),
    (".spec.resources", "ResourceRequirements (core/v1)"),
    (".spec.strategy", "DeploymentStrategy (apps/v1)"),
    (".spec.tolerations", "list of Toleration (core/v1)"),
    (
        ".spec.topologySpreadConstraints",
        "list of TopologySpreadConstraint (core/v1)",
    ),
];

/// Left out, since the oldest supported Kubernetes (1.31) does not have them on, or since a server Pod on Linux
/// can do nothing with them. A dropped field would differ from what the API server stores for ever.
const LEFT_OUT: &[(&str, &str)] = &[
    (".behavior.scaleDown", "tolerance"),
    (".behavior.scaleUp", "tolerance"),
    (".extraEnv[].valueFrom", "fileKeyRef"),
    (".podSecurityContext", "seLinuxChangePolicy"),
    (".podSecurityContext", "supplementalGroupsPolicy"),
    (".podSecurityContext", "windowsOptions"),
    (".projected.sources[]", "clusterTrustBundle"),
    (".projected.sources[]", "podCertificate"),
    (".resources", "claims"),
];

/// Words that Kubernetes accepts, by the end of the path.
const WORDS: &[(&str, &[&str])] = &[
    (".strategy.type", &["Recreate", "RollingUpdate"]),
    (".tolerations[].operator", &["Exists", "Equal"]),
    (
        ".tolerations[].effect",
        &["NoSchedule", "PreferNoSchedule", "NoExecute"],
    ),
    (
        ".topologySpreadConstraints[].whenUnsatisfiable",
        &["DoNotSchedule", "ScheduleAnyway"],
    ),
    (
        ".topologySpreadConstraints[].nodeAffinityPolicy",
        &["Honor", "Ignore"],
    ),
    (
        ".topologySpreadConstraints[].nodeTaintsPolicy",
        &["Honor", "Ignore"],
    ),
    (
        ".behavior.scaleUp.selectPolicy",
        &["Max", "Min", "Disabled"],
    ),
    (
        ".behavior.scaleDown.selectPolicy",
        &["Max", "Min", "Disabled"],
    ),
    (".policies[].type", &["Pods", "Percent"]),
    (".ports[].protocol", &["TCP", "UDP", "SCTP"]),
    (
        ".seccompProfile.type",
        &["RuntimeDefault", "Localhost", "Unconfined"],
    ),
    (
        ".appArmorProfile.type",
        &["RuntimeDefault", "Localhost", "Unconfined"],
    ),
    (".fsGroupChangePolicy", &["OnRootMismatch", "Always"]),
    (".emptyDir.medium", &["", "Memory"]),
];

/// Ranges that Kubernetes accepts, by the end of the path.
const RANGES: &[(&str, i64, i64)] = &[
    (".weight", 1, 100),
    (".maxSkew", 1, 1000),
    (".minDomains", 1, 1000),
    (".stabilizationWindowSeconds", 0, 3600),
    (".policies[].value", 1, 1_000_000),
    (".policies[].periodSeconds", 1, 1800),
    (".ports[].port", 1, 65535),
    (".ports[].endPort", 1, 65535),
    (".defaultMode", 0, 0o777),
    (".items[].mode", 0, 0o777),
    (".expirationSeconds", 600, 4_294_967_296),
    (".fsGroup", 0, 2_147_483_647),
    (".runAsGroup", 0, 2_147_483_647),
    (".runAsUser", 0, 2_147_483_647),
    (".supplementalGroups[]", 0, 2_147_483_647),
];

/// Lists that are maps by key, as in Kubernetes' own definitions; all other lists are atomic.
const KEYED_LISTS: &[(&str, &[&str])] = &[
    (".imagePullSecrets", &["name"]),
    (".extraEnv", &["name"]),
    (".extraVolumes", &["name"]),
    (
        ".topologySpreadConstraints",
        &["topologyKey", "whenUnsatisfiable"],
    ),
];

const QUANTITY: &str = "^[0-9]+([.][0-9]+)?([KMGTPE]i|[numkMGTPE])?$";
const PORT_NAME: &str = "^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$";

/// Patterns of what is a number or a text. Those of `resources`, `strategy` and `emptyDir` are rules with a sentence.
const PATTERNS: &[(&str, &str)] = &[(".divisor", QUANTITY), (".ports[].port", PORT_NAME)];

/// Kubernetes' name for the type of the field at `path`, if it is one of Kubernetes' own.
pub fn core_type(path: &str) -> Option<&'static str> {
    ROOTS
        .iter()
        .find(|(root, _)| *root == path)
        .map(|(_, name)| *name)
}

fn below_core_type(path: &str) -> bool {
    ROOTS.iter().any(|(root, _)| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.starts_with(['.', '[', '{']))
    })
}

fn found<'a, T>(table: &'a [(&str, T)], path: &str) -> Option<&'a T> {
    table
        .iter()
        .find(|(end, _)| path.ends_with(end))
        .map(|(_, value)| value)
}

/// Gives one schema the rules that Kubernetes' own types lack.
pub fn shape(path: &str, schema: &mut Value) {
    let core = below_core_type(path) || core_type(path).is_some();
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    if core && let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (_, name) in LEFT_OUT.iter().filter(|(end, _)| path.ends_with(end)) {
            properties.remove(*name);
        }
    }
    if below_core_type(path)
        && let Some(Value::String(description)) = schema.get_mut("description")
    {
        *description = first_sentence(description);
    }
    if core {
        if let Some(words) = found(WORDS, path) {
            schema.insert("enum".into(), json!(words));
        }
        if let Some((_, from, to)) = RANGES.iter().find(|(end, _, _)| path.ends_with(end)) {
            schema.insert("minimum".into(), json!(from));
            schema.insert("maximum".into(), json!(to));
        }
        if let Some(pattern) = found(PATTERNS, path) {
            schema.insert("pattern".into(), json!(pattern));
        }
    }
    if let Some(keys) = found(KEYED_LISTS, path) {
        schema.insert("x-kubernetes-list-type".into(), json!("map"));
        schema.insert("x-kubernetes-list-map-keys".into(), json!(keys));
        if let Some(items) = schema.get_mut("items") {
            require(items, keys);
        }
    }
}

/// The keys of a list that is a map must be there, and say something.
fn require(items: &mut Value, keys: &[&str]) {
    for key in keys {
        if let Some(property) = items.pointer_mut(&format!("/properties/{key}")) {
            property["minLength"] = json!(1);
        }
    }
    let mut required: Vec<Value> = keys.iter().map(|key| json!(key)).collect();
    if let Some(others) = items.get("required").and_then(Value::as_array) {
        required.extend(
            others
                .iter()
                .filter(|other| !keys.iter().any(|key| *other == key))
                .cloned(),
        );
    }
    items["required"] = Value::Array(required);
}

/// Kubernetes' descriptions run to pages; their first sentence says what a field is.
fn first_sentence(text: &str) -> String {
    let line = text.split("\n\n").next().unwrap_or(text).replace('\n', " ");
    let end = line
        .match_indices(". ")
        .map(|(at, _)| at)
        .find(|at| !line[..*at].ends_with("e.g") && !line[..*at].ends_with("i.e"));
    let sentence = line.get(..end.unwrap_or(line.len())).unwrap_or(&line);
    format!("{}.", sentence.trim_end_matches('.'))
}

/// The ends of the paths in all tables, for the test that none has gone stale.
#[cfg(test)]
pub fn entries() -> Vec<String> {
    let left_out = LEFT_OUT.iter().map(|(end, name)| format!("{end}.{name}"));
    let roots = ROOTS.iter().map(|(root, _)| *root);
    let ranges = RANGES.iter().map(|(end, _, _)| *end);
    let words = WORDS.iter().map(|(end, _)| *end);
    let keyed = KEYED_LISTS.iter().map(|(end, _)| *end);
    let patterns = PATTERNS.iter().map(|(end, _)| *end);
    let plain = roots
        .chain(ranges)
        .chain(words)
        .chain(keyed)
        .chain(patterns);
    plain.map(str::to_owned).chain(left_out).collect()
}
