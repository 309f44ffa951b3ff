//! Bad configuration: exit code 2, and the file or variable, the key and the reason.

use std::collections::BTreeMap;
use std::path::PathBuf;

use telecom_tests::tokens;

use super::process::command;

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn check(yaml: Option<&str>, variables: &[(&str, &str)]) -> (i32, String) {
    let dir = Dir(std::env::temp_dir().join(format!("config-{}", uuid::Uuid::new_v4())));
    std::fs::create_dir(&dir.0).unwrap();
    let file = dir.0.join("server.yaml");
    let mut environment: BTreeMap<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    if let Some(yaml) = yaml {
        std::fs::write(&file, yaml).unwrap();
        environment.insert("TELECOM_CONFIG".to_owned(), file.display().to_string());
    }
    let output = command(&environment, &["check-config"])
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    (
        output.status.code().unwrap(),
        errors.replace(&file.display().to_string(), "FILE"),
    )
}

#[tokio::test]
async fn files_say_what_is_wrong_with_them() {
    for (yaml, expected) in [
        (
            "grpc: {listne: x}",
            "FILE: grpc.listne: unknown key; known here: listen, ",
        ),
        (
            "gprc: {}",
            "FILE: gprc: unknown key; known here: grpc, http, database, ",
        ),
        (
            "database: {max_connections: ten}",
            "FILE: database.max_connections: found string \"ten\", expected a whole number",
        ),
        (
            "database: {max_connections: -1}",
            "FILE: database.max_connections: ",
        ),
        (
            "database: {max_connections: 0}",
            "FILE: database.max_connections: 0 is not between 1 and 10000",
        ),
        (
            "database: {pooler: perhaps}",
            "FILE: database.pooler: found string \"perhaps\", expected true or false",
        ),
        (
            "database: {ca_file: /does/not/exist}",
            "FILE: database.ca_file: /does/not/exist cannot be read",
        ),
        (
            "database: {url: 'postgres://u:hunter2@h/d'}",
            "FILE: database.url: is a secret and has no place in a file; set TELECOM__DATABASE__URL in the environment",
        ),
        (
            "otel: {headers: 'a=hunter2'}",
            "FILE: otel.headers: is a secret",
        ),
        (
            "grpc: {listen: localhost}",
            "FILE: grpc.listen: `localhost` is not an address with a port",
        ),
        (
            "grpc: {request_timeout: soon}",
            "FILE: grpc.request_timeout: `soon` is not a duration, such as 90s",
        ),
        (
            "grpc: {max_message_bytes: 1}",
            "FILE: grpc.max_message_bytes: 1 is not between 1024 and ",
        ),
        (
            "node_health_check: {offline_timeout: 5ms}",
            "FILE: node_health_check.offline_timeout: `5ms` is not between 1s and ",
        ),
        (
            "otel: {sample_ratio: 1.5}",
            "FILE: otel.sample_ratio: 1.5 is not between 0 and 1",
        ),
        (
            "otel: {protocol: carrier-pigeon}",
            "FILE: otel.protocol: `carrier-pigeon` is not one of grpc, http",
        ),
        ("otel: {enabled: true}", "FILE: otel.endpoint"),
        (
            "logging: {level: verbose}",
            "FILE: logging.level: `verbose` is not a level",
        ),
        (
            "logging: {format: xml}",
            "FILE: logging.format: `xml` is not one of json, text",
        ),
        (
            "metrics: {export_interval_secs: 0}",
            "FILE: metrics.export_interval_secs: 0 is not between 1 and 3600",
        ),
        (
            "retention: {raw_usage_days: 6}",
            "FILE: retention.raw_usage_days: 6 is not between 7 and 366",
        ),
        (
            "retention: {quarter_hour_days: 31}",
            "FILE: retention.quarter_hour_days: 31 is not between 32 and 1100",
        ),
        (
            "retention: {hourly_days: 34}",
            "FILE: retention.hourly_days: 34 is fewer than the 35 of retention.quarter_hour_days",
        ),
        (
            "retention: {status_history_days: 92}",
            "FILE: retention.status_history_days: 92 is not between 93 and 3660",
        ),
        ("- a\n- b", "FILE: must be a mapping of sections"),
        ("grpc: [", "FILE: is not valid YAML: "),
        ("grpc: 5", "FILE: grpc: found "),
    ] {
        let (code, errors) = check(Some(yaml), &[]).await;
        assert_eq!(code, 2, "{yaml}: {errors}");
        assert!(errors.contains(expected), "{yaml}:\n{errors}");
        assert!(!errors.contains("hunter2"), "{errors}");
    }
}

#[tokio::test]
async fn files_say_what_is_wrong_with_calls() {
    for (yaml, expected) in [
        (
            "retention: {call_record_days: 6}",
            "FILE: retention.call_record_days: 6 is not between 7 and 3660",
        ),
        (
            "call_center: {queues: {support: {sla: 20}}}",
            "FILE: call_center.queues.support.sla: unknown key; known here: sla_seconds, sla_target_percent, ",
        ),
        (
            "call_center: {queues: {support: {sla_target_percent: 101}}}",
            "FILE: call_center.queues.support.sla_target_percent: 101 is not between 1 and 100",
        ),
        (
            "call_center: {queues: {'': {}}}",
            "is not a name of 1 to 256 characters without control characters",
        ),
        (
            "calls: {pbx_poll_interval: 11m}",
            "FILE: calls.pbx_poll_interval: `11m` is not between 1s and 600s",
        ),
    ] {
        let (code, errors) = check(Some(yaml), &[]).await;
        assert_eq!(code, 2, "{yaml}: {errors}");
        assert!(errors.contains(expected), "{yaml}:\n{errors}");
    }
}

#[tokio::test]
async fn files_say_what_is_wrong_with_who_may_call() {
    for (yaml, expected) in [
        (
            "auth: {role_mapping: [noc]}",
            "FILE: auth.role_mapping: found sequence, expected a mapping of keys",
        ),
        (
            "auth: {jwks_url: 'https://me:hunter2@id.example.com/keys'}",
            "FILE: auth.jwks_url: must not hold a user or a password",
        ),
    ] {
        let (code, errors) = check(Some(yaml), &[]).await;
        assert_eq!(code, 2, "{yaml}: {errors}");
        assert!(errors.contains(expected), "{yaml}:\n{errors}");
        assert!(!errors.contains("hunter2"), "{errors}");
    }
}

#[tokio::test]
async fn variables_say_what_is_wrong_with_them() {
    for (name, value, expected) in [
        (
            "TELECOM__GRPC__LISTNE",
            "x",
            "environment variable TELECOM__GRPC__LISTNE: grpc.listne: unknown key",
        ),
        (
            "TELECOM__NOTHING",
            "x",
            "environment variable TELECOM__NOTHING: nothing: unknown key",
        ),
        (
            "TELECOM__DATABASE__MAX_CONNECTIONS",
            "ten",
            "environment variable TELECOM__DATABASE__MAX_CONNECTIONS: database.max_connections: found string \"ten\", expected a whole number",
        ),
        (
            "TELECOM__DATABASE__URL",
            "mysql://u:hunter2@h/d",
            "database.url: has the scheme `mysql`; expected postgresql://user:password@host:5432/database",
        ),
        (
            "TELECOM__DATABASE__URL",
            "hunter2",
            "database.url: is not a URL",
        ),
        ("TELECOM__DATABASE__URL", "", "database.url: is empty"),
        (
            "TELECOM__DATABASE__URL",
            "postgres://u:hunter2@h/d?sslmode=maybe",
            "database.url: cannot be used: ",
        ),
        (
            "TELECOM__DATABASE__READ_URL",
            "postgres://h/d",
            "database.url: is missing, though another URL is given",
        ),
        (
            "TELECOM__AUTH__OPERATOR_TOKEN",
            "hunter2",
            "auth.operator_token: is shorter than 16 characters",
        ),
        (
            "TELECOM__AUTH__OPERATOR_TOKEN",
            "hunter2hunter2hunter2\n",
            "auth.operator_token: has characters other than printable ASCII",
        ),
        (
            "TELECOM__AUTH__JWT_SECRET",
            "hunter2",
            "auth.jwt_secret: is shorter than 32 bytes",
        ),
        (
            "TELECOM__AUTH__JWKS_URL",
            "ldap://id.example",
            "auth.jwks_url: must be a URL such as https://",
        ),
        ("TELECOM__AUTH__ISSUER", "", "auth.issuer: is empty"),
        (
            "TELECOM__AUTH__ROLE_CLAIM",
            "realm..roles",
            "auth.role_claim: must be the name of a claim",
        ),
        (
            "TELECOM__AUTH__ROLE_MAPPING",
            "{noc: root}",
            "auth.role_mapping: gives `noc` the role `root`; there are admin, support",
        ),
        ("TELECOM__OTEL__HEADERS", "hunter2", "otel.headers"),
    ] {
        let (code, errors) = check(None, &[(name, value)]).await;
        assert_eq!(code, 2, "{name}={value}: {errors}");
        assert!(errors.contains(expected), "{name}={value}:\n{errors}");
        assert!(!errors.contains("hunter2"), "{errors}");
    }
}

#[tokio::test]
async fn good_configurations_are_good() {
    for (yaml, variables) in [
        (None, &[][..]),
        (Some(""), &[][..]),
        (Some("grpc:\nhttp:\n  listen: '[::1]:0'\n"), &[][..]),
        (
            Some("otel: {resource_attributes: {k8s.namespace.name: a, team: '7'}}"),
            &[][..],
        ),
        (
            Some("node_health_check: {offline_timeout: 1m 30s}"),
            &[(
                "TELECOM__DATABASE__URL",
                "postgresql://u:p%40ss@h:6432/d?sslmode=disable",
            )][..],
        ),
        // Digits are a token, not a number.
        (
            None,
            &[
                ("TELECOM__AUTH__OPERATOR_TOKEN", "1234567890123456"),
                ("TELECOM__METRICS__BEARER_TOKEN", "42"),
            ][..],
        ),
        (
            None,
            &[
                ("TELECOM__OTEL__SAMPLE_RATIO", "1"),
                ("TELECOM__METRICS__ENABLED", "false"),
                ("TELECOM__OTEL__RESOURCE_ATTRIBUTES__TEAM", "core"),
            ][..],
        ),
    ] {
        let (code, errors) = check(yaml, variables).await;
        assert_eq!((code, errors.as_str()), (0, ""), "{yaml:?} {variables:?}");
    }
}

#[tokio::test]
async fn every_problem_is_told_at_once() {
    let yaml = "grpc: {listen: a}\nhttp: {listen: b}\n";
    let (_, errors) = check(Some(yaml), &[("TELECOM__AUTH__OPERATOR_TOKEN", "short")]).await;
    for key in ["grpc.listen", "http.listen", "auth.operator_token"] {
        assert!(errors.contains(key), "no {key} in {errors}");
    }
}

#[tokio::test]
async fn serve_says_what_it_needs_and_leaves_the_reason() {
    let log = std::env::temp_dir().join(format!("termination-{}", uuid::Uuid::new_v4()));
    let environment = [(
        "TELECOM_TERMINATION_LOG".to_owned(),
        log.display().to_string(),
    )]
    .into();
    let output = command(&environment, &["serve"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("TELECOM__DATABASE__URL") && errors.contains("TELECOM__AUTH__JWT_SECRET"),
        "{errors}"
    );
    let message: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&log).unwrap()).unwrap();
    std::fs::remove_file(log).unwrap();
    assert_eq!(message["reason"], "ConfigInvalid");
    let missing = command(&BTreeMap::new(), &["serve", "--config", "/does/not/exist"])
        .output()
        .await
        .unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/does/not/exist: cannot be read"));
    assert!(!errors.contains(tokens::JWT_SECRET));
}
