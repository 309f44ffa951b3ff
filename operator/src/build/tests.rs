//! One snapshot of each owned object, for the smallest manifest and for one in which everything is set;
//! and what holds for all manifests.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use telecom_crds::TelecomCluster;

use super::canonical::canonical;
use super::*;
use crate::fixture::{claim, demo, full, full_facts, generated, named, operator, secrets};
use crate::references::{LiveDeployment, SecretFact, SecretKey};
use crate::validate::validate;

mod keys;
mod rollout;

fn plan(cluster: &TelecomCluster, facts: &Facts) -> Plan {
    build(
        &validate(cluster, facts, &operator()).unwrap(),
        facts,
        &generated(),
    )
    .unwrap()
}

/// The facts once the migration that the plan asks for has succeeded.
fn migrated(cluster: &TelecomCluster, facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    let hash = plan(cluster, &facts).migration.hash;
    facts.live.migrations_succeeded = hash.into_iter().collect();
    facts
}

fn objects(plan: &Plan) -> Vec<&Object> {
    plan.database
        .iter()
        .chain(&plan.foundation)
        .chain(&plan.migration.job)
        .chain(&plan.workload)
        .collect()
}

fn find<'a>(plan: &'a Plan, kind: Kind, name: &str) -> Option<&'a Object> {
    objects(plan)
        .into_iter()
        .find(|object| object.kind == kind && object.name == name)
}

fn deployment(plan: &Plan) -> Option<&Value> {
    find(plan, Kind::Deployment, "demo-server")?.apply.as_ref()
}

/// A world in which the embedded database has its volume and Secret.
fn embedded() -> Facts {
    let uri = "postgresql://telecom:x@demo-postgres.default.svc:5432/telecom?sslmode=disable";
    let mut facts = secrets(&[("demo-postgres", "uri", uri)]);
    facts.live.database_claim = Some(claim("1Gi", None));
    facts
}

fn snapshots(case: &str, plan: &Plan) {
    let mut seen = BTreeSet::new();
    for object in objects(plan) {
        let hash = plan.migration.hash.as_deref().unwrap_or_default();
        let name = object
            .name
            .replace(&plan.config_map, "demo-config")
            .replace(hash, "");
        let name = format!("{case}__{}__{}", object.kind, name.trim_end_matches('-'));
        let writes = [("create", &object.create), ("apply", &object.apply)];
        let documents: Vec<String> = writes
            .into_iter()
            .filter_map(|(write, value)| value.as_ref().map(|value| (write, value)))
            .map(|(write, value)| format!("# {write}\n{}", serde_yaml::to_string(value).unwrap()))
            .collect();
        assert!(seen.insert(name.clone()), "{name} twice");
        insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "snapshots"}, {
            insta::assert_snapshot!(name, documents.join("---\n"));
        });
    }
}

#[test]
fn every_object_of_the_smallest_manifest() {
    let cluster = demo("{}");
    let mut facts = migrated(&cluster, &embedded());
    facts.live.service_monitor_kind = true;
    snapshots("smallest", &plan(&cluster, &facts));
}

#[test]
fn every_object_of_the_full_manifest() {
    let cluster = full();
    snapshots("full", &plan(&cluster, &migrated(&cluster, &full_facts())));
}

#[test]
fn the_embedded_database_behind_a_network_policy_on_a_platform_that_assigns_uids() {
    let cluster = demo(
        "{networkPolicy: {enabled: true}, deletionPolicy: Retain, database: {embedded: {storage: {size: 2048Mi, storageClassName: fast}}}}",
    );
    let facts = Facts::default();
    let mut operator = operator();
    operator.assigned_uids = true;
    operator.operator_namespace = None;
    let validated = validate(&cluster, &facts, &operator).unwrap();
    snapshots(
        "embedded",
        &build(&validated, &facts, &generated()).unwrap(),
    );
}

#[test]
fn what_is_off_is_absent() {
    let absent = |cluster: &TelecomCluster, facts: &Facts| {
        let absent = plan(cluster, facts).absent;
        absent
            .into_iter()
            .map(|(kind, name)| format!("{kind} {name}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        absent(&demo("{}"), &embedded()),
        [
            "HorizontalPodAutoscaler demo-server",
            "PodDisruptionBudget demo-server",
            "NetworkPolicy demo-server",
            "NetworkPolicy demo-postgres",
        ]
    );
    assert_eq!(
        absent(&full(), &full_facts()),
        [
            "NetworkPolicy demo-postgres",
            "ServiceAccount demo-server",
            "StatefulSet demo-postgres",
            "Service demo-postgres",
        ]
    );
    let mut facts = embedded();
    facts.live.service_monitor_kind = true;
    let silent = demo("metrics: {serviceMonitor: {enabled: false}}");
    assert!(absent(&silent, &facts).contains(&"ServiceMonitor demo-server".to_owned()));
}

#[test]
fn a_network_policy_lets_the_server_fetch_keys() {
    let ports = |spec: &str| {
        let plan = plan(&demo(spec), &embedded());
        let policy = find(&plan, Kind::NetworkPolicy, "demo-server").unwrap();
        let rules = policy.apply.as_ref().unwrap()["spec"]["egress"].clone();
        let ports = rules
            .as_array()
            .unwrap()
            .iter()
            .filter(|rule| rule["to"].is_null());
        let ports = ports.flat_map(|rule| rule["ports"].as_array().unwrap());
        ports
            .map(|port| port["port"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ports("networkPolicy: {enabled: true}"), [53, 53]);
    let published =
        "{networkPolicy: {enabled: true}, auth: {jwksUrl: 'https://id.example.com:8443/keys'}}";
    assert_eq!(ports(published), [53, 53, 8443]);
}

#[test]
fn no_object_is_both_wanted_and_absent() {
    for (cluster, facts) in [(demo("{}"), embedded()), (full(), full_facts())] {
        let plan = plan(&cluster, &migrated(&cluster, &facts));
        for object in objects(&plan) {
            assert!(
                !plan.absent.contains(&(object.kind, object.name.clone())),
                "{} {}",
                object.kind,
                object.name
            );
        }
    }
}

#[test]
fn no_service_monitor_without_its_kind() {
    let plan = plan(&demo("{}"), &embedded());
    assert_eq!(find(&plan, Kind::ServiceMonitor, "demo-server"), None);
    assert!(
        !plan
            .absent
            .iter()
            .any(|(kind, _)| *kind == Kind::ServiceMonitor)
    );
}

#[test]
fn only_data_and_keys_outlive_a_cluster() {
    let unowned = |spec: &str| {
        let plan = plan(&demo(spec), &embedded());
        let owner = |object: &&Object| {
            let written = object.apply.as_ref().or(object.create.as_ref());
            written.is_some_and(|value| value["metadata"]["ownerReferences"].is_null())
        };
        let unowned = objects(&plan).into_iter().filter(owner);
        unowned
            .map(|object| format!("{} {}", object.kind, object.name))
            .collect::<Vec<_>>()
    };
    assert_eq!(unowned("{}"), Vec::<String>::new());
    assert_eq!(
        unowned("deletionPolicy: Retain"),
        [
            "Secret demo-postgres",
            "PersistentVolumeClaim demo-postgres-data",
            "Secret demo-jwt",
            "Secret demo-operator-token",
        ]
    );
}

#[test]
fn generated_values_stand_in_no_object_but_their_secret() {
    let plan = plan(&demo("{}"), &Facts::default());
    for object in objects(&plan)
        .into_iter()
        .filter(|object| object.kind != Kind::Secret)
    {
        let text = format!("{object:?}");
        let Generated {
            jwt_secret,
            operator_token,
            database_password,
        } = generated();
        for value in [jwt_secret, operator_token, database_password] {
            assert!(!text.contains(&value), "{}", object.name);
        }
    }
    assert_eq!(format!("{:?}", generated()), "Generated { .. }");
}

fn any_spec() -> impl Strategy<Value = Value> {
    let size = "[1-9][0-9]{0,3}(Mi|Gi|M|G)";
    let cpu = "[1-9][0-9]{0,3}m|[0-9]\\.[1-9]";
    (0..4_i32, any::<[bool; 6]>(), size, cpu, "[a-z]{1,20}").prop_map(
        |(replicas, on, size, cpu, word)| {
            let mut spec = json!({
                "replicas": replicas,
                "resources": {"requests": {"cpu": cpu, "memory": size}, "limits": {}},
                "podLabels": {word.clone(): ""},
                "extraEnv": [{"name": "WORD", "value": word}],
                "deletionPolicy": if on[0] { "Retain" } else { "Delete" },
                "networkPolicy": {"enabled": on[1]},
                "metrics": {"enabled": on[2]},
            });
            if on[3] {
                spec["autoscaling"] = json!({"maxReplicas": 5});
            }
            if on[4] {
                spec["telemetry"] = json!({"endpoint": "http://otel:4317"});
            }
            if on[5] {
                spec["database"] = json!({"embedded": {"storage": {"size": size}}});
            }
            spec
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_plan_is_deterministic_canonical_and_well_named(
        name in "[a-z]([-a-z0-9]{0,38}[a-z0-9])?",
        spec in any_spec(),
        migrated in any::<bool>(),
    ) {
        let cluster = named(&name, &spec);
        let mut facts = Facts::default();
        facts.live.service_monitor_kind = true;
        if migrated {
            // The smallest size that there is above.
            facts.live.database_claim = Some(claim("1M", None));
            let uri = SecretFact::of_value(b"postgresql://telecom:x@h/telecom");
            facts.secrets.insert(SecretKey::embedded_database_uri(&name), uri);
            let hash = plan(&cluster, &facts).migration.hash;
            facts.live.migrations_succeeded = hash.into_iter().collect();
        }
        let one = plan(&cluster, &facts);
        let other = plan(&cluster, &facts);
        prop_assert_eq!(objects(&one), objects(&other));
        prop_assert_eq!(migrated, one.workload.iter().any(|object| object.kind == Kind::Deployment));
        for object in objects(&one) {
            prop_assert!(object.name.len() <= 63, "{}", object.name);
            for value in [&object.create, &object.apply].into_iter().flatten() {
                let mut again = value.clone();
                canonical(&mut again);
                prop_assert_eq!(&again, value);
                for label in labels(value) {
                    prop_assert!(label.len() <= 63, "{}", label);
                }
            }
        }
    }
}

/// Every value under a `labels` or `matchLabels` anywhere in an object.
fn labels(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| match value.as_object() {
                Some(inner) if key == "labels" || key == "matchLabels" => inner
                    .values()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
                _ => labels(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(labels).collect(),
        _ => Vec::new(),
    }
}
