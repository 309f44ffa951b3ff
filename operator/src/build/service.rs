//! The two Services of the server: the one that callers and Prometheus use, and a headless one through
//! which every Pod is found, ready or not.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use telecom_crds::{ExternalTrafficPolicy, ServiceType};

use super::config::{GRPC_PORT, HTTP_PORT};
use super::object::{BuildError, Object, metadata};
use crate::kinds::Kind;
use crate::names::{self, Component, SCRAPE_LABEL};
use crate::validate::Validated;

pub(super) fn build(cluster: &Validated) -> Result<[Object; 2], BuildError> {
    Ok([public(cluster)?, pods(cluster)?])
}

fn public(cluster: &Validated) -> Result<Object, BuildError> {
    let name = names::server(&cluster.name);
    let mut metadata = metadata(cluster, name.clone(), Component::Server);
    if cluster.metrics.enabled {
        // One Service alone carries it, so that no Pod is scraped twice.
        let scrape = (SCRAPE_LABEL.to_owned(), "true".to_owned());
        metadata.labels.get_or_insert_default().extend([scrape]);
    }
    metadata.annotations = Some(cluster.service.annotations.clone());
    let service = Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(type_name(cluster.service.type_).to_owned()),
            load_balancer_class: cluster.service.load_balancer_class.clone(),
            external_traffic_policy: cluster.service.external_traffic_policy.map(|policy| {
                match policy {
                    ExternalTrafficPolicy::Cluster => "Cluster".to_owned(),
                    ExternalTrafficPolicy::Local => "Local".to_owned(),
                }
            }),
            selector: Some(names::selector(&cluster.name, Component::Server)),
            ports: Some(ports()),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    Object::applied(Kind::Service, &name, &service)
}

fn pods(cluster: &Validated) -> Result<Object, BuildError> {
    let name = names::server_pods(&cluster.name);
    let service = Service {
        metadata: metadata(cluster, name.clone(), Component::Server),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(names::selector(&cluster.name, Component::Server)),
            ports: Some(ports()),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    Object::applied(Kind::Service, &name, &service)
}

fn type_name(type_: ServiceType) -> &'static str {
    match type_ {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::NodePort => "NodePort",
        ServiceType::LoadBalancer => "LoadBalancer",
    }
}

fn ports() -> Vec<ServicePort> {
    vec![
        ServicePort {
            // Tells gateways and meshes that this is HTTP/2 without TLS (KEP-3726).
            app_protocol: Some("kubernetes.io/h2c".to_owned()),
            ..port("grpc", GRPC_PORT)
        },
        port("http", HTTP_PORT),
    ]
}

/// A port that leads to the container port of the same name.
fn port(name: &str, port: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: port.into(),
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}
