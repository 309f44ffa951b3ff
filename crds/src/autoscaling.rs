//! How many replicas run, and how many may be away at once: autoscaling and the disruption budget.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerBehavior;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A HorizontalPodAutoscaler on the server's Deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.minReplicas <= self.maxReplicas")
    .message("minReplicas must not be greater than maxReplicas")
    .field_path(".minReplicas"))]
pub struct Autoscaling {
    /// Fewest replicas the autoscaler may run.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub min_replicas: i32,
    /// Most replicas the autoscaler may run.
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: i32,
    /// Average CPU use the autoscaler aims at, in percent of the Pods' CPU request.
    #[serde(
        default = "default_target_cpu",
        rename = "targetCPUUtilizationPercentage"
    )]
    #[schemars(range(min = 1, max = 1000))]
    pub target_cpu_utilization_percentage: i32,
    /// How fast the autoscaler may scale up and down, as in a HorizontalPodAutoscaler (autoscaling/v2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<HorizontalPodAutoscalerBehavior>,
}

fn one() -> i32 {
    1
}

fn default_target_cpu() -> i32 {
    80
}

/// A PodDisruptionBudget that lets at most one server Pod be away during voluntary disruptions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodDisruptionBudget {
    /// Whether the budget exists. Unset: when at least two replicas are wanted (with `autoscaling`,
    /// when `minReplicas` is at least two). A budget on a single replica blocks the draining of its node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}
