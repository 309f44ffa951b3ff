//! Periods and thresholds of the kubelet's probes; what is asked is not the manifest's business.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// The three probes of the server container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Probes {
    /// Restarts the container when `GET /healthz` fails.
    #[serde(default)]
    pub liveness: LivenessProbe,
    /// Takes the Pod out of the Service while `GET /healthz/ready` fails.
    #[serde(default)]
    pub readiness: ReadinessProbe,
    /// Holds the other two probes back until `GET /healthz` has answered once.
    #[serde(default)]
    pub startup: StartupProbe,
}

/// When the container is restarted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LivenessProbe {
    /// Seconds between two probes.
    #[serde(default = "seconds::<10>")]
    #[schemars(range(min = 1, max = 3600))]
    pub period_seconds: i32,
    /// Seconds until a probe without an answer has failed.
    #[serde(default = "seconds::<3>")]
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: i32,
    /// Failures in a row that restart the container.
    #[serde(default = "seconds::<3>")]
    #[schemars(range(min = 1, max = 1000))]
    pub failure_threshold: i32,
}

/// When the Pod receives traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadinessProbe {
    /// Seconds between two probes.
    #[serde(default = "seconds::<5>")]
    #[schemars(range(min = 1, max = 3600))]
    pub period_seconds: i32,
    /// Seconds until a probe without an answer has failed.
    #[serde(default = "seconds::<3>")]
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: i32,
    /// Failures in a row that take the Pod out of the Service.
    #[serde(default = "seconds::<3>")]
    #[schemars(range(min = 1, max = 1000))]
    pub failure_threshold: i32,
    /// Successes in a row that bring the Pod back into the Service.
    #[serde(default = "seconds::<1>")]
    #[schemars(range(min = 1, max = 1000))]
    pub success_threshold: i32,
}

/// How long the container may take to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartupProbe {
    /// Seconds between two probes.
    #[serde(default = "seconds::<1>")]
    #[schemars(range(min = 1, max = 3600))]
    pub period_seconds: i32,
    /// Seconds until a probe without an answer has failed.
    #[serde(default = "seconds::<3>")]
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: i32,
    /// Failures in a row that restart the container.
    #[serde(default = "seconds::<60>")]
    #[schemars(range(min = 1, max = 1000))]
    pub failure_threshold: i32,
}

fn seconds<const N: i32>() -> i32 {
    N
}

impl Default for LivenessProbe {
    fn default() -> Self {
        Self {
            period_seconds: 10,
            timeout_seconds: 3,
            failure_threshold: 3,
        }
    }
}

impl Default for ReadinessProbe {
    fn default() -> Self {
        Self {
            period_seconds: 5,
            timeout_seconds: 3,
            failure_threshold: 3,
            success_threshold: 1,
        }
    }
}

impl Default for StartupProbe {
    fn default() -> Self {
        Self {
            period_seconds: 1,
            timeout_seconds: 3,
            failure_threshold: 60,
        }
    }
}
