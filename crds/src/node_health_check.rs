//! What a node's silence means: to the server, and to the node itself.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// What a node's silence means: when it counts as offline, and how long it may go on without word.
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

    /// How long a node relies on what it was last told of its users, such as `10m`; from 2s to 24h. A node that
    /// has heard nothing for longer does as its own policy says: keeps to it, or denies everyone.
    #[serde(default = "default_access_ttl")]
    #[schemars(length(max = 16))]
    #[x_kube(
        validation = rules::duration("30s or 10m"),
        validation = rules::duration_between("2s", "24h"),
    )]
    pub access_ttl: String,
}

fn default_offline_timeout() -> String {
    "90s".into()
}

fn default_access_ttl() -> String {
    "10m".into()
}

impl Default for NodeHealthCheck {
    fn default() -> Self {
        Self {
            offline_timeout: default_offline_timeout(),
            access_ttl: default_access_ttl(),
        }
    }
}
