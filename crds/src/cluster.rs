//! The root of the manifest: `TelecomCluster` and its `spec`.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::DeploymentStrategy;
use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, LocalObjectReference, PodSecurityContext, ResourceRequirements, Toleration,
    TopologySpreadConstraint,
};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Auth, Autoscaling, CallCenter, Calls, Database, ExtraVolume, ImagePullPolicy, Jobs, Logging,
    Metrics, NetworkPolicy, NodeHealthCheck, PodDisruptionBudget, Probes, Retention, Service,
    TelecomClusterStatus, Telemetry, rules,
};

/// What is wanted of one telecom backend. `spec: {}` is complete and runs.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "telecom.dev",
    version = "v1alpha1",
    kind = "TelecomCluster",
    plural = "telecomclusters",
    singular = "telecomcluster",
    shortname = "tc",
    category = "telecom",
    namespaced,
    status = "TelecomClusterStatus",
    derive = "PartialEq",
    doc = "A telecom backend: server, database, migrations, metrics and traces of one network or voice provider.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether everything the manifest asks for is running."
    ),
    printcolumn(
        name = "Replicas",
        type_ = "integer",
        json_path = ".status.readyReplicas",
        description = "Server Pods that are ready."
    ),
    printcolumn(
        name = "Version",
        type_ = "string",
        json_path = ".status.version",
        description = "Version of the server."
    ),
    printcolumn(
        name = "Database",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="DatabaseReady")].reason"#,
        description = "Which database, and how it is."
    ),
    printcolumn(
        name = "Last Billed",
        type_ = "date",
        json_path = r#".status.jobs[?(@.name=="billTraffic")].lastSuccessTime"#,
        description = "Time since usage was billed, as of the last look at the jobs."
    ),
    printcolumn(
        name = "Jobs",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="JobsHealthy")].reason"#,
        description = "Whether every job runs when it is due, or what keeps one.",
        priority = 1
    ),
    printcolumn(
        name = "Last Job",
        type_ = "string",
        json_path = ".status.lastJob",
        description = "The run of a job that ended last.",
        priority = 1
    ),
    printcolumn(
        name = "Next Job",
        type_ = "string",
        json_path = ".status.nextJob",
        description = "The job that is due next.",
        priority = 1
    ),
    printcolumn(
        name = "OTLP",
        type_ = "string",
        json_path = ".spec.telemetry.endpoint",
        description = "Where traces, metrics and logs are exported.",
        priority = 1
    ),
    printcolumn(
        name = "Sample",
        type_ = "number",
        json_path = ".spec.telemetry.sampleRatio",
        description = "Share of the traces that are kept.",
        priority = 1
    ),
    printcolumn(
        name = "Image",
        type_ = "string",
        json_path = ".status.image",
        description = "Image of the server.",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Time since the manifest was created."
    ),
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must start with a lower-case letter, consist of lower-case letters, digits and '-', end in a letter or digit, and be at most 40 characters long")
)]
#[serde(rename_all = "camelCase")]
pub struct TelecomClusterSpec {
    /// Image of the server. Unset: the one of the operator's own version, resolved once, pinned, and
    /// shown in `status.image`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = rules::image("registry.example.com/telecom/server:1.2.3"))]
    pub image: Option<String>,
    /// When the kubelet pulls the image: `Always`, `IfNotPresent` or `Never`.
    #[serde(default)]
    pub image_pull_policy: ImagePullPolicy,
    /// Secrets with the registry's credentials, in the namespace of the TelecomCluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Whether an upgrade of the operator moves an unset `image`: `Automatic` moves it, a few clusters
    /// at a time; `Manual` keeps the pinned one until `image` is set.
    #[serde(default)]
    pub upgrade_policy: UpgradePolicy,
    /// Server Pods that are wanted. 0 stops the server and keeps everything else. Ignored with `autoscaling`.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: i32,
    /// Lets a HorizontalPodAutoscaler set the number of replicas. Off unless the section is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,

    /// CPU and memory of the server container. Unset: requests of 100m CPU and 64Mi memory, a limit of 512Mi memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::quantities(), validation = rules::requests_within_limits())]
    pub resources: Option<ResourceRequirements>,
    /// Labels that a node must have to run the server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = rules::label_keys(), validation = rules::label_values())]
    pub node_selector: BTreeMap<String, String>,
    /// Node taints that the server's Pods tolerate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub tolerations: Vec<Toleration>,
    /// Affinity of the server's Pods to nodes and to other Pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// How the server's Pods spread. Unset: over nodes and zones where possible. An empty list: no spreading.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    /// PriorityClass of the server's Pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::object_name("PriorityClass"))]
    pub priority_class_name: Option<String>,
    /// Labels of the server's Pods, beside the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = rules::label_keys(), validation = rules::label_values(),
        validation = Rule::new("self.all(key, !key.startsWith('app.kubernetes.io/') && !key.startsWith('telecom.dev/'))")
        .message("labels that start with app.kubernetes.io/ or telecom.dev/ are set by the operator: remove them"))]
    pub pod_labels: BTreeMap<String, String>,
    /// Annotations of the server's Pods, beside the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = Rule::new("self.all(key, !key.startsWith('telecom.dev/'))")
        .message("annotations that start with telecom.dev/ are set by the operator: remove them"))]
    pub pod_annotations: BTreeMap<String, String>,
    /// Security settings of the server's Pods. Unset: not as root, default seccomp profile. The container
    /// always has a read-only root file system and no capabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_security_context: Option<PodSecurityContext>,
    /// Environment variables of the server container. Names that start with `TELECOM_` are the operator's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.all(variable, !variable.name.startsWith('TELECOM_'))")
        .message("variables that start with TELECOM_ are set by the operator: use the fields of the spec instead"))]
    pub extra_env: Vec<EnvVar>,
    /// Volumes that are mounted into the server container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.all(volume, self.exists_one(other, other.mountPath == volume.mountPath))")
        .message("two extra volumes have the same mountPath: give each its own"))]
    pub extra_volumes: Vec<ExtraVolume>,
    /// How a change of the Pod template is rolled out. Unset: `RollingUpdate` that never goes below the
    /// wanted number of ready Pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = rules::forbidden(
            "!has(self.rollingUpdate) || !has(self.type) || self.type == 'RollingUpdate'",
            ".rollingUpdate",
            "only with strategy.type: RollingUpdate",
        ),
        validation = Rule::new("!has(self.rollingUpdate) || \
            [has(self.rollingUpdate.maxSurge) ? string(self.rollingUpdate.maxSurge) : '1', \
             has(self.rollingUpdate.maxUnavailable) ? string(self.rollingUpdate.maxUnavailable) : '1'] \
            .all(count, count.matches('^([0-9]{1,4}|[0-9]{1,3}%)$'))")
            .message("maxSurge and maxUnavailable must be a number of Pods or a percentage, such as 1 or 25%")
            .field_path(".rollingUpdate"),
        validation = Rule::new("!has(self.rollingUpdate) || !has(self.rollingUpdate.maxSurge) || !has(self.rollingUpdate.maxUnavailable) || \
            !(string(self.rollingUpdate.maxSurge) in ['0', '0%']) || !(string(self.rollingUpdate.maxUnavailable) in ['0', '0%'])")
            .message("maxSurge and maxUnavailable must not both be 0, or no Pod could ever be replaced")
            .field_path(".rollingUpdate"),
    )]
    pub strategy: Option<DeploymentStrategy>,
    /// Seconds that a new Pod must be ready before it counts as available.
    #[serde(default)]
    #[schemars(range(min = 0, max = 3600))]
    pub min_ready_seconds: i32,
    /// ServiceAccount of the server's Pods. Unset: one that the operator creates, without any permission.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::object_name("ServiceAccount"))]
    pub service_account_name: Option<String>,
    /// Seconds that a Pod gets to finish its calls after it was told to stop.
    #[serde(default = "default_termination_grace_period")]
    #[schemars(range(min = 1, max = 3600))]
    pub termination_grace_period_seconds: i64,

    /// The Service in front of the server.
    #[serde(default)]
    pub service: Service,
    /// Where the data lives. Unset: an embedded PostgreSQL, for development and CI only.
    #[serde(default)]
    pub database: Database,
    /// Who may call, and how callers are recognized.
    #[serde(default)]
    pub auth: Auth,
    /// Prometheus metrics.
    #[serde(default)]
    pub metrics: Metrics,
    /// OTLP export of traces, metrics and logs. Off unless the section is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<Telemetry>,
    /// Periods and thresholds of the server's probes.
    #[serde(default)]
    pub probes: Probes,
    /// When a node counts as offline.
    #[serde(default)]
    pub node_health_check: NodeHealthCheck,
    /// When billing, expiry of packages and the other jobs run, and where.
    #[serde(default)]
    pub jobs: Jobs,
    /// How often `status.jobs` is brought up to date while nothing happens that needs attention, such as `5m`; from 10s to
    /// 1h. What does is written at once.
    #[serde(default = "default_job_status_interval")]
    #[schemars(length(max = 16))]
    #[x_kube(
        validation = rules::duration("30s or 5m"),
        validation = rules::duration_between("10s", "1h"),
    )]
    pub job_status_interval: String,
    /// What is done with records of calls.
    #[serde(default)]
    pub calls: Calls,
    /// The queues of the call centre, and what is asked of them.
    #[serde(default)]
    pub call_center: CallCenter,
    /// How many days records are kept.
    #[serde(default)]
    pub retention: Retention,
    /// Who may reach the server and whom it may reach.
    #[serde(default)]
    pub network_policy: NetworkPolicy,
    /// The server's log.
    #[serde(default)]
    pub logging: Logging,
    /// How many server Pods may be away during voluntary disruptions.
    #[serde(default)]
    pub pod_disruption_budget: PodDisruptionBudget,
    /// Stops the operator from writing anything but the status of this TelecomCluster.
    #[serde(default)]
    pub paused: bool,
    /// What happens to the embedded database and the generated keys when the TelecomCluster is deleted:
    /// `Delete` removes them; `Retain` keeps volume and Secrets, and a TelecomCluster of the same name takes them up again.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// What an upgrade of the operator does to an unset `image`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UpgradePolicy {
    /// The image follows the operator's version.
    #[default]
    Automatic,
    /// The pinned image stays.
    Manual,
}

/// What happens to data and keys when the `TelecomCluster` is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They are deleted too.
    #[default]
    Delete,
    /// They stay and are adopted again.
    Retain,
}

fn one() -> i32 {
    1
}

fn default_termination_grace_period() -> i64 {
    30
}

fn default_job_status_interval() -> String {
    "5m".into()
}

impl Default for TelecomClusterSpec {
    fn default() -> Self {
        Self {
            image: None,
            image_pull_policy: ImagePullPolicy::default(),
            image_pull_secrets: Vec::new(),
            upgrade_policy: UpgradePolicy::default(),
            replicas: one(),
            autoscaling: None,
            resources: None,
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            affinity: None,
            topology_spread_constraints: None,
            priority_class_name: None,
            pod_labels: BTreeMap::new(),
            pod_annotations: BTreeMap::new(),
            pod_security_context: None,
            extra_env: Vec::new(),
            extra_volumes: Vec::new(),
            strategy: None,
            min_ready_seconds: 0,
            service_account_name: None,
            termination_grace_period_seconds: default_termination_grace_period(),
            service: Service::default(),
            database: Database::default(),
            auth: Auth::default(),
            metrics: Metrics::default(),
            telemetry: None,
            probes: Probes::default(),
            node_health_check: NodeHealthCheck::default(),
            jobs: Jobs::default(),
            job_status_interval: default_job_status_interval(),
            calls: Calls::default(),
            call_center: CallCenter::default(),
            retention: Retention::default(),
            network_policy: NetworkPolicy::default(),
            logging: Logging::default(),
            pod_disruption_budget: PodDisruptionBudget::default(),
            paused: false,
            deletion_policy: DeletionPolicy::default(),
        }
    }
}
