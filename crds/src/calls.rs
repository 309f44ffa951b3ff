//! Calls, and the call centre.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// What is done with calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Calls {
    /// Administrators see telephone numbers masked, as support always does.
    #[serde(default)]
    pub mask_numbers: bool,

    /// How often PBXs with a health URL that report nothing themselves are asked for their active calls, such as `15s`;
    /// from 1s to 10m.
    #[serde(default = "default_pbx_poll_interval")]
    #[schemars(length(max = 16))]
    #[x_kube(
        validation = rules::duration("15s or 1m"),
        validation = rules::duration_between("1s", "10m"),
    )]
    pub pbx_poll_interval: String,
}

/// The call centre.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallCenter {
    /// Its queues: each has metrics of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 200),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub queues: Vec<Queue>,
}

/// A queue of the call centre.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    /// Its name, as PBXs give it in their records of calls.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(
        validation = rules::matches("^[^[:cntrl:]]*$", "must be a name without control characters"),
    )]
    pub name: String,

    /// A call is answered in time when it waited no longer, in seconds.
    #[serde(default = "default_sla_seconds")]
    #[schemars(range(min = 1, max = 3600))]
    pub sla_seconds: i32,

    /// The share of calls that should be answered in time, in per cent.
    #[serde(default = "default_sla_target_percent")]
    #[schemars(range(min = 1, max = 100))]
    pub sla_target_percent: i32,

    /// Callers who gave up within 5 seconds are left out of the service level.
    #[serde(default)]
    pub exclude_short_abandons: bool,
}

fn default_pbx_poll_interval() -> String {
    "15s".into()
}

fn default_sla_seconds() -> i32 {
    20
}

fn default_sla_target_percent() -> i32 {
    80
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            mask_numbers: false,
            pbx_poll_interval: default_pbx_poll_interval(),
        }
    }
}
