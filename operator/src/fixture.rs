//! Manifests and facts for the tests of validation and builders.

use serde_json::{Value, json};
use telecom_crds::TelecomCluster;

use crate::build::Generated;
use crate::references::{Facts, LiveClaim, SecretFact, SecretKey};
use crate::validate::OperatorDefaults;

pub const NAMESPACE: &str = "default";

/// A cluster of this name and spec.
pub fn named(name: &str, spec: &Value) -> TelecomCluster {
    serde_json::from_value(json!({
        "apiVersion": "telecom.dev/v1alpha1",
        "kind": "TelecomCluster",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": "11111111-2222-3333-4444-555555555555"},
        "spec": spec,
    }))
    .unwrap()
}

/// A cluster `demo`; the spec is YAML.
pub fn demo(spec: &str) -> TelecomCluster {
    named("demo", &serde_yaml::from_str(spec).unwrap())
}

/// The manifest in which everything is set.
pub fn full() -> TelecomCluster {
    demo(include_str!("build/tests/full.yaml"))
}

/// The facts in which that manifest is valid, nothing built yet.
pub fn full_facts() -> Facts {
    let pem = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n";
    let mut facts = secrets(&[
        (
            "pg-app",
            "uri",
            "postgresql://app:one@pooler.example.com:6432/app",
        ),
        (
            "pg-direct",
            "uri",
            "postgresql://app:one@pg.example.com/app",
        ),
        (
            "pg-read",
            "uri",
            "postgresql://app:one@replica.example.com/app",
        ),
        ("pg-ca", "ca.crt", pem),
        ("issuer", "hmac", "a-signing-key-of-thirty-two-bytes"),
        ("scrape", "token", "scrape-token-of-the-prometheus"),
        ("otel", "headers", "authorization=Bearer%20abc"),
        ("otel", "ca.crt", pem),
    ]);
    facts.live.service_monitor_kind = true;
    facts
}

/// Facts of Secrets with these values, by name and key.
pub fn secrets(values: &[(&str, &str, &str)]) -> Facts {
    let secrets = values.iter().map(|(name, key, value)| {
        let secret = SecretKey {
            name: (*name).to_owned(),
            key: (*key).to_owned(),
        };
        (secret, SecretFact::of_value(value.as_bytes()))
    });
    Facts {
        secrets: secrets.collect(),
        ..Facts::default()
    }
}

/// An operator in a namespace of its own.
pub fn operator() -> OperatorDefaults {
    OperatorDefaults {
        server_image: "docker.io/telecom-operator/server:0.1.0".to_owned(),
        postgres_image: "docker.io/telecom-operator/postgres:15".to_owned(),
        operator_namespace: Some("telecom-system".to_owned()),
        assigned_uids: false,
    }
}

/// Generated values that are not random.
pub fn generated() -> Generated {
    Generated {
        jwt_secret: "signing-key-of-more-than-thirty-two-letters".to_owned(),
        operator_token: "operator-token-of-thirty-two-letters".to_owned(),
        database_password: "passwordofthirtytwolettersandmore".to_owned(),
    }
}

/// A bound volume claim.
pub fn claim(size: &str, storage_class: Option<&str>) -> LiveClaim {
    LiveClaim {
        uid: "99999999-0000-0000-0000-000000000000".to_owned(),
        owner: None,
        size: size.to_owned(),
        storage_class: storage_class.map(str::to_owned),
    }
}
