//! Refused, with these words: what is about the Deployment and its Pods.

use rstest::rstest;

use super::api::{dry_run, manifest};

#[rstest]
#[case::negative_replicas(
    "{replicas: -1}",
    "[spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0, .spec.replicas: Invalid value: -1: should be a non-negative integer]"
)]
#[case::too_many_replicas(
    "{replicas: 1001}",
    "spec.replicas: Invalid value: 1001: spec.replicas in body should be less than or equal to 1000"
)]
#[case::replicas_as_text(
    r#"{replicas: "2"}"#,
    r#"spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string", .spec.replicas: Invalid value: 0: .spec.replicas accessor error: 2 is of the type string, expected int64"#
)]
#[case::fractional_replicas(
    "{replicas: 1.5}",
    r#"spec.replicas: Invalid value: "float64": spec.replicas in body must be of type int32: "float64", <nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.replicas, .spec.replicas: Invalid value: 0: .spec.replicas accessor error: 1.5 is of the type float64, expected int64"#
)]
#[case::unknown_field(
    "{replicaCount: 2}",
    r#"TelecomCluster in version "v1alpha1" cannot be handled as a TelecomCluster: strict decoding error: unknown field "spec.replicaCount""#
)]
#[case::unknown_nested_field(
    r#"{database: {url: "postgresql://a/b"}}"#,
    r#"TelecomCluster in version "v1alpha1" cannot be handled as a TelecomCluster: strict decoding error: unknown field "spec.database.url""#
)]
#[case::spec_is_a_list(
    "[]",
    r#"spec: Invalid value: "array": spec in body must be of type object: "array", .spec.replicas: Invalid value: 0: .spec.replicas accessor error: [] is of the type []interface {}, expected map[string]interface{}"#
)]
#[case::image_with_a_space(
    r#"{image: "registry.example.com/server 1.0"}"#,
    r#"spec.image: Invalid value: "registry.example.com/server 1.0": must be an image reference such as registry.example.com/telecom/server:1.2.3"#
)]
#[case::empty_image(
    r#"{image: ""}"#,
    r#"spec.image: Invalid value: "": must be an image reference such as registry.example.com/telecom/server:1.2.3"#
)]
#[case::unknown_pull_policy(
    "{imagePullPolicy: Sometimes}",
    r#"spec.imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never""#
)]
#[case::unknown_upgrade_policy(
    "{upgradePolicy: Never}",
    r#"spec.upgradePolicy: Unsupported value: "Never": supported values: "Automatic", "Manual""#
)]
#[case::unknown_deletion_policy(
    "{deletionPolicy: Orphan}",
    r#"spec.deletionPolicy: Unsupported value: "Orphan": supported values: "Delete", "Retain""#
)]
#[case::pull_secret_without_name(
    "{imagePullSecrets: [{}]}",
    "spec.imagePullSecrets[0].name: Required value"
)]
#[case::pull_secret_twice(
    "{imagePullSecrets: [{name: a}, {name: a}]}",
    r#"spec.imagePullSecrets[1]: Duplicate value: {"name":"a"}"#
)]
#[case::paused_as_text(
    r#"{paused: "yes"}"#,
    r#"spec.paused: Invalid value: "string": spec.paused in body must be of type boolean: "string""#
)]
#[case::autoscaling_without_maximum(
    "{autoscaling: {minReplicas: 2}}",
    "spec.autoscaling.maxReplicas: Required value"
)]
#[case::autoscaling_minimum_above_maximum(
    "{autoscaling: {minReplicas: 3, maxReplicas: 2}}",
    "spec.autoscaling.minReplicas: Invalid value: minReplicas must not be greater than maxReplicas"
)]
#[case::autoscaling_to_zero(
    "{autoscaling: {minReplicas: 0, maxReplicas: 2}}",
    "spec.autoscaling.minReplicas: Invalid value: 0: spec.autoscaling.minReplicas in body should be greater than or equal to 1"
)]
#[case::autoscaling_unknown_policy(
    "{autoscaling: {maxReplicas: 2, behavior: {scaleUp: {selectPolicy: Most}}}}",
    r#"spec.autoscaling.behavior.scaleUp.selectPolicy: Unsupported value: "Most": supported values: "Max", "Min", "Disabled""#
)]
#[case::autoscaling_window_too_long(
    "{autoscaling: {maxReplicas: 2, behavior: {scaleDown: {stabilizationWindowSeconds: 7200}}}}",
    "spec.autoscaling.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 7200: spec.autoscaling.behavior.scaleDown.stabilizationWindowSeconds in body should be less than or equal to 3600"
)]
#[case::cpu_is_no_quantity(
    "{resources: {requests: {cpu: abc}}}",
    "spec.resources: Invalid value: requests and limits must be quantities such as 250m (CPU) or 128Mi (memory)"
)]
#[case::negative_memory(
    "{resources: {limits: {memory: -1Gi}}}",
    "spec.resources: Invalid value: requests and limits must be quantities such as 250m (CPU) or 128Mi (memory)"
)]
#[case::request_above_limit(
    "{resources: {requests: {cpu: 2}, limits: {cpu: 500m}}}",
    "spec.resources.requests: Invalid value: a request must not be greater than the limit of the same resource"
)]
#[case::resource_claims(
    "{resources: {claims: [{name: gpu}]}}",
    r#"TelecomCluster in version "v1alpha1" cannot be handled as a TelecomCluster: strict decoding error: unknown field "spec.resources.claims""#
)]
#[case::node_selector_value(
    r#"{nodeSelector: {zone: "a b"}}"#,
    "spec.nodeSelector: Invalid value: label values consist of letters, digits, '-', '_' and '.', and start and end with a letter or digit"
)]
#[case::node_selector_value_too_long(
    "{nodeSelector: {zone: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg}}",
    "spec.nodeSelector.zone: Too long: may not be more than 63 bytes"
)]
#[case::toleration_operator(
    "{tolerations: [{key: a, operator: Like}]}",
    r#"spec.tolerations[0].operator: Unsupported value: "Like": supported values: "Exists", "Equal""#
)]
#[case::toleration_effect(
    "{tolerations: [{key: a, effect: Kill}]}",
    r#"spec.tolerations[0].effect: Unsupported value: "Kill": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute""#
)]
#[case::spread_without_key(
    "{topologySpreadConstraints: [{maxSkew: 1, whenUnsatisfiable: DoNotSchedule}]}",
    "spec.topologySpreadConstraints[0].topologyKey: Required value"
)]
#[case::spread_unknown_word(
    "{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: Maybe}]}",
    r#"spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Maybe": supported values: "DoNotSchedule", "ScheduleAnyway""#
)]
#[case::affinity_weight(
    "{affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 500, podAffinityTerm: {topologyKey: zone}}]}}}",
    "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 500: spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight in body should be less than or equal to 100"
)]
#[case::priority_class_name(
    "{priorityClassName: High!}",
    r#"spec.priorityClassName: Invalid value: "High!": must be the name of a PriorityClass: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"#
)]
#[case::reserved_label(
    "{podLabels: {app.kubernetes.io/name: mine}}",
    "spec.podLabels: Invalid value: labels that start with app.kubernetes.io/ or telecom.dev/ are set by the operator: remove them"
)]
#[case::reserved_own_label(
    "{podLabels: {telecom.dev/cluster: other}}",
    "spec.podLabels: Invalid value: labels that start with app.kubernetes.io/ or telecom.dev/ are set by the operator: remove them"
)]
#[case::label_name(
    r#"{podLabels: {"a b": c}}"#,
    "spec.podLabels: Invalid value: label names are an optional DNS prefix and '/', then at most 63 letters, digits, '-', '_' and '.', such as example.com/team"
)]
#[case::label_value(
    r#"{podLabels: {team: "voice & data"}}"#,
    "spec.podLabels: Invalid value: label values consist of letters, digits, '-', '_' and '.', and start and end with a letter or digit"
)]
#[case::reserved_annotation(
    r#"{podAnnotations: {telecom.dev/applied: "1"}}"#,
    "spec.podAnnotations: Invalid value: annotations that start with telecom.dev/ are set by the operator: remove them"
)]
#[case::reserved_env(
    r#"{extraEnv: [{name: TELECOM__DATABASE__URL, value: "postgresql://a/b"}]}"#,
    "spec.extraEnv: Invalid value: variables that start with TELECOM_ are set by the operator: use the fields of the spec instead"
)]
#[case::env_twice(
    r#"{extraEnv: [{name: A, value: "1"}, {name: A, value: "2"}]}"#,
    r#"spec.extraEnv[1]: Duplicate value: {"name":"A"}"#
)]
#[case::env_number(
    "{extraEnv: [{name: A, value: 1}]}",
    r#"spec.extraEnv[0].value: Invalid value: "integer": spec.extraEnv[0].value in body must be of type string: "integer""#
)]
#[case::env_without_name(
    r#"{extraEnv: [{value: "1"}]}"#,
    "spec.extraEnv[0].name: Required value"
)]
#[case::volume_without_source(
    "{extraVolumes: [{name: a, mountPath: /data}]}",
    "spec.extraVolumes[0]: Invalid value: needs exactly one of configMap, secret, emptyDir, persistentVolumeClaim, projected, csi"
)]
#[case::volume_with_two_sources(
    "{extraVolumes: [{name: a, mountPath: /data, emptyDir: {}, secret: {secretName: a}}]}",
    "spec.extraVolumes[0]: Invalid value: needs exactly one of configMap, secret, emptyDir, persistentVolumeClaim, projected, csi"
)]
#[case::volume_host_path(
    "{extraVolumes: [{name: a, mountPath: /data, hostPath: {path: /}}]}",
    r#"TelecomCluster in version "v1alpha1" cannot be handled as a TelecomCluster: strict decoding error: unknown field "spec.extraVolumes[0].hostPath""#
)]
#[case::volume_relative_path(
    "{extraVolumes: [{name: a, mountPath: data, emptyDir: {}}]}",
    r#"spec.extraVolumes[0].mountPath: Invalid value: "data": must be an absolute path without ':' and outside /etc/telecom and /tmp, which the operator uses"#
)]
#[case::volume_reserved_path(
    "{extraVolumes: [{name: a, mountPath: /etc/telecom/more, emptyDir: {}}]}",
    r#"spec.extraVolumes[0].mountPath: Invalid value: "/etc/telecom/more": must be an absolute path without ':' and outside /etc/telecom and /tmp, which the operator uses"#
)]
#[case::volume_reserved_name(
    "{extraVolumes: [{name: telecom-tmp, mountPath: /data, emptyDir: {}}]}",
    r#"spec.extraVolumes[0].name: Invalid value: "telecom-tmp": must be lower-case letters, digits and '-', and not start with telecom-, which the operator's own volumes do"#
)]
#[case::volume_same_path(
    "{extraVolumes: [{name: a, mountPath: /data, emptyDir: {}}, {name: b, mountPath: /data, emptyDir: {}}]}",
    "spec.extraVolumes: Invalid value: two extra volumes have the same mountPath: give each its own"
)]
#[case::volume_name_twice(
    "{extraVolumes: [{name: a, mountPath: /a, emptyDir: {}}, {name: a, mountPath: /b, emptyDir: {}}]}",
    r#"spec.extraVolumes[1]: Duplicate value: {"name":"a"}"#
)]
#[case::volume_size(
    "{extraVolumes: [{name: a, mountPath: /a, emptyDir: {sizeLimit: huge}}]}",
    "spec.extraVolumes[0].emptyDir.sizeLimit: Invalid value: must be a size such as 64Mi"
)]
#[case::recreate_with_rolling(
    "{strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}}",
    "spec.strategy.rollingUpdate: Forbidden: only with strategy.type: RollingUpdate"
)]
#[case::unknown_strategy(
    "{strategy: {type: BlueGreen}}",
    r#"spec.strategy.type: Unsupported value: "BlueGreen": supported values: "Recreate", "RollingUpdate""#
)]
#[case::rolling_stuck(
    "{strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}}",
    "spec.strategy.rollingUpdate: Invalid value: maxSurge and maxUnavailable must not both be 0, or no Pod could ever be replaced"
)]
#[case::rolling_surge(
    "{strategy: {rollingUpdate: {maxSurge: some}}}",
    "spec.strategy.rollingUpdate: Invalid value: maxSurge and maxUnavailable must be a number of Pods or a percentage, such as 1 or 25%"
)]
#[case::service_account_name(
    "{serviceAccountName: My_Account}",
    r#"spec.serviceAccountName: Invalid value: "My_Account": must be the name of a ServiceAccount: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"#
)]
#[case::no_grace_period(
    "{terminationGracePeriodSeconds: 0}",
    "spec.terminationGracePeriodSeconds: Invalid value: 0: spec.terminationGracePeriodSeconds in body should be greater than or equal to 1"
)]
#[case::negative_min_ready(
    "{minReadySeconds: -5}",
    "spec.minReadySeconds: Invalid value: -5: spec.minReadySeconds in body should be greater than or equal to 0"
)]
#[tokio::test]
async fn refused(#[case] spec: &str, #[case] sentence: &str) {
    assert_eq!(
        dry_run(&manifest("admission", spec)).await,
        Err(sentence.to_owned())
    );
}
