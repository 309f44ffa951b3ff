//! The CRD chart on the real apiserver: it upgrades, and refuses to take a newer schema back.

use telecom_tests::cluster;

// As `make up` installs it: the tests of the definition apply it too, under another manager.
const RELEASE: [&str; 7] = [
    "upgrade",
    "--install",
    "telecom-operator-crds",
    "-n",
    "telecom-system",
    "--force-conflicts",
    "--take-ownership",
];
const CRD: &str = "customresourcedefinition/telecomclusters.telecom.dev";
const ANNOTATION: &str = "telecom.dev/schema-version";

#[test]
fn the_crd_chart_refuses_a_schema_downgrade() {
    let chart = cluster::checkout().join("charts/telecom-operator-crds");
    let chart = chart.to_string_lossy();
    let upgrade = [&RELEASE[..], &[&chart]].concat();
    cluster::run("helm", &upgrade).unwrap();
    let path = format!(
        "jsonpath={{.metadata.annotations.{}}}",
        ANNOTATION.replace('.', "\\.")
    );
    let own = cluster::run("kubectl", &["get", CRD, "-o", &path]).unwrap();
    assert!(!own.is_empty(), "the CRD says no schema version");

    let annotate = |value: &str| {
        let pair = format!("{ANNOTATION}={value}");
        cluster::run("kubectl", &["annotate", "--overwrite", CRD, &pair]).unwrap();
    };
    annotate("9999");
    let refused = cluster::run("helm", &upgrade);
    annotate(&own);
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("9999") && message.contains("downgrade"),
        "{message}"
    );
    cluster::run("helm", &upgrade).unwrap();
}

#[test]
fn kubectl_prints_the_columns_that_a_person_looks_for() {
    let short = cluster::run("kubectl", &["get", "tc", "-A"]).unwrap();
    let header = short.lines().next().unwrap_or_default();
    for column in ["READY", "REPLICAS", "VERSION", "DATABASE", "AGE"] {
        assert!(header.contains(column), "{header}");
    }
    let wide = cluster::run("kubectl", &["get", "tc", "-A", "-o", "wide"]).unwrap();
    let header = wide.lines().next().unwrap_or_default();
    for column in ["OTLP", "SAMPLE", "IMAGE"] {
        assert!(header.contains(column), "{header}");
    }
}
