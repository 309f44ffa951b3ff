//! The PodDisruptionBudget of the server: one Pod at a time.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::object::{BuildError, Object, metadata};
use crate::kinds::Kind;
use crate::names::{self, Component};
use crate::validate::Validated;

/// `None` when none is wanted.
pub(super) fn build(cluster: &Validated) -> Result<Option<Object>, BuildError> {
    if !cluster.disruption_budget {
        return Ok(None);
    }
    let name = names::server(&cluster.name);
    let budget = PodDisruptionBudget {
        metadata: metadata(cluster, name.clone(), Component::Server),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector {
                match_labels: Some(names::selector(&cluster.name, Component::Server)),
                match_expressions: None,
            }),
            // A Pod that is broken anyway must not keep its node from being drained.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            min_available: None,
        }),
        status: None,
    };
    Object::applied(Kind::PodDisruptionBudget, &name, &budget).map(Some)
}
