//! A run's Job is made of what serves, with the credentials of the database alone.

use serde_json::{Value, json};
use telecom_crds::TelecomCluster;

use super::*;
use crate::build::{Plan, build};
use crate::fixture::{demo, full, full_facts, generated, named, operator};
use crate::references::Facts;
use crate::validate::validate;

fn slot(text: &str) -> JobRunPod {
    JobRunPod {
        job: JobName::BillTraffic,
        key: JobRunKey::ScheduledAt(text.parse().unwrap()),
        timeout_seconds: 900,
    }
}

fn validated(cluster: &TelecomCluster, facts: &Facts) -> Validated {
    validate(cluster, facts, &operator()).unwrap()
}

/// The Pod template of a Deployment as it is built first.
fn serving(cluster: &Validated, facts: &Facts) -> PodTemplateSpec {
    let plan = |facts: &Facts| -> Plan { build(cluster, facts, &generated()).unwrap() };
    let mut facts = facts.clone();
    facts.live.migrations_succeeded = plan(&facts).migration.hash.into_iter().collect();
    let plan = plan(&facts);
    let deployment = plan
        .workload
        .iter()
        .find(|object| object.kind == Kind::Deployment);
    let template = &deployment.unwrap().apply.as_ref().unwrap()["spec"]["template"];
    serde_json::from_value(template.clone()).unwrap()
}

fn created(cluster: &Validated, serving: &PodTemplateSpec, run: &JobRunPod) -> Value {
    job_run(cluster, serving, run).unwrap().create.unwrap()
}

#[test]
fn the_job_of_a_run() {
    let cluster = validated(&full(), &full_facts());
    let serving = serving(&cluster, &full_facts());
    let job = created(&cluster, &serving, &slot("2027-03-01T09:00:00Z"));
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots"}, {
        insta::assert_snapshot!("full__Job__demo-job", serde_yaml::to_string(&job).unwrap());
    });
}

#[test]
fn a_run_has_one_name_and_another_run_another() {
    let one = slot("2027-03-01T09:00:00Z");
    assert_eq!(one.name("demo"), one.clone().name("demo"));
    let others = [
        slot("2027-03-01T09:00:05Z"),
        JobRunPod {
            job: JobName::PackageExpiring,
            ..one.clone()
        },
        JobRunPod {
            key: JobRunKey::RequestId("2027-03-01T09:00:00Z".to_owned()),
            ..one.clone()
        },
    ];
    for other in others {
        assert_ne!(one.name("demo"), other.name("demo"), "{other:?}");
    }
    let long = "a".repeat(telecom_crds::MAX_NAME_LENGTH);
    assert!(one.name(&long).len() <= 63);
    assert!(!one.name("demo").starts_with(&names::migration("demo", "")));
}

#[test]
fn a_request_is_passed_on() {
    let cluster = validated(&full(), &full_facts());
    let run = JobRunPod {
        job: JobName::RefreshNodeStatusView,
        key: JobRunKey::RequestId("4f2a".to_owned()),
        timeout_seconds: 60,
    };
    let job = created(&cluster, &serving(&cluster, &full_facts()), &run);
    assert_eq!(
        job["spec"]["template"]["spec"]["containers"][0]["args"],
        json!([
            "run-job",
            "refreshNodeStatusView",
            "--request-id",
            "4f2a",
            "--timeout",
            "60s",
            "--cluster-uid",
            "11111111-2222-3333-4444-555555555555"
        ])
    );
}

/// While a migration is held back, what serves is of before, and so is what runs the jobs.
#[test]
fn the_image_is_the_one_that_serves() {
    let serving = serving(&validated(&full(), &full_facts()), &full_facts());
    let mut next = full();
    next.spec.image = Some("other:2".to_owned());
    let next = validated(&next, &full_facts());
    let job = created(&next, &serving, &slot("2027-03-01T09:00:00Z"));
    let image = &job["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(*image, json!(full().spec.image));
}

#[test]
fn without_a_server_there_is_no_run() {
    let cluster = validated(&demo("{}"), &Facts::default());
    let error = job_run(
        &cluster,
        &PodTemplateSpec::default(),
        &slot("2027-03-01T09:00:00Z"),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "the Deployment demo-server has no container named server"
    );
}

/// The policy of the server's Pods is theirs too: it selects by name and cluster, whatever the component.
#[test]
fn a_run_may_reach_what_the_migration_may() {
    let cluster = named("demo", &json!({"networkPolicy": {"enabled": true}}));
    let mut facts = Facts::default();
    facts.live.database_claim = Some(crate::fixture::claim("1Gi", None));
    let uri = "postgresql://telecom:x@demo-postgres.default.svc:5432/telecom";
    let secrets = crate::fixture::secrets(&[("demo-postgres", "uri", uri)]);
    facts.secrets.extend(secrets.secrets);
    let cluster = validated(&cluster, &facts);
    let job = created(
        &cluster,
        &serving(&cluster, &facts),
        &slot("2027-03-01T09:00:00Z"),
    );
    let labels = &job["spec"]["template"]["metadata"]["labels"];
    let plan = build(&cluster, &facts, &generated()).unwrap();
    let find = |name: &str| {
        let policy = plan
            .workload
            .iter()
            .find(|object| object.kind == Kind::NetworkPolicy && object.name == name);
        policy.unwrap().apply.clone().unwrap()["spec"].clone()
    };
    let server = find("demo-server");
    let database = find("demo-postgres");
    for selector in [
        &server["podSelector"]["matchLabels"],
        &database["ingress"][0]["from"][0]["podSelector"]["matchLabels"],
    ] {
        let selector = selector.as_object().unwrap();
        assert!(!selector.is_empty());
        for (key, value) in selector {
            assert_eq!(labels[key], *value, "{key}");
        }
    }
    // The operator asks the server for jobs on the first, and why it is not ready on the second.
    assert_eq!(
        server["ingress"][0]["from"][0]["podSelector"]["matchLabels"],
        json!({"app.kubernetes.io/name": "telecom-operator"})
    );
    let ports = server["ingress"][0]["ports"].as_array().unwrap();
    let ports: Vec<_> = ports.iter().map(|port| port["port"].as_i64()).collect();
    assert_eq!(ports, [Some(50051), Some(8080)]);
}
