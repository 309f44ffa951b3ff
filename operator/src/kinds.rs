//! The kinds of object that the operator owns or watches, by one name each.

use std::fmt;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{ApiResource, GroupVersionKind};

/// A kind of object that belongs to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What the server's Pods run as.
    ServiceAccount,
    /// The server's configuration, one immutable object per content.
    ConfigMap,
    /// Generated credentials; created once, never changed.
    Secret,
    /// The way to the server, to each of its Pods, and to the embedded database.
    Service,
    /// The server.
    Deployment,
    /// Generations of the Deployment; read only.
    ReplicaSet,
    /// The embedded database.
    StatefulSet,
    /// The embedded database's disk.
    PersistentVolumeClaim,
    /// The server's autoscaler.
    HorizontalPodAutoscaler,
    /// The server's disruption budget.
    PodDisruptionBudget,
    /// The migration.
    Job,
    /// Pods of the server, the migration and the database; read only.
    Pod,
    /// Who may reach the server and what it may reach.
    NetworkPolicy,
    /// How Prometheus finds the server; the kind itself is optional.
    ServiceMonitor,
}

impl Kind {
    /// Kinds that every cluster has and that are watched whole, by label.
    pub const WATCHED: [Self; 12] = [
        Self::ServiceAccount,
        Self::ConfigMap,
        Self::Service,
        Self::Deployment,
        Self::ReplicaSet,
        Self::StatefulSet,
        Self::PersistentVolumeClaim,
        Self::HorizontalPodAutoscaler,
        Self::PodDisruptionBudget,
        Self::Job,
        Self::Pod,
        Self::NetworkPolicy,
    ];

    /// Kinds that are applied or created, in no particular order.
    pub const WRITTEN: [Self; 12] = [
        Self::ServiceAccount,
        Self::ConfigMap,
        Self::Secret,
        Self::Service,
        Self::Deployment,
        Self::StatefulSet,
        Self::PersistentVolumeClaim,
        Self::HorizontalPodAutoscaler,
        Self::PodDisruptionBudget,
        Self::Job,
        Self::NetworkPolicy,
        Self::ServiceMonitor,
    ];

    /// How the apiserver serves this kind.
    pub fn resource(self) -> ApiResource {
        match self {
            Self::ServiceAccount => ApiResource::erase::<ServiceAccount>(&()),
            Self::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
            Self::Secret => ApiResource::erase::<Secret>(&()),
            Self::Service => ApiResource::erase::<Service>(&()),
            Self::Deployment => ApiResource::erase::<Deployment>(&()),
            Self::ReplicaSet => ApiResource::erase::<ReplicaSet>(&()),
            Self::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
            Self::PersistentVolumeClaim => ApiResource::erase::<PersistentVolumeClaim>(&()),
            Self::HorizontalPodAutoscaler => ApiResource::erase::<HorizontalPodAutoscaler>(&()),
            Self::PodDisruptionBudget => ApiResource::erase::<PodDisruptionBudget>(&()),
            Self::Job => ApiResource::erase::<Job>(&()),
            Self::Pod => ApiResource::erase::<Pod>(&()),
            Self::NetworkPolicy => ApiResource::erase::<NetworkPolicy>(&()),
            Self::ServiceMonitor => {
                ApiResource::from_gvk_with_plural(&service_monitor(), "servicemonitors")
            }
        }
    }

    /// The kind's name, as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
            Self::Service => "Service",
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::Job => "Job",
            Self::Pod => "Pod",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::ServiceMonitor => "ServiceMonitor",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Group, version and kind of the Prometheus Operator's ServiceMonitor.
pub fn service_monitor() -> GroupVersionKind {
    GroupVersionKind::gvk("monitoring.coreos.com", "v1", "ServiceMonitor")
}
