//! Who may reach the server, and what it may reach; beside it the embedded database's own door.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use telecom_crds::NetworkPolicy as Wanted;

use super::config::{GRPC_PORT, HTTP_PORT};
use super::database::PORT as DATABASE_PORT;
use super::object::{BuildError, Object, metadata};
use crate::kinds::Kind;
use crate::names::{self, Component};
use crate::validate::{DatabaseSource, Validated};

const DNS_PORT: u16 = 53;

pub(super) fn build(cluster: &Validated) -> Result<Vec<Object>, BuildError> {
    let Some(wanted) = &cluster.network_policy else {
        return Ok(Vec::new());
    };
    let mut policies = vec![policy(
        cluster,
        &names::server(&cluster.name),
        Component::Server,
        NetworkPolicySpec {
            pod_selector: Some(clients(cluster)),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(ingress(cluster, wanted)),
            egress: Some(wanted.egress.clone().unwrap_or_else(|| egress(cluster))),
        },
    )?];
    if matches!(cluster.database.source, DatabaseSource::Embedded(_)) {
        policies.push(policy(
            cluster,
            &names::postgres(&cluster.name),
            Component::Database,
            NetworkPolicySpec {
                pod_selector: Some(database(cluster)),
                policy_types: Some(vec!["Ingress".to_owned()]),
                ingress: Some(vec![NetworkPolicyIngressRule {
                    from: Some(vec![peer(clients(cluster))]),
                    ports: Some(vec![tcp(DATABASE_PORT)]),
                }]),
                egress: None,
            },
        )?);
    }
    Ok(policies)
}

fn policy(
    cluster: &Validated,
    name: &str,
    component: Component,
    spec: NetworkPolicySpec,
) -> Result<Object, BuildError> {
    let policy = NetworkPolicy {
        metadata: metadata(cluster, name.to_owned(), component),
        spec: Some(spec),
    };
    Object::applied(Kind::NetworkPolicy, name, &policy)
}

/// The operator always; the others as the manifest says. No list means everyone, an empty one nobody.
fn ingress(cluster: &Validated, wanted: &Wanted) -> Vec<NetworkPolicyIngressRule> {
    let operator = cluster
        .operator_namespace
        .as_ref()
        .map(|namespace| NetworkPolicyIngressRule {
            from: Some(vec![NetworkPolicyPeer {
                namespace_selector: Some(labelled("kubernetes.io/metadata.name", namespace)),
                ..peer(labelled("app.kubernetes.io/name", "telecom-operator"))
            }]),
            ports: Some(vec![tcp(GRPC_PORT), tcp(HTTP_PORT)]),
        });
    let given = [
        (&wanted.metrics_from, HTTP_PORT),
        (&wanted.grpc_from, GRPC_PORT),
    ];
    let given = given.into_iter().filter_map(|(from, port)| match from {
        Some(peers) if peers.is_empty() => None,
        Some(_) | None => Some(NetworkPolicyIngressRule {
            from: from.clone(),
            ports: Some(vec![tcp(port)]),
        }),
    });
    operator.into_iter().chain(given).collect()
}

/// Name service, the database, the collector, the publisher of keys.
fn egress(cluster: &Validated) -> Vec<NetworkPolicyEgressRule> {
    let mut rules = vec![NetworkPolicyEgressRule {
        ports: Some(vec![port(DNS_PORT, "UDP"), port(DNS_PORT, "TCP")]),
        to: None,
    }];
    let mut ports = Vec::new();
    match &cluster.database.source {
        DatabaseSource::Embedded(_) => rules.push(NetworkPolicyEgressRule {
            ports: Some(vec![tcp(DATABASE_PORT)]),
            to: Some(vec![peer(database(cluster))]),
        }),
        DatabaseSource::External(external) => ports.extend(&external.ports),
    }
    ports.extend(
        cluster
            .telemetry
            .iter()
            .flat_map(|telemetry| &telemetry.ports),
    );
    ports.extend(cluster.auth.keys.port());
    ports.sort_unstable();
    ports.dedup();
    if !ports.is_empty() {
        rules.push(NetworkPolicyEgressRule {
            ports: Some(ports.into_iter().map(tcp).collect()),
            to: None,
        });
    }
    rules
}

/// The Pods that talk to the database: the server's and the migration's.
fn clients(cluster: &Validated) -> LabelSelector {
    let mut labels = names::selector(&cluster.name, Component::Server);
    labels.remove("app.kubernetes.io/component");
    LabelSelector {
        match_labels: Some(labels),
        match_expressions: None,
    }
}

fn database(cluster: &Validated) -> LabelSelector {
    LabelSelector {
        match_labels: Some(names::selector(&cluster.name, Component::Database)),
        match_expressions: None,
    }
}

fn labelled(key: &str, value: &str) -> LabelSelector {
    LabelSelector {
        match_labels: Some([(key.to_owned(), value.to_owned())].into()),
        match_expressions: None,
    }
}

fn peer(pods: LabelSelector) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(pods),
        ..NetworkPolicyPeer::default()
    }
}

fn tcp(number: u16) -> NetworkPolicyPort {
    port(number, "TCP")
}

fn port(number: u16, protocol: &str) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number.into())),
        protocol: Some(protocol.to_owned()),
        end_port: None,
    }
}
