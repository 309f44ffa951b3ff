//! Who may talk to the server and whom the server may talk to.

use k8s_openapi::api::networking::v1::{NetworkPolicyEgressRule, NetworkPolicyPeer};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A NetworkPolicy on the server's Pods. The operator itself always reaches them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicy {
    /// Whether the NetworkPolicy exists.
    #[serde(default)]
    pub enabled: bool,
    /// Who may reach the `http` port (`/metrics`, `/healthz`). Unset: everyone. An empty list: nobody but the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub metrics_from: Option<Vec<NetworkPolicyPeer>>,
    /// Who may reach the `grpc` port. Unset: everyone. An empty list: nobody but the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub grpc_from: Option<Vec<NetworkPolicyPeer>>,
    /// What the server may reach. Unset: DNS and the ports of the URLs of database, OTLP and `auth.jwksUrl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub egress: Option<Vec<NetworkPolicyEgressRule>>,
}
