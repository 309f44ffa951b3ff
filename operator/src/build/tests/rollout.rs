//! What moves the Pod template, what leaves it alone, and who holds the number of replicas.

use super::keys::keys_there;
use super::*;

/// The world after a plan was carried out.
fn carried_out(cluster: &TelecomCluster, facts: &Facts) -> Facts {
    let mut facts = migrated(cluster, facts);
    let plan = plan(cluster, &facts);
    let deployment = deployment(&plan).unwrap();
    let annotations = &deployment["metadata"]["annotations"];
    facts.live.deployment = Some(LiveDeployment {
        annotations: serde_json::from_value(annotations.clone()).unwrap(),
        replicas: Some(3),
        template: serde_json::from_value(deployment["spec"]["template"].clone()).unwrap(),
    });
    facts.live.migrations_succeeded.clear();
    facts
}

fn template(plan: &Plan) -> Value {
    deployment(plan).unwrap()["spec"]["template"].clone()
}

#[test]
fn the_first_rollout_waits_for_the_migration() {
    let first = plan(&demo("{}"), &Facts::default());
    // No volume yet: nothing to migrate.
    assert_eq!(first.migration.hash, None);
    assert!(first.migration.job.is_none());
    assert_eq!(deployment(&first), None);
    assert!(!first.held_back);

    let second = plan(&demo("{}"), &embedded());
    assert!(second.migration.pending);
    assert!(second.migration.job.is_some());
    assert_eq!(deployment(&second), None);

    let third = plan(&demo("{}"), &migrated(&demo("{}"), &embedded()));
    assert!(!third.migration.pending);
    let annotations = &deployment(&third).unwrap()["metadata"]["annotations"];
    assert_eq!(
        annotations["telecom.dev/migrated"].as_str(),
        third.migration.hash.as_deref()
    );
}

#[test]
fn a_migration_that_has_not_succeeded_keeps_the_template_whole() {
    let facts = carried_out(&demo("{}"), &embedded());
    let before = plan(&demo("{}"), &facts);
    let next = demo("{image: 'other:2', replicas: 5, podLabels: {team: core}}");
    let held = plan(&next, &facts);
    assert!(held.held_back);
    assert_eq!(template(&held), template(&before));
    let object = deployment(&held).unwrap();
    // The rest of the manifest goes on.
    assert_eq!(object["spec"]["replicas"], 5);
    let annotations = &object["metadata"]["annotations"];
    assert_eq!(
        annotations["telecom.dev/migrated"],
        json!(before.migration.hash)
    );
    assert_eq!(
        annotations["telecom.dev/pinned-image"],
        "docker.io/telecom-operator/server:0.1.0"
    );

    let mut facts = facts;
    facts.live.migrations_succeeded = held.migration.hash.into_iter().collect();
    let moved = plan(&next, &facts);
    assert_eq!(
        template(&moved)["spec"]["containers"][0]["image"],
        "other:2"
    );
    assert_eq!(
        deployment(&moved).unwrap()["metadata"]["annotations"].get("telecom.dev/pinned-image"),
        None
    );
}

#[test]
fn a_migration_is_remembered_after_its_job_is_gone() {
    let facts = carried_out(&demo("{}"), &embedded());
    assert!(!plan(&demo("{}"), &facts).migration.pending);
    // The same image on another, empty database is another migration.
    let mut other = facts.clone();
    other.live.database_claim.as_mut().unwrap().uid = "another".to_owned();
    assert!(plan(&demo("{}"), &other).migration.pending);
}

/// The environment of the migration that is told to the database, and nobody else.
fn ownership(plan: &Plan) -> Vec<(String, String)> {
    let job = plan.migration.job.as_ref().unwrap().create.as_ref();
    let variables = &job.unwrap()["spec"]["template"]["spec"]["containers"][0]["env"];
    let variables = variables.as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    variables
        .map(|variable| (text(&variable["name"]), text(&variable["value"])))
        .filter(|(name, _)| {
            ["TELECOM_CLUSTER_UID", "TELECOM_ADOPT_DATABASE"].contains(&name.as_str())
        })
        .collect()
}

fn told(uid: &str, adopt: Option<&str>) -> Vec<(String, String)> {
    let uid = Some(("TELECOM_CLUSTER_UID".to_owned(), uid.to_owned()));
    let adopt = adopt.map(|uid| ("TELECOM_ADOPT_DATABASE".to_owned(), uid.to_owned()));
    uid.into_iter().chain(adopt).collect()
}

const UID: &str = "11111111-2222-3333-4444-555555555555";

#[test]
fn a_cluster_that_was_made_again_has_to_migrate_again() {
    let facts = migrated(&full(), &full_facts());
    assert!(!plan(&full(), &facts).migration.pending);
    assert_eq!(ownership(&plan(&full(), &facts)), told(UID, None));
    let mut again = full();
    again.metadata.uid = Some("another".to_owned());
    let again = plan(&again, &facts);
    assert!(again.migration.pending);
    assert_eq!(ownership(&again), told("another", None));
    // Nothing of this reaches the server.
    let server = deployment(&plan(&full(), &facts)).unwrap().to_string();
    assert!(!server.contains("TELECOM_CLUSTER_UID"), "{server}");
}

#[test]
fn a_database_is_taken_over_on_request_and_at_once() {
    let facts = carried_out(&full(), &full_facts());
    let before = plan(&full(), &facts);
    let with = |value: &str| {
        let mut cluster = full();
        let annotation = ("telecom.dev/adopt-database".to_owned(), value.to_owned());
        cluster.metadata.annotations = Some([annotation].into());
        plan(&cluster, &facts)
    };
    let asked = with("another");
    assert_eq!(ownership(&asked), told(UID, Some("another")));
    assert_ne!(asked.migration.attempt, before.migration.attempt);
    // A migration that has succeeded is not done again, and the server does not roll.
    assert_eq!(asked.migration.hash, before.migration.hash);
    assert!(!asked.migration.pending);
    assert_eq!(template(&asked), template(&before));
    for nobody in ["", UID] {
        assert_eq!(ownership(&with(nobody)), told(UID, None), "{nobody}");
    }
}

#[test]
fn a_retained_volume_is_taken_over_by_the_next_cluster() {
    let owner = |plan: &Plan| {
        let claim = find(plan, Kind::PersistentVolumeClaim, "demo-postgres-data").unwrap();
        let annotations = &claim.apply.as_ref().unwrap()["metadata"]["annotations"];
        annotations["telecom.dev/database-owner"].clone()
    };
    let cluster = demo("deletionPolicy: Retain");
    assert_eq!(owner(&plan(&cluster, &Facts::default())), UID);

    let mut facts = embedded();
    facts.live.database_claim.as_mut().unwrap().owner = Some("the one before".to_owned());
    let next = plan(&cluster, &facts);
    assert!(next.migration.pending);
    assert_eq!(ownership(&next), told(UID, Some("the one before")));
    // Until the database knows, the volume remembers the one before.
    assert_eq!(owner(&next), "the one before");
    assert_eq!(owner(&plan(&cluster, &migrated(&cluster, &facts))), UID);
}

#[test]
fn what_rolls_the_pods_and_what_does_not() {
    let cluster = full();
    let facts = carried_out(&cluster, &full_facts());
    let before = template(&plan(&cluster, &facts));
    let with = |name, key, value: &str| {
        let mut facts = facts.clone();
        facts.secrets.extend(secrets(&[(name, key, value)]).secrets);
        template(&plan(&cluster, &facts)) != before
    };
    let pem = "-----BEGIN CERTIFICATE-----\nother\n-----END CERTIFICATE-----\n";
    let cases = [
        (
            "database password",
            with(
                "pg-app",
                "uri",
                "postgresql://app:two@pooler.example.com:6432/app",
            ),
            true,
        ),
        (
            "read replica",
            with(
                "pg-read",
                "uri",
                "postgresql://app:two@replica.example.com/app",
            ),
            true,
        ),
        (
            "metrics token",
            with("scrape", "token", "another-token"),
            true,
        ),
        ("telemetry headers", with("otel", "headers", "a=b"), true),
        (
            "signing key",
            with("issuer", "hmac", "another-signing-key-of-32-letters"),
            true,
        ),
        (
            "operator's token",
            with("demo-operator-token", "token", "another-token"),
            true,
        ),
        ("database authority", with("pg-ca", "ca.crt", pem), false),
        ("collector's authority", with("otel", "ca.crt", pem), false),
        ("a Secret of somebody else", with("other", "x", "y"), false),
    ];
    for (what, rolls, expected) in cases {
        assert_eq!(rolls, expected, "{what}");
    }
}

#[test]
fn an_operator_upgrade_changes_nothing_of_a_manual_cluster() {
    let cluster = demo("upgradePolicy: Manual");
    let facts = carried_out(&cluster, &embedded());
    let mut operator = operator();
    operator.server_image = "docker.io/telecom-operator/server:0.2.0".to_owned();
    operator.postgres_image = "docker.io/telecom-operator/postgres:16".to_owned();
    let mut facts = facts;
    facts.live.pinned_database_image = Some("docker.io/telecom-operator/postgres:15".to_owned());
    let before = plan(&cluster, &facts);
    let validated = validate(&cluster, &facts, &operator).unwrap();
    let after = build(&validated, &facts, &generated()).unwrap();
    assert_eq!(objects(&before), objects(&after));
}

#[test]
fn other_random_values_change_nothing_that_exists() {
    let cluster = demo("{}");
    let mut facts = carried_out(&cluster, &embedded());
    facts.secrets.extend(keys_there().secrets);
    let before = plan(&cluster, &facts);
    let other = Generated {
        jwt_secret: "another".to_owned(),
        operator_token: "another".to_owned(),
        database_password: "another".to_owned(),
    };
    let validated = validate(&cluster, &facts, &operator()).unwrap();
    let after = build(&validated, &facts, &other).unwrap();
    assert_eq!(template(&before), template(&after));
    for (before, after) in objects(&before).into_iter().zip(objects(&after)) {
        assert_eq!(
            (&before.apply, &before.replacement, &before.hash),
            (&after.apply, &after.replacement, &after.hash)
        );
    }
}

#[test]
fn the_replicas_are_handed_over_once() {
    let auto = demo("autoscaling: {maxReplicas: 9}");
    let mut facts = carried_out(&demo("replicas: 3"), &embedded());
    let handed = plan(&auto, &facts).hand_over.unwrap();
    assert_eq!(handed.apply["spec"], json!({"replicas": 3}));
    assert_eq!(
        deployment(&plan(&auto, &facts)).unwrap()["spec"].get("replicas"),
        None
    );

    let annotations = deployment(&plan(&auto, &facts)).unwrap()["metadata"]["annotations"].clone();
    facts.live.deployment.as_mut().unwrap().annotations =
        serde_json::from_value(annotations).unwrap();
    assert_eq!(plan(&auto, &facts).hand_over, None);

    let back = plan(&demo("replicas: 2"), &facts);
    assert_eq!(
        back.absent[0],
        (Kind::HorizontalPodAutoscaler, "demo-server".to_owned())
    );
    assert_eq!(deployment(&back).unwrap()["spec"]["replicas"], 2);
}

#[test]
fn an_unused_embedded_database_keeps_its_volume() {
    let mut facts = full_facts();
    assert!(!plan(&full(), &facts).database_kept);
    facts.live.database_claim = Some(claim("1Gi", None));
    let plan = plan(&full(), &facts);
    assert!(plan.database_kept);
    assert!(plan.database.is_empty());
    assert!(
        !plan
            .absent
            .iter()
            .any(|(kind, _)| matches!(kind, Kind::PersistentVolumeClaim | Kind::Secret))
    );
}

#[test]
fn a_change_of_the_configuration_is_another_config_map() {
    let one = plan(&demo("{}"), &embedded());
    let other = plan(&demo("logging: {level: debug}"), &embedded());
    assert_ne!(one.config_map, other.config_map);
    assert_eq!(
        one.config_map,
        plan(&demo("replicas: 4"), &embedded()).config_map
    );
    // It may be what a failed migration waits for.
    assert_ne!(one.migration.attempt, other.migration.attempt);
    assert_eq!(one.migration.hash, other.migration.hash);
}

/// So that a server older than the operator meets only keys that the manifest asks for.
#[test]
fn a_value_that_the_server_takes_anyway_is_not_written() {
    let text = |spec: &str| {
        let plan = plan(&demo(spec), &embedded());
        let object = find(&plan, Kind::ConfigMap, &plan.config_map).unwrap();
        let text = object.apply.as_ref().unwrap()["data"]["config.yaml"].clone();
        let mut file: Value = serde_yaml::from_str(text.as_str().unwrap()).unwrap();
        // What the manifest has no word for.
        for section in ["grpc", "http", "shutdown"] {
            assert!(file.as_object_mut().unwrap().remove(section).is_some());
        }
        file
    };
    for (spec, written) in [
        ("{}", json!({})),
        (
            "{database: {maxConnections: 10, pooler: false, urlSecretRef: {name: demo-postgres, key: uri}}, \
              auth: {roleClaim: role}, nodeHealthCheck: {offlineTimeout: 90s, accessTtl: 10m}, retention: {hourlyDays: 100}, \
              metrics: {enabled: true, exportIntervalSeconds: 15}, logging: {level: info, format: Json}}",
            json!({}),
        ),
        (
            "{retention: {hourlyDays: 101, jobRunDays: 30}, logging: {format: Text}}",
            json!({"retention": {"hourly_days": 101}, "logging": {"format": "text"}}),
        ),
        (
            "{retention: {jobRunDays: 31}, jobs: {billTraffic: {interval: 1m}}}",
            json!({"retention": {"job_run_days": 31}}),
        ),
        (
            "{calls: {maskNumbers: false, pbxPollInterval: 15s}, callCenter: {queues: []}, retention: {callRecordDays: 90}}",
            json!({}),
        ),
        (
            "{calls: {maskNumbers: true}, callCenter: {queues: [{name: sales}]}, retention: {callRecordDays: 30}}",
            json!({
                "calls": {"mask_numbers": true},
                "call_center": {"queues": {"sales":
                    {"sla_seconds": 20, "sla_target_percent": 80, "exclude_short_abandons": false}}},
                "retention": {"call_record_days": 30},
            }),
        ),
        (
            "{metrics: {enabled: false}, nodeHealthCheck: {accessTtl: 11m}}",
            json!({"metrics": {"enabled": false}, "node_health_check": {"access_ttl": "11m"}}),
        ),
    ] {
        assert_eq!(text(spec), written, "{spec}");
    }
}
