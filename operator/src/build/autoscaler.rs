//! The HorizontalPodAutoscaler on the server's Deployment.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec,
    MetricTarget, ResourceMetricSource,
};

use super::object::{BuildError, Object, metadata};
use crate::kinds::Kind;
use crate::names::{self, Component};
use crate::validate::{Scaling, Validated};

/// `None` when the manifest sets the number of replicas.
pub(super) fn build(cluster: &Validated) -> Result<Option<Object>, BuildError> {
    let scaling = match &cluster.scaling {
        Scaling::Fixed(_) => return Ok(None),
        Scaling::Auto(scaling) => scaling,
    };
    let name = names::server(&cluster.name);
    let cpu = ResourceMetricSource {
        name: "cpu".to_owned(),
        target: MetricTarget {
            type_: "Utilization".to_owned(),
            average_utilization: Some(scaling.target_cpu_utilization_percentage),
            ..MetricTarget::default()
        },
    };
    let autoscaler = HorizontalPodAutoscaler {
        metadata: metadata(cluster, name.clone(), Component::Server),
        spec: HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name: name.clone(),
            },
            min_replicas: Some(scaling.min_replicas),
            max_replicas: scaling.max_replicas,
            metrics: Some(vec![MetricSpec {
                type_: "Resource".to_owned(),
                resource: Some(cpu),
                ..MetricSpec::default()
            }]),
            behavior: scaling.behavior.clone(),
        },
        status: None,
    };
    Object::applied(Kind::HorizontalPodAutoscaler, &name, &autoscaler).map(Some)
}
