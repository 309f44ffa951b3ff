//! The reference to one key of a Secret.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// One key of a Secret in the namespace of the `TelecomCluster`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret, in the namespace of the TelecomCluster.
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::object_name("Secret"))]
    pub name: String,
    /// Key inside the Secret whose value is read, such as `uri`.
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::matches("^[-._a-zA-Z0-9]+$", "must be a key of the Secret: letters, digits, '-', '_' and '.'"))]
    pub key: String,
}
