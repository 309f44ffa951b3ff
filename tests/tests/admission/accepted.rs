//! Accepted: good manifests, and what the apiserver fills into them.

use rstest::rstest;
use serde_json::Value;
use telecom_crds::{TelecomCluster, TelecomClusterSpec};
use telecom_tests::cluster;

use super::api::{dry_run, manifest};

#[tokio::test]
async fn an_empty_spec_gets_every_default() {
    let created = dry_run(&manifest("admission", "{}")).await.unwrap();
    let expected: Value = serde_yaml::from_str(
        "
        auth: {roleClaim: role}
        database: {maxConnections: 10, pooler: false}
        callCenter: {}
        calls: {maskNumbers: false, pbxPollInterval: 15s}
        deletionPolicy: Delete
        imagePullPolicy: IfNotPresent
        jobs:
          refreshServerStatus: {execution: Server, suspend: false, timeoutSeconds: 600}
          packageExpiring: {execution: Server, suspend: false, timeoutSeconds: 600}
          billTraffic: {execution: Server, suspend: false, timeoutSeconds: 600}
          recordNodeStatusHistory: {execution: Server, suspend: false, timeoutSeconds: 600}
          refreshNodeStatusView: {execution: Server, suspend: false, timeoutSeconds: 600}
        jobStatusInterval: 5m
        logging: {format: Json, level: info}
        metrics: {enabled: true, exportIntervalSeconds: 15, serviceMonitor: {enabled: true}}
        minReadySeconds: 0
        networkPolicy: {enabled: false}
        nodeHealthCheck: {accessTtl: 10m, offlineTimeout: 90s}
        paused: false
        podDisruptionBudget: {}
        probes:
          liveness: {failureThreshold: 3, periodSeconds: 10, timeoutSeconds: 3}
          readiness: {failureThreshold: 3, periodSeconds: 5, successThreshold: 1, timeoutSeconds: 3}
          startup: {failureThreshold: 60, periodSeconds: 1, timeoutSeconds: 3}
        replicas: 1
        retention:
          {callRecordDays: 90, dailyDays: 800, hourlyDays: 100, jobRunDays: 30, quarterHourDays: 35, rawUsageDays: 14, statusHistoryDays: 400}
        service: {type: ClusterIP}
        terminationGracePeriodSeconds: 30
        upgradePolicy: Automatic
        ",
    )
    .unwrap();
    assert_eq!(created["spec"], expected);
    let read: TelecomCluster = serde_json::from_value(created).unwrap();
    assert_eq!(read.spec, TelecomClusterSpec::default());
}

/// Sends a spec and reads one part of it back.
#[rstest]
#[case::null_takes_the_default(
    "{replicas: null, logging: null}",
    "/logging",
    "{level: info, format: Json}"
)]
#[case::null_removes(
    "{autoscaling: null, telemetry: null, image: null}",
    "/autoscaling",
    "null"
)]
#[case::autoscaling(
    "{autoscaling: {maxReplicas: 5}}",
    "/autoscaling",
    "{minReplicas: 1, maxReplicas: 5, targetCPUUtilizationPercentage: 80}"
)]
#[case::embedded(
    "{database: {embedded: {}}}",
    "/database",
    "{embedded: {storage: {size: 1Gi}}, maxConnections: 10, pooler: false}"
)]
#[case::embedded_class(
    "{database: {embedded: {storage: {storageClassName: fast}}}}",
    "/database/embedded/storage",
    "{size: 1Gi, storageClassName: fast}"
)]
#[case::telemetry(
    "{telemetry: {endpoint: 'http://otel-collector:4317'}}",
    "/telemetry",
    "{endpoint: 'http://otel-collector:4317', endpoints: {}, exportLogs: false, exportMetrics: true, protocol: Grpc, \
      sampleRatio: 0.1, serviceName: telecom-server}"
)]
#[case::telemetry_traces_only(
    "{telemetry: {endpoints: {traces: 'https://otlp.example.com/api/v0.2/traces?x=1'}, sampleRatio: 1}}",
    "/telemetry/sampleRatio",
    "1"
)]
#[case::telemetry_address(
    "{telemetry: {endpoint: 'https://[fd00::1]:4318/', protocol: Http}}",
    "/telemetry/protocol",
    "Http"
)]
#[case::relabel_action(
    "{metrics: {serviceMonitor: {relabelings: [{targetLabel: site, replacement: eu}]}}}",
    "/metrics/serviceMonitor/relabelings/0/action",
    "Replace"
)]
#[case::probe_in_part(
    "{probes: {liveness: {periodSeconds: 30}}}",
    "/probes/liveness",
    "{periodSeconds: 30, timeoutSeconds: 3, failureThreshold: 3}"
)]
#[case::volume_is_read_only(
    "{extraVolumes: [{name: numbers, mountPath: /numbers, configMap: {name: numbers}}]}",
    "/extraVolumes/0/readOnly",
    "true"
)]
#[case::whole_cpu(
    "{resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1500m}}}",
    "/resources/requests/cpu",
    "1"
)]
#[case::no_spreading("{topologySpreadConstraints: []}", "/topologySpreadConstraints", "[]")]
#[case::nobody_scrapes(
    "{networkPolicy: {enabled: true, metricsFrom: []}}",
    "/networkPolicy/metricsFrom",
    "[]"
)]
#[case::external_database(
    "{database: {urlSecretRef: {name: telecom-db-app, key: uri}}}",
    "/database/urlSecretRef/key",
    "uri"
)]
#[case::pooler(
    "{database: {urlSecretRef: {name: a, key: uri}, directUrlSecretRef: {name: b, key: uri}, pooler: true}}",
    "/database/pooler",
    "true"
)]
#[case::signing_key(
    "{auth: {jwtSecretRef: {name: issuer, key: hmac}, issuer: 'https://id.example.com', audience: telecom}}",
    "/auth",
    "{jwtSecretRef: {name: issuer, key: hmac}, issuer: 'https://id.example.com', audience: telecom, roleClaim: role}"
)]
#[case::published_keys(
    "{auth: {jwksUrl: 'http://keycloak.auth.svc:8080/realms/a/protocol/openid-connect/certs', roleClaim: realm_access.roles}}",
    "/auth/roleClaim",
    "realm_access.roles"
)]
#[case::claim_that_is_a_url(
    "{auth: {roleClaim: 'https://example.com/roles'}}",
    "/auth/roleClaim",
    "https://example.com/roles"
)]
#[case::role_mapping(
    "{auth: {roleMapping: {NOC team: support, 'Domain\\\\Admins': admin}}}",
    "/auth/roleMapping",
    "{NOC team: support, 'Domain\\\\Admins': admin}"
)]
#[case::offline_timeout_least(
    "{nodeHealthCheck: {offlineTimeout: 2s}}",
    "/nodeHealthCheck/offlineTimeout",
    "2s"
)]
#[case::offline_timeout_most(
    "{nodeHealthCheck: {offlineTimeout: 23h60m}}",
    "/nodeHealthCheck/offlineTimeout",
    "23h60m"
)]
#[case::access_ttl_least(
    "{nodeHealthCheck: {accessTtl: 2s}}",
    "/nodeHealthCheck/accessTtl",
    "2s"
)]
#[case::access_ttl_most(
    "{nodeHealthCheck: {accessTtl: 24h}}",
    "/nodeHealthCheck/accessTtl",
    "24h"
)]
#[case::queue_in_part(
    "{callCenter: {queues: [{name: 'Sales, Zürich'}]}}",
    "/callCenter/queues/0",
    "{name: 'Sales, Zürich', slaSeconds: 20, slaTargetPercent: 80, excludeShortAbandons: false}"
)]
#[case::poll_interval_least(
    "{calls: {pbxPollInterval: 1s, maskNumbers: true}}",
    "/calls",
    "{pbxPollInterval: 1s, maskNumbers: true}"
)]
#[case::retention_in_part(
    "{retention: {rawUsageDays: 7, dailyDays: 3650}}",
    "/retention",
    "{callRecordDays: 90, dailyDays: 3650, hourlyDays: 100, jobRunDays: 30, quarterHourDays: 35, rawUsageDays: 7, statusHistoryDays: 400}"
)]
#[case::retention_all_the_same(
    "{retention: {rawUsageDays: 32, quarterHourDays: 32, hourlyDays: 32, dailyDays: 32, statusHistoryDays: 93}}",
    "/retention/dailyDays",
    "32"
)]
#[case::load_balancer(
    "{service: {type: LoadBalancer, loadBalancerClass: example.com/lb, externalTrafficPolicy: Local}}",
    "/service/type",
    "LoadBalancer"
)]
#[case::environment(
    "{extraEnv: [{name: SITE, value: eu}, {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]}",
    "/extraEnv/0/name",
    "SITE"
)]
#[case::rolling_percentages(
    "{strategy: {rollingUpdate: {maxSurge: 50%, maxUnavailable: 0}}}",
    "/strategy/rollingUpdate/maxSurge",
    "50%"
)]
#[case::stopped("{replicas: 0, paused: true}", "/replicas", "0")]
#[tokio::test]
async fn accepted(#[case] spec: &str, #[case] path: &str, #[case] expected: &str) {
    let created = dry_run(&manifest("admission", spec)).await.unwrap();
    let expected: Value = serde_yaml::from_str(expected).unwrap();
    let found = created["spec"].pointer(path).cloned().unwrap_or_default();
    assert_eq!(found, expected);
    // The operator reads whatever the apiserver accepts.
    serde_json::from_value::<TelecomCluster>(created).unwrap();
}

#[rstest]
#[case("telecomcluster.yaml")]
#[case("production.yaml")]
#[tokio::test]
async fn the_examples_are_accepted(#[case] example: &str) {
    let text = std::fs::read_to_string(cluster::checkout().join("examples").join(example)).unwrap();
    let mut manifest: Value = serde_yaml::from_str(&text).unwrap();
    // Under its own name it may exist already.
    manifest["metadata"]["name"] = "admission".into();
    dry_run(&manifest).await.unwrap();
}
