//! Manifests in worlds that do not suit them, and the sentences that say so.

use telecom_crds::{ConditionType, Reason};

use super::*;
use crate::fixture::{claim, demo, full, full_facts, operator, secrets};
use crate::names::PINNED_IMAGE_ANNOTATION;
use crate::references::{LiveDeployment, SecretFact};

mod auth;

fn problems(spec: &str, facts: &Facts) -> Vec<(Reason, String)> {
    match validate(&demo(spec), facts, &operator()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .into_iter()
            .map(|problem| (problem.reason, problem.message))
            .collect(),
    }
}

fn valid(spec: &str, facts: &Facts) -> Validated {
    validate(&demo(spec), facts, &operator()).unwrap()
}

const EXTERNAL: &str = "database: {urlSecretRef: {name: pg, key: uri}}";
const URL: (&str, &str, &str) = ("pg", "uri", "postgres://u:p@db/app");

#[test]
fn secrets_that_do_not_suit() {
    let token = "metrics: {bearerTokenSecretRef: {name: scrape, key: token}}";
    let headers =
        "telemetry: {endpoint: 'http://otel:4317', headersSecretRef: {name: otel, key: h}}";
    let authority =
        "database: {urlSecretRef: {name: pg, key: uri}, caSecretRef: {name: ca, key: ca.crt}}";
    let mut key_missing = Facts::default();
    let secret = SecretKey {
        name: "pg".to_owned(),
        key: "uri".to_owned(),
    };
    key_missing.secrets.insert(secret, SecretFact::KeyMissing);
    let cases = vec![
        (
            EXTERNAL,
            Facts::default(),
            Reason::SecretNotFound,
            "Secret pg does not exist in namespace default: create it with the key uri, or correct spec.database.urlSecretRef",
        ),
        (
            EXTERNAL,
            key_missing,
            Reason::SecretKeyMissing,
            "Secret pg in namespace default has no key uri: add it, or correct spec.database.urlSecretRef",
        ),
        (
            EXTERNAL,
            secrets(&[("pg", "uri", "\n")]),
            Reason::SecretKeyEmpty,
            "key uri of Secret pg in namespace default is empty: fill it, or remove spec.database.urlSecretRef",
        ),
        (
            EXTERNAL,
            secrets(&[("pg", "uri", "mysql://u:p@db/app")]),
            Reason::InvalidDatabaseUrl,
            "key uri of Secret pg in namespace default (spec.database.urlSecretRef) has the scheme `mysql`; use postgres:// or postgresql://",
        ),
        (
            EXTERNAL,
            secrets(&[("pg", "uri", "db:5432")]),
            Reason::InvalidDatabaseUrl,
            "key uri of Secret pg in namespace default (spec.database.urlSecretRef) has the scheme `(unknown)`; use postgres:// or postgresql://",
        ),
        (
            authority,
            secrets(&[URL, ("ca", "ca.crt", "x")]),
            Reason::InvalidValue,
            "key ca.crt of Secret ca in namespace default (spec.database.caSecretRef) holds no PEM certificate (-----BEGIN CERTIFICATE-----)",
        ),
        (
            token,
            Facts::default(),
            Reason::SecretNotFound,
            "Secret scrape does not exist in namespace default: create it with the key token, or correct spec.metrics.bearerTokenSecretRef",
        ),
        (
            token,
            secrets(&[("scrape", "token", "abc\n")]),
            Reason::InvalidValue,
            "key token of Secret scrape in namespace default (spec.metrics.bearerTokenSecretRef) ends with a line break; store it without one (printf %s, not echo)",
        ),
        (
            headers,
            secrets(&[("otel", "h", "Bearer abc")]),
            Reason::InvalidValue,
            "key h of Secret otel in namespace default (spec.telemetry.headersSecretRef) has no `=` in entry 1; write name=value,name2=value2",
        ),
    ];
    for (spec, facts, reason, message) in cases {
        assert_eq!(
            problems(spec, &facts),
            [(reason, message.to_owned())],
            "{spec}"
        );
    }
}

#[test]
fn urls_that_do_not_suit() {
    let cases = [
        (
            "telemetry: {endpoint: 'http://otel:99999'}",
            "spec.telemetry.endpoint is not a URL (invalid port number): write one such as http://otel-collector:4317",
        ),
        (
            "telemetry: {endpoint: 'http://otel:4318/v1/traces'}",
            "spec.telemetry.endpoint has the path /v1/traces: give the base URL alone, or put the whole URL under spec.telemetry.endpoints",
        ),
        (
            "telemetry: {endpoints: {traces: 'ftp://otel/x'}}",
            "spec.telemetry.endpoints.traces has the scheme ftp: use http:// or https://",
        ),
        (
            "telemetry: {endpoints: {traces: 'https://t.example.com/v1/traces'}}",
            "spec.telemetry.endpoints.traces has the path /v1/traces, which gRPC has no use for: remove the path, or set spec.telemetry.protocol to Http",
        ),
    ];
    for (spec, message) in cases {
        let expected = [(Reason::InvalidValue, message.to_owned())];
        assert_eq!(problems(spec, &Facts::default()), expected, "{spec}");
    }
    let facts = secrets(&[(
        "ca",
        "c",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
    )]);
    let spec = "telemetry: {endpoint: 'http://otel:4317', caSecretRef: {name: ca, key: c}}";
    let message = "spec.telemetry.caSecretRef is set but no URL of spec.telemetry is an https:// one: use https://, or remove it";
    assert_eq!(
        problems(spec, &facts),
        [(Reason::InvalidValue, message.to_owned())]
    );
}

#[test]
fn every_problem_is_told_at_once() {
    let spec = "{database: {urlSecretRef: {name: pg, key: uri}}, metrics: {bearerTokenSecretRef: {name: scrape, key: token}}}";
    assert_eq!(problems(spec, &Facts::default()).len(), 2);
}

#[test]
fn an_empty_metrics_token_closes_metrics_and_is_no_mistake() {
    let spec = "metrics: {bearerTokenSecretRef: {name: scrape, key: token}}";
    let metrics = valid(spec, &secrets(&[("scrape", "token", "")])).metrics;
    assert!(metrics.token_empty);
    assert!(metrics.token.is_some());
}

#[test]
fn a_volume_without_its_password_is_left_alone() {
    let mut facts = Facts::default();
    facts.live.database_claim = Some(claim("1Gi", None));
    let found = validate(&demo("{}"), &facts, &operator()).unwrap_err();
    assert_eq!(
        found,
        [Problem {
            condition: ConditionType::DatabaseReady,
            reason: Reason::DatabaseSecretLost,
            message: "Secret demo-postgres in namespace default, which holds the password of the embedded database in \
                PersistentVolumeClaim demo-postgres-data, does not exist: restore it from a backup, or delete both and start with an empty database"
                .to_owned(),
        }]
    );
    // An external database does not care.
    facts.secrets = secrets(&[URL]).secrets;
    assert_eq!(problems(EXTERNAL, &facts), []);
}

#[test]
fn a_volume_grows_and_keeps_its_class() {
    let mut facts = secrets(&[(
        "demo-postgres",
        "uri",
        "postgresql://telecom:x@demo-postgres.default.svc/telecom",
    )]);
    facts.live.database_claim = Some(claim("10Gi", Some("fast")));
    let invalid = |message: &str| vec![(Reason::InvalidValue, message.to_owned())];
    let cases = [
        ("{size: 10240Mi}", Vec::new()),
        ("{size: 20Gi, storageClassName: fast}", Vec::new()),
        (
            "{size: 5Gi}",
            invalid(
                "spec.database.embedded.storage.size is 5Gi, but PersistentVolumeClaim demo-postgres-data in namespace default \
             has 10Gi and a volume cannot shrink: set the size to 10Gi or more",
            ),
        ),
        (
            "{size: 10Gi, storageClassName: slow}",
            invalid(
                "spec.database.embedded.storage.storageClassName cannot change: PersistentVolumeClaim demo-postgres-data in namespace \
             default has the class fast; set that one, or remove the field",
            ),
        ),
    ];
    for (storage, expected) in cases {
        let spec = format!("database: {{embedded: {{storage: {storage}}}}}");
        assert_eq!(problems(&spec, &facts), expected, "{storage}");
    }
}

#[test]
fn which_image_runs() {
    const OWN: &str = "docker.io/telecom-operator/server:0.1.0";
    // (spec, pinned, may move) → (image, pinned by us, waits for)
    let cases = [
        ("{}", None, false, (OWN, true, None)),
        (
            "{}",
            Some("server:0.0.9"),
            false,
            ("server:0.0.9", true, Some(OWN)),
        ),
        ("{}", Some("server:0.0.9"), true, (OWN, true, None)),
        ("{}", Some(OWN), false, (OWN, true, None)),
        (
            "upgradePolicy: Manual",
            Some("server:0.0.9"),
            true,
            ("server:0.0.9", true, None),
        ),
        ("upgradePolicy: Manual", None, true, (OWN, true, None)),
        (
            "image: mine:1",
            Some("server:0.0.9"),
            true,
            ("mine:1", false, None),
        ),
    ];
    for (spec, pinned, may_upgrade, (reference, ours, upgrade)) in cases {
        let mut facts = Facts::default();
        let pin = |image: &str| (PINNED_IMAGE_ANNOTATION.to_owned(), image.to_owned());
        facts.live.may_upgrade = may_upgrade;
        facts.live.deployment = Some(LiveDeployment {
            annotations: pinned.map(pin).into_iter().collect(),
            ..LiveDeployment::default()
        });
        let image = valid(spec, &facts).image;
        assert_eq!(
            image.reference, reference,
            "{spec} {pinned:?} {may_upgrade}"
        );
        assert_eq!(image.pinned, ours, "{spec} {pinned:?} {may_upgrade}");
        assert_eq!(
            image.upgrade.as_deref(),
            upgrade,
            "{spec} {pinned:?} {may_upgrade}"
        );
    }
}

#[test]
fn tags_of_images() {
    let cases = [
        ("docker.io/telecom/server:1.2.3", Some("1.2.3")),
        ("localhost:5000/server:1.2.3@sha256:abc", Some("1.2.3")),
        ("localhost:5000/server", None),
        ("server@sha256:abc", None),
    ];
    for (reference, tag) in cases {
        let image = Image {
            reference: reference.to_owned(),
            pull_policy: ImagePullPolicy::Never,
            pinned: false,
            upgrade: None,
        };
        assert_eq!(image.tag(), tag, "{reference}");
    }
}

#[test]
fn defaults_that_depend_on_something_else() {
    let smallest = valid("{}", &Facts::default());
    assert_eq!(smallest.scaling, Scaling::Fixed(1));
    assert!(!smallest.disruption_budget);
    assert!(smallest.telemetry.is_none());
    assert!(
        matches!(&smallest.database.source, DatabaseSource::Embedded(embedded) if embedded.size == "1Gi")
    );
    assert!(valid("replicas: 2", &Facts::default()).disruption_budget);
    // Nowhere to send metrics: they stay here, although exportMetrics is true by default.
    let traces = valid(
        "telemetry: {protocol: Http, endpoints: {traces: 'https://t.example.com/x'}}",
        &Facts::default(),
    );
    assert!(!traces.telemetry.unwrap().export_metrics);
    assert!(
        valid("networkPolicy: {grpcFrom: []}", &Facts::default())
            .network_policy
            .is_none()
    );
}

#[test]
fn a_pinned_database_image_survives_an_upgrade_of_the_operator() {
    let mut facts = Facts::default();
    facts.live.pinned_database_image = Some("postgres:14".to_owned());
    let image = |facts: &Facts, spec: &str| match valid(spec, facts).database.source {
        DatabaseSource::Embedded(embedded) => (embedded.image, embedded.pinned),
        DatabaseSource::External(_) => panic!("external"),
    };
    // Nothing was ever migrated: it may never have started.
    let own = operator().postgres_image;
    assert_eq!(image(&facts, "{}"), (own, true));
    facts.live.migrations_succeeded = ["some".to_owned()].into();
    assert_eq!(image(&facts, "{}"), ("postgres:14".to_owned(), true));
    assert_eq!(
        image(&facts, "database: {embedded: {image: 'postgres:15'}}"),
        ("postgres:15".to_owned(), false)
    );
}

#[test]
fn strategies_are_complete() {
    let cases = [
        (
            "{}",
            "{type: RollingUpdate, rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}",
        ),
        (
            "strategy: {type: RollingUpdate}",
            "{type: RollingUpdate, rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}",
        ),
        (
            "strategy: {rollingUpdate: {maxSurge: 0}}",
            "{type: RollingUpdate, rollingUpdate: {maxUnavailable: 1, maxSurge: 0}}",
        ),
        (
            "strategy: {rollingUpdate: {maxUnavailable: 25%}}",
            "{type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%, maxSurge: 1}}",
        ),
        ("strategy: {type: Recreate}", "{type: Recreate}"),
    ];
    for (spec, expected) in cases {
        let expected: DeploymentStrategy = serde_yaml::from_str(expected).unwrap();
        assert_eq!(
            valid(spec, &Facts::default()).pod.strategy,
            expected,
            "{spec}"
        );
    }
}

#[test]
fn the_full_manifest_is_valid() {
    let validated = validate(&full(), &full_facts(), &operator()).unwrap();
    assert!(validated.retain);
    assert_eq!(validated.telemetry.unwrap().ports, [443, 4318]);
    assert!(
        matches!(&validated.database.source, DatabaseSource::External(external) if external.ports == [5432, 6432])
    );
}
