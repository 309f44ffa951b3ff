//! When a node counts as offline.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// How long a node may be silent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeHealthCheck {
    /// A node is offline when its last heartbeat is older than this, such as `90s` or `2m`; from 2s to 24h.
    #[serde(default = "default_offline_timeout")]
    #[schemars(length(max = 16))]
    #[x_kube(
        validation = rules::duration("90s or 2m"),
        validation = rules::duration_between("2s", "24h"),
    )]
    pub offline_timeout: String,
}

fn default_offline_timeout() -> String {
    "90s".into()
}

impl Default for NodeHealthCheck {
    fn default() -> Self {
        Self {
            offline_timeout: default_offline_timeout(),
        }
    }
}
