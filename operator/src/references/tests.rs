//! Which Secrets a manifest refers to.

use serde_json::json;

use super::*;

fn referred(spec: &serde_json::Value) -> Vec<String> {
    let cluster: TelecomCluster = serde_json::from_value(json!({
        "apiVersion": "telecom.dev/v1alpha1",
        "kind": "TelecomCluster",
        "metadata": {"name": "demo", "namespace": "default"},
        "spec": spec,
    }))
    .unwrap();
    references(&cluster)
        .into_iter()
        .map(|reference| {
            let made = if reference.generated { " (made)" } else { "" };
            let SecretKey { name, key } = reference.secret;
            format!("{:?}: {name}/{key}{made}", reference.purpose)
        })
        .collect()
}

#[test]
fn the_smallest_manifest_refers_to_what_the_operator_makes() {
    assert_eq!(
        referred(&json!({})),
        [
            "DatabaseUrl: demo-postgres/uri (made)",
            "JwtSecretPrevious: demo-jwt/previous (made)",
            "JwtSecret: demo-jwt/secret (made)",
            "OperatorTokenPrevious: demo-operator-token/previous (made)",
            "OperatorToken: demo-operator-token/token (made)",
        ]
    );
}

#[test]
fn every_reference_is_found() {
    let secret = |name: &str| json!({"name": name, "key": "k"});
    let spec = json!({
        "database": {
            "urlSecretRef": secret("a"),
            "directUrlSecretRef": secret("b"),
            "readUrlSecretRef": secret("c"),
            "caSecretRef": secret("d"),
        },
        "auth": {"jwtSecretRef": secret("h")},
        "metrics": {"bearerTokenSecretRef": secret("e")},
        "telemetry": {"endpoint": "http://o:4317", "headersSecretRef": secret("f"), "caSecretRef": secret("g")},
    });
    assert_eq!(
        referred(&spec),
        [
            "DatabaseUrl: a/k",
            "DatabaseDirectUrl: b/k",
            "DatabaseReadUrl: c/k",
            "DatabaseCa: d/k",
            "JwtSecret: h/k",
            "MetricsToken: e/k",
            "TelemetryHeaders: f/k",
            "TelemetryCa: g/k",
            "OperatorTokenPrevious: demo-operator-token/previous (made)",
            "OperatorToken: demo-operator-token/token (made)",
        ]
    );
}

#[test]
fn keys_that_somebody_else_publishes_need_no_secret() {
    let spec = json!({"auth": {"jwksUrl": "https://id.example.com/keys"}});
    let made = referred(&spec);
    assert!(
        !made.iter().any(|reference| reference.contains("demo-jwt")),
        "{made:?}"
    );
}

#[test]
fn a_feature_that_is_off_refers_to_nothing() {
    let spec =
        json!({"metrics": {"enabled": false, "bearerTokenSecretRef": {"name": "e", "key": "k"}}});
    assert!(
        !referred(&spec)
            .iter()
            .any(|reference| reference.starts_with("MetricsToken"))
    );
}
