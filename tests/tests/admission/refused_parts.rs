//! Refused, with these words: Service, database, metrics, telemetry, probes, network policy, logging.

use rstest::rstest;

use super::api::{dry_run, manifest};

#[rstest]
#[case::unknown_service_type(
    "{service: {type: ExternalName}}",
    r#"spec.service.type: Unsupported value: "ExternalName": supported values: "ClusterIP", "NodePort", "LoadBalancer""#
)]
#[case::class_without_load_balancer(
    "{service: {loadBalancerClass: example.com/lb}}",
    "spec.service.loadBalancerClass: Forbidden: only with service.type: LoadBalancer"
)]
#[case::traffic_policy_inside(
    "{service: {externalTrafficPolicy: Local}}",
    "spec.service.externalTrafficPolicy: Forbidden: only with service.type: NodePort or LoadBalancer"
)]
#[case::url_and_embedded(
    "{database: {urlSecretRef: {name: db, key: uri}, embedded: {}}}",
    "spec.database.embedded: Forbidden: not together with database.urlSecretRef: remove one of the two"
)]
#[case::url_without_key(
    "{database: {urlSecretRef: {name: db}}}",
    "spec.database.urlSecretRef.key: Required value"
)]
#[case::url_secret_name(
    "{database: {urlSecretRef: {name: My_DB, key: uri}}}",
    r#"spec.database.urlSecretRef.name: Invalid value: "My_DB": must be the name of a Secret: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"#
)]
#[case::url_secret_key(
    r#"{database: {urlSecretRef: {name: db, key: "the uri"}}}"#,
    r#"spec.database.urlSecretRef.key: Invalid value: "the uri": must be a key of the Secret: letters, digits, '-', '_' and '.'"#
)]
#[case::url_secret_empty_name(
    r#"{database: {urlSecretRef: {name: "", key: uri}}}"#,
    r#"spec.database.urlSecretRef.name: Invalid value: "": must be the name of a Secret: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"#
)]
#[case::direct_url_alone(
    "{database: {directUrlSecretRef: {name: db, key: uri}}}",
    "spec.database.directUrlSecretRef: Forbidden: only with database.urlSecretRef"
)]
#[case::read_url_alone(
    "{database: {readUrlSecretRef: {name: db, key: uri}}}",
    "spec.database.readUrlSecretRef: Forbidden: only with database.urlSecretRef"
)]
#[case::database_ca_alone(
    "{database: {caSecretRef: {name: db, key: ca.crt}}}",
    "spec.database.caSecretRef: Forbidden: only with database.urlSecretRef"
)]
#[case::pooler_alone(
    "{database: {pooler: true}}",
    "spec.database.pooler: Forbidden: only with database.urlSecretRef"
)]
#[case::pooler_without_direct_url(
    "{database: {urlSecretRef: {name: db, key: uri}, pooler: true}}",
    "spec.database.directUrlSecretRef: Required value: needed with database.pooler: true, since migrations cannot run through a transaction pooler"
)]
#[case::one_connection(
    "{database: {maxConnections: 1}}",
    "spec.database.maxConnections: Invalid value: 1: spec.database.maxConnections in body should be greater than or equal to 2"
)]
#[case::embedded_image(
    r#"{database: {embedded: {image: "postgres:15 "}}}"#,
    r#"spec.database.embedded.image: Invalid value: "postgres:15 ": must be an image reference such as docker.io/library/postgres:15"#
)]
#[case::storage_size(
    "{database: {embedded: {storage: {size: large}}}}",
    r#"spec.database.embedded.storage.size: Invalid value: "large": must be a size greater than 0, such as 1Gi"#
)]
#[case::storage_of_nothing(
    r#"{database: {embedded: {storage: {size: "0"}}}}"#,
    r#"spec.database.embedded.storage.size: Invalid value: "0": must be a size greater than 0, such as 1Gi"#
)]
#[case::storage_as_number(
    "{database: {embedded: {storage: {size: 10}}}}",
    r#"spec.database.embedded.storage.size: Invalid value: "integer": spec.database.embedded.storage.size in body must be of type string: "integer""#
)]
#[case::embedded_memory(
    "{database: {embedded: {resources: {requests: {memory: much}}}}}",
    "spec.database.embedded.resources: Invalid value: requests and limits must be quantities such as 250m (CPU) or 128Mi (memory)"
)]
#[case::metrics_interval(
    "{metrics: {exportIntervalSeconds: 0}}",
    "spec.metrics.exportIntervalSeconds: Invalid value: 0: spec.metrics.exportIntervalSeconds in body should be greater than or equal to 1"
)]
#[case::metrics_token_without_key(
    "{metrics: {bearerTokenSecretRef: {name: token}}}",
    "spec.metrics.bearerTokenSecretRef.key: Required value"
)]
#[case::scrape_interval(
    "{metrics: {serviceMonitor: {interval: 30}}}",
    r#"spec.metrics.serviceMonitor.interval: Invalid value: "integer": spec.metrics.serviceMonitor.interval in body must be of type string: "integer""#
)]
#[case::scrape_interval_unit(
    "{metrics: {serviceMonitor: {interval: 1d}}}",
    r#"spec.metrics.serviceMonitor.interval: Invalid value: "1d": must be a duration in hours, minutes and seconds, such as 30s or 1m30s"#
)]
#[case::scrape_interval_zero(
    "{metrics: {serviceMonitor: {interval: 0s}}}",
    r#"spec.metrics.serviceMonitor.interval: Invalid value: "0s": must be a duration in hours, minutes and seconds, such as 30s or 1m30s"#
)]
#[case::scrape_timeout_too_long(
    "{metrics: {serviceMonitor: {interval: 10s, scrapeTimeout: 1m}}}",
    "spec.metrics.serviceMonitor.scrapeTimeout: Invalid value: must not be longer than serviceMonitor.interval"
)]
#[case::scrape_reserved_label(
    "{metrics: {serviceMonitor: {labels: {app.kubernetes.io/part-of: mine}}}}",
    "spec.metrics.serviceMonitor.labels: Invalid value: labels that start with app.kubernetes.io/ or telecom.dev/ are set by the operator: remove them"
)]
#[case::relabel_without_target(
    "{metrics: {serviceMonitor: {relabelings: [{sourceLabels: [pod]}]}}}",
    "spec.metrics.serviceMonitor.relabelings[0].targetLabel: Required value: needed by this action"
)]
#[case::relabel_hash_without_modulus(
    "{metrics: {serviceMonitor: {relabelings: [{action: HashMod, targetLabel: shard}]}}}",
    "spec.metrics.serviceMonitor.relabelings[0].modulus: Required value: needed by action: HashMod"
)]
#[case::relabel_action(
    "{metrics: {serviceMonitor: {metricRelabelings: [{action: drop}]}}}",
    r#"spec.metrics.serviceMonitor.metricRelabelings[0].action: Unsupported value: "drop": supported values: "Replace", "Keep", "Drop", "HashMod", "LabelMap", "LabelDrop", "LabelKeep", "Lowercase", "Uppercase", "KeepEqual", "DropEqual""#
)]
#[case::telemetry_without_endpoint(
    "{telemetry: {}}",
    "spec.telemetry.endpoint: Required value: needed, unless telemetry.endpoints names a URL; remove the section to turn the export off"
)]
#[case::telemetry_with_path(
    r#"{telemetry: {endpoint: "http://collector:4318/v1/traces"}}"#,
    r#"spec.telemetry.endpoint: Invalid value: "http://collector:4318/v1/traces": must be an http:// or https:// URL without a path, such as http://otel-collector:4317; a URL with a path goes to telemetry.endpoints"#
)]
#[case::telemetry_without_scheme(
    r#"{telemetry: {endpoint: "collector:4317"}}"#,
    r#"spec.telemetry.endpoint: Invalid value: "collector:4317": must be an http:// or https:// URL without a path, such as http://otel-collector:4317; a URL with a path goes to telemetry.endpoints"#
)]
#[case::telemetry_port(
    r#"{telemetry: {endpoint: "http://collector:99999"}}"#,
    r#"spec.telemetry.endpoint: Invalid value: "http://collector:99999": must be an http:// or https:// URL without a path, such as http://otel-collector:4317; a URL with a path goes to telemetry.endpoints"#
)]
#[case::telemetry_password(
    r#"{telemetry: {endpoint: "http://user:secret@collector:4317"}}"#,
    r#"spec.telemetry.endpoint: Invalid value: "http://user:secret@collector:4317": must be an http:// or https:// URL without a path, such as http://otel-collector:4317; a URL with a path goes to telemetry.endpoints"#
)]
#[case::telemetry_signal_url(
    r#"{telemetry: {endpoints: {traces: "ftp://collector/traces"}}}"#,
    r#"spec.telemetry.endpoints.traces: Invalid value: "ftp://collector/traces": must be an http:// or https:// URL, such as https://otlp.example.com/v1/traces"#
)]
#[case::telemetry_logs_nowhere(
    r#"{telemetry: {endpoints: {traces: "https://c.example.com/v1/traces"}, exportLogs: true}}"#,
    "spec.telemetry.endpoint: Required value: needed by telemetry.exportLogs: true, unless telemetry.endpoints.logs is set"
)]
#[case::sample_ratio_above_one(
    r#"{telemetry: {endpoint: "http://c:4317", sampleRatio: 1.5}}"#,
    "spec.telemetry.sampleRatio: Invalid value: 1.5: spec.telemetry.sampleRatio in body should be less than or equal to 1"
)]
#[case::sample_ratio_negative(
    r#"{telemetry: {endpoint: "http://c:4317", sampleRatio: -0.1}}"#,
    "spec.telemetry.sampleRatio: Invalid value: -0.1: spec.telemetry.sampleRatio in body should be greater than or equal to 0"
)]
#[case::sample_ratio_as_text(
    r#"{telemetry: {endpoint: "http://c:4317", sampleRatio: "all"}}"#,
    r#"spec.telemetry.sampleRatio: Invalid value: "string": spec.telemetry.sampleRatio in body must be of type number: "string""#
)]
#[case::telemetry_protocol(
    r#"{telemetry: {endpoint: "http://c:4317", protocol: grpc}}"#,
    r#"spec.telemetry.protocol: Unsupported value: "grpc": supported values: "Grpc", "Http""#
)]
#[case::telemetry_service_name(
    r#"{telemetry: {endpoint: "http://c:4317", serviceName: ""}}"#,
    r#"spec.telemetry.serviceName: Invalid value: "": spec.telemetry.serviceName in body should be at least 1 chars long"#
)]
#[case::telemetry_reserved_attribute(
    r#"{telemetry: {endpoint: "http://c:4317", resourceAttributes: {service.name: x}}}"#,
    "spec.telemetry.resourceAttributes: Invalid value: service.name is set by telemetry.serviceName"
)]
#[case::probe_period(
    "{probes: {liveness: {periodSeconds: 0}}}",
    "spec.probes.liveness.periodSeconds: Invalid value: 0: spec.probes.liveness.periodSeconds in body should be greater than or equal to 1"
)]
#[case::probe_path(
    "{probes: {readiness: {path: /ready}}}",
    r#"TelecomCluster in version "v1alpha1" cannot be handled as a TelecomCluster: strict decoding error: unknown field "spec.probes.readiness.path""#
)]
#[case::probe_threshold(
    "{probes: {startup: {failureThreshold: 0}}}",
    "spec.probes.startup.failureThreshold: Invalid value: 0: spec.probes.startup.failureThreshold in body should be greater than or equal to 1"
)]
#[case::policy_port(
    "{networkPolicy: {enabled: true, egress: [{ports: [{port: 70000}]}]}}",
    "spec.networkPolicy.egress[0].ports[0].port: Invalid value: 70000: spec.networkPolicy.egress[0].ports[0].port in body should be less than or equal to 65535"
)]
#[case::policy_protocol(
    "{networkPolicy: {enabled: true, egress: [{ports: [{port: 53, protocol: ICMP}]}]}}",
    r#"spec.networkPolicy.egress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP""#
)]
#[case::log_level(
    "{logging: {level: verbose}}",
    r#"spec.logging.level: Unsupported value: "verbose": supported values: "error", "warn", "info", "debug", "trace""#
)]
#[case::log_format(
    "{logging: {format: json}}",
    r#"spec.logging.format: Unsupported value: "json": supported values: "Json", "Text""#
)]
#[case::budget_as_text(
    r#"{podDisruptionBudget: {enabled: "on"}}"#,
    r#"spec.podDisruptionBudget.enabled: Invalid value: "string": spec.podDisruptionBudget.enabled in body must be of type boolean: "string""#
)]
#[tokio::test]
async fn refused(#[case] spec: &str, #[case] sentence: &str) {
    assert_eq!(
        dry_run(&manifest("admission", spec)).await,
        Err(sentence.to_owned())
    );
}
