//! The server's Pods with every default resolved.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{PodSecurityContext, ResourceRequirements, SeccompProfile};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use telecom_crds::TelecomClusterSpec;

use super::Pod;

pub(super) fn resolve(spec: &TelecomClusterSpec) -> Pod {
    Pod {
        resources: spec
            .resources
            .clone()
            .unwrap_or_else(|| ResourceRequirements {
                requests: Some(quantities(&[("cpu", "100m"), ("memory", "64Mi")])),
                limits: Some(quantities(&[("memory", "512Mi")])),
                ..ResourceRequirements::default()
            }),
        node_selector: spec.node_selector.clone(),
        tolerations: spec.tolerations.clone(),
        affinity: spec.affinity.clone(),
        spread: spec.topology_spread_constraints.clone(),
        priority_class: spec.priority_class_name.clone(),
        labels: spec.pod_labels.clone(),
        annotations: spec.pod_annotations.clone(),
        security: restricted(spec.pod_security_context.clone().unwrap_or_default()),
        extra_env: spec.extra_env.clone(),
        extra_volumes: spec.extra_volumes.clone(),
        strategy: strategy(spec.strategy.clone().unwrap_or_default()),
        min_ready_seconds: spec.min_ready_seconds,
        service_account: spec.service_account_name.clone(),
        grace_period: spec.termination_grace_period_seconds,
        pull_secrets: spec.image_pull_secrets.clone(),
        probes: spec.probes.clone(),
    }
}

/// Resources from plain text.
pub(super) fn quantities(pairs: &[(&str, &str)]) -> BTreeMap<String, Quantity> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Quantity((*value).to_owned())))
        .collect()
}

/// The given settings over those of the `restricted` Pod security standard.
pub(crate) fn restricted(given: PodSecurityContext) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: given.run_as_non_root.or(Some(true)),
        seccomp_profile: given.seccomp_profile.or_else(|| {
            Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            })
        }),
        ..given
    }
}

/// A complete strategy: what the apiserver would fill in is written out, since a later `Recreate`
/// would otherwise meet a `rollingUpdate` that belongs to nobody and be refused.
fn strategy(given: DeploymentStrategy) -> DeploymentStrategy {
    if given.type_.as_deref() == Some("Recreate") {
        return given;
    }
    let rolling = given.rolling_update.unwrap_or_default();
    let no_surge = matches!(&rolling.max_surge, Some(IntOrString::Int(0)))
        || matches!(&rolling.max_surge, Some(IntOrString::String(text)) if text == "0%");
    let away = IntOrString::Int(i32::from(no_surge));
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_unavailable: rolling.max_unavailable.or(Some(away)),
            max_surge: rolling.max_surge.or(Some(IntOrString::Int(1))),
        }),
    }
}
