//! What the operator reports about a `TelecomCluster`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator has seen and done, written by the operator only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TelecomClusterStatus {
    /// `metadata.generation` that this status speaks of. Lower than the current one: not acted upon yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Server Pods that exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Server Pods that are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Label selector of the server's Pods, for the scale subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub selector: Option<String>,
    /// Version of the server that the rolled-out image carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub version: Option<String>,
    /// Image that the server runs, as resolved and pinned by the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub image: Option<String>,
    /// Where the server is reached inside the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,
    /// Conditions by type; the reasons are a published list. `Ready` sums up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions_schema")]
    pub conditions: Vec<Condition>,
    /// The jobs by name, as last looked at: a sampled view, brought up to date every `jobStatusInterval` and whenever
    /// something needs attention. Metrics and `JobManage` have the present.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub jobs: Vec<JobStatus>,
    /// Value of the annotation `telecom.dev/run-job` that was acted upon last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub last_handled_request: Option<String>,
    /// The run of a job that ended last, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_job: Option<String>,
    /// The job that is due next, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub next_job: Option<String>,
}

/// How one job stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobStatus {
    /// Which job, as in `spec.jobs`.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// The schedule in force, such as `every 5s` or `0 * * * * UTC`.
    #[schemars(length(max = 256))]
    pub schedule: String,
    /// Hash of the schedule in force. Another one starts anew from its `anchor`.
    #[schemars(length(max = 64))]
    pub schedule_hash: String,
    /// Nothing that was due up to this moment runs: when the schedule came into force.
    pub anchor: Time,
    /// Whether the manifest suspends it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// Whether it was running at the last look.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub active: bool,
    /// When the last run that was started had been due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// When a run last ended well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success_time: Option<Time>,
    /// How the last run that was due ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_result: Option<JobResult>,
    /// Why the last run failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub last_error: Option<String>,
    /// When it is due next, if it is due every 5 minutes or less often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<Time>,
    /// Runs that failed since the last that ended well.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub consecutive_failures: i32,
}

/// How a run that was due ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum JobResult {
    /// Well.
    Succeeded,
    /// Badly: `lastError` says why.
    Failed,
    /// It did not start in time.
    Missed,
}

/// Addresses inside the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// Host and port of gRPC, such as `demo-server.default.svc:50051`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub grpc: Option<String>,
    /// Base URL of HTTP, such as `http://demo-server.default.svc:8080`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub http: Option<String>,
}

/// The standard schema of a list of conditions: a map by type, so that writers never fight over places.
fn conditions_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 32,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One aspect of the cluster's state.",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": {
                    "description": "Which aspect, such as Ready or DatabaseReady.",
                    "type": "string", "minLength": 1, "maxLength": 316
                },
                "status": {
                    "description": "Whether it holds: True, False or Unknown.",
                    "type": "string", "enum": ["True", "False", "Unknown"]
                },
                "reason": {
                    "description": "Why, in one CamelCase word of the published list.",
                    "type": "string", "minLength": 1, "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
                },
                "message": {
                    "description": "Why, in a sentence, and what to do about it.",
                    "type": "string", "maxLength": 32768
                },
                "lastTransitionTime": {
                    "description": "When the status changed last.",
                    "type": "string", "format": "date-time"
                },
                "observedGeneration": {
                    "description": "metadata.generation that the condition speaks of.",
                    "type": "integer", "format": "int64", "minimum": 0
                }
            }
        }
    })
}
