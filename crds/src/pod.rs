//! Parts of the server's Pod that are not plain Kubernetes types.

use k8s_openapi::api::core::v1::{
    CSIVolumeSource, ConfigMapVolumeSource, EmptyDirVolumeSource,
    PersistentVolumeClaimVolumeSource, ProjectedVolumeSource, SecretVolumeSource,
};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A volume and the place where the server container sees it. The kinds are those that the
/// `restricted` Pod security standard allows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.configMap), has(self.secret), has(self.emptyDir), \
    has(self.persistentVolumeClaim), has(self.projected), has(self.csi)].exists_one(set, set)")
    .message("needs exactly one of configMap, secret, emptyDir, persistentVolumeClaim, projected, csi"))]
pub struct ExtraVolume {
    /// Name of the volume, unique in the list.
    #[schemars(length(max = 56))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && !self.startsWith('telecom-')")
        .message("must be lower-case letters, digits and '-', and not start with telecom-, which the operator's own volumes do"))]
    pub name: String,
    /// Absolute path where the server container sees the volume. `/etc/telecom`, `/tmp` and their
    /// insides are the operator's.
    #[schemars(length(max = 1024))]
    #[x_kube(validation = Rule::new("self.matches('^/[^:]+$') && !self.matches('^/(etc/telecom|tmp)(/|$)')")
        .message("must be an absolute path without ':' and outside /etc/telecom and /tmp, which the operator uses"))]
    pub mount_path: String,
    /// Path inside the volume that is mounted instead of its root. Such a mount does not follow changes
    /// of a ConfigMap or Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub sub_path: Option<String>,
    /// Whether the server may only read.
    #[serde(default = "yes")]
    pub read_only: bool,
    /// Files from a ConfigMap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapVolumeSource>,
    /// Files from a Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretVolumeSource>,
    /// A folder that lives as long as the Pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("!has(self.sizeLimit) || isQuantity(string(self.sizeLimit))")
        .message("must be a size such as 64Mi")
        .field_path(".sizeLimit"))]
    pub empty_dir: Option<EmptyDirVolumeSource>,
    /// A volume claimed by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<PersistentVolumeClaimVolumeSource>,
    /// Several sources in one folder, for instance a ServiceAccount token with its own audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projected: Option<ProjectedVolumeSource>,
    /// A volume from a CSI driver, for instance secrets from a vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csi: Option<CSIVolumeSource>,
}

fn yes() -> bool {
    true
}

/// When the kubelet pulls the server's image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    /// At each start of a container.
    Always,
    /// When the node does not have it.
    #[default]
    IfNotPresent,
    /// Never: the image must be on the node.
    Never,
}

impl ImagePullPolicy {
    /// The value as Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}
