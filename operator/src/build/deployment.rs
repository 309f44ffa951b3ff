//! The Deployment of the server.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, HTTPGetAction, PodSpec, PodTemplateSpec, Probe,
    TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::config::{Config, GRPC_PORT, HTTP_PORT};
use super::environment::Environment;
use super::migration::Migration;
use super::object::{BuildError, Object, metadata};
use super::pod;
use crate::kinds::Kind;
use crate::names::{self, Component};
use crate::references::Live;
use crate::validate::{Scaling, Validated};

/// Generations that a rollback can go back to.
const GENERATIONS: i32 = 5;

/// `None` before the first migration. Later, as long as a migration has not succeeded, the live Pod
/// template is kept whole, and with it what was pinned and migrated.
pub(super) fn build(
    cluster: &Validated,
    live: &Live,
    config: &Config,
    environment: &Environment,
    migration: &Migration,
) -> Result<Option<Object>, BuildError> {
    let kept = live.deployment.as_ref().filter(|_| migration.pending);
    let (template, mut annotations) = match kept {
        Some(live) => {
            let Some(template) = live.template.clone() else {
                return Ok(None);
            };
            (template, kept_annotations(&live.annotations))
        }
        None if migration.pending => return Ok(None),
        None => (
            template(cluster, config, environment),
            new_annotations(cluster, migration),
        ),
    };
    let (replicas, holder) = match &cluster.scaling {
        Scaling::Fixed(replicas) => (Some(*replicas), names::REPLICAS_BY_MANIFEST),
        Scaling::Auto(_) => (None, names::REPLICAS_BY_AUTOSCALER),
    };
    annotations.insert(names::REPLICAS_ANNOTATION.to_owned(), holder.to_owned());
    let name = names::server(&cluster.name);
    let deployment = Deployment {
        metadata: ObjectMeta {
            annotations: Some(annotations),
            ..metadata(cluster, name.clone(), Component::Server)
        },
        spec: Some(DeploymentSpec {
            replicas,
            selector: selector(cluster),
            template,
            strategy: Some(cluster.pod.strategy.clone()),
            min_ready_seconds: Some(cluster.pod.min_ready_seconds),
            revision_history_limit: Some(GENERATIONS),
            ..DeploymentSpec::default()
        }),
        status: None,
    };
    Object::applied(Kind::Deployment, &name, &deployment).map(Some)
}

fn new_annotations(cluster: &Validated, migration: &Migration) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    if let Some(hash) = &migration.hash {
        annotations.insert(names::MIGRATED_ANNOTATION.to_owned(), hash.clone());
    }
    if cluster.image.pinned {
        let image = cluster.image.reference.clone();
        annotations.insert(names::PINNED_IMAGE_ANNOTATION.to_owned(), image);
    }
    annotations
}

fn kept_annotations(live: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    [names::MIGRATED_ANNOTATION, names::PINNED_IMAGE_ANNOTATION]
        .into_iter()
        .filter_map(|key| live.get(key).map(|value| (key.to_owned(), value.clone())))
        .collect()
}

fn selector(cluster: &Validated) -> LabelSelector {
    LabelSelector {
        match_labels: Some(names::selector(&cluster.name, Component::Server)),
        match_expressions: None,
    }
}

fn template(cluster: &Validated, config: &Config, environment: &Environment) -> PodTemplateSpec {
    let mut labels = cluster.pod.labels.clone();
    labels.extend(names::labels(&cluster.name, Component::Server));
    labels.insert(names::CONFIG_LABEL.to_owned(), config.hash.clone());
    let mut annotations = cluster.pod.annotations.clone();
    annotations.insert(
        names::SECRETS_ANNOTATION.to_owned(),
        environment.server_hash.clone(),
    );
    let container = container(cluster, environment);
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            termination_grace_period_seconds: Some(cluster.pod.grace_period),
            topology_spread_constraints: Some(spread(cluster)),
            ..pod::spec(cluster, &config.object.name, container)
        }),
    }
}

fn container(cluster: &Validated, environment: &Environment) -> Container {
    let probes = &cluster.pod.probes;
    let readiness = Probe {
        success_threshold: Some(probes.readiness.success_threshold),
        ..probe(
            "/healthz/ready",
            probes.readiness.period_seconds,
            probes.readiness.timeout_seconds,
            probes.readiness.failure_threshold,
        )
    };
    Container {
        ports: Some(vec![port("grpc", GRPC_PORT), port("http", HTTP_PORT)]),
        liveness_probe: Some(probe(
            "/healthz",
            probes.liveness.period_seconds,
            probes.liveness.timeout_seconds,
            probes.liveness.failure_threshold,
        )),
        readiness_probe: Some(readiness),
        startup_probe: Some(probe(
            "/healthz",
            probes.startup.period_seconds,
            probes.startup.timeout_seconds,
            probes.startup.failure_threshold,
        )),
        ..pod::container(cluster, "server", &["serve"], &environment.server)
    }
}

fn port(name: &str, port: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: port.into(),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn probe(path: &str, period: i32, timeout: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("http".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(timeout),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

/// Over hosts and zones where possible, each generation for itself.
fn spread(cluster: &Validated) -> Vec<TopologySpreadConstraint> {
    if let Some(given) = &cluster.pod.spread {
        return given.clone();
    }
    ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        .map(|topology| TopologySpreadConstraint {
            max_skew: 1,
            topology_key: topology.to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(selector(cluster)),
            match_label_keys: Some(vec!["pod-template-hash".to_owned()]),
            ..TopologySpreadConstraint::default()
        })
        .into()
}
