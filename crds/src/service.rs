//! The Service in front of the server.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// The Service with the ports `grpc` (50051) and `http` (8080).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::forbidden(
        "!has(self.loadBalancerClass) || self.type == 'LoadBalancer'",
        ".loadBalancerClass",
        "only with service.type: LoadBalancer",
    ),
    validation = rules::forbidden(
        "!has(self.externalTrafficPolicy) || self.type in ['NodePort', 'LoadBalancer']",
        ".externalTrafficPolicy",
        "only with service.type: NodePort or LoadBalancer",
    ),
    // The API server refuses such a change of a Service; here the sentence says the way out.
    validation = rules::forbidden(
        "self.type != 'LoadBalancer' || oldSelf.type != 'LoadBalancer' || \
         (has(self.loadBalancerClass) ? self.loadBalancerClass : '') == \
         (has(oldSelf.loadBalancerClass) ? oldSelf.loadBalancerClass : '')",
        ".loadBalancerClass",
        "cannot be changed while service.type stays LoadBalancer: set service.type: ClusterIP first, then LoadBalancer with the new class",
    ),
)]
pub struct Service {
    /// `ClusterIP` (inside the cluster only), `NodePort` or `LoadBalancer`.
    #[serde(rename = "type", default)]
    pub type_: ServiceType,
    /// Annotations of the Service, for instance for a cloud's load balancer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: BTreeMap<String, String>,
    /// Load balancer implementation that serves the Service. Only with `type: LoadBalancer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 316))]
    pub load_balancer_class: Option<String>,
    /// `Cluster` spreads over all nodes; `Local` keeps the client's address and stays on the node.
    /// Only with `type: NodePort` or `LoadBalancer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<ExternalTrafficPolicy>,
}

/// How the Service is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// Inside the cluster only.
    #[default]
    ClusterIP,
    /// On a port of every node.
    NodePort,
    /// By the cluster's load balancer.
    LoadBalancer,
}

/// Where external traffic goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExternalTrafficPolicy {
    /// To any ready Pod.
    Cluster,
    /// Only to Pods on the node that received it.
    Local,
}
