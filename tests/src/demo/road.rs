//! How the demo reaches a server: at a given address, or in the running cluster.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use telecom_server::auth::Role;
use tonic::transport::Channel;

use crate::cluster;
use crate::forward::Forward;
use crate::telecom::channel;
use crate::tokens;

const GRPC_PORT: u16 = 50051;

/// An open road to a server; closed when dropped.
pub struct Road {
    /// Where it leads, for people.
    pub place: String,
    /// The gRPC connection.
    pub channel: Channel,
    /// The administrator's token.
    pub token: String,
    /// Set when the server runs in a cluster: namespace and name of the `TelecomCluster`.
    pub cluster: Option<(String, String)>,
    _forward: Option<Forward>,
}

impl Road {
    /// To a server that listens at `address`.
    pub async fn direct(address: SocketAddr, token: String) -> Result<Self> {
        Ok(Self {
            place: format!("the server at {address}"),
            channel: connected(address).await?,
            token,
            cluster: None,
            _forward: None,
        })
    }

    /// To a ready server Pod of the `TelecomCluster`, through the apiserver, with a token signed with
    /// the key that the operator made.
    pub async fn through_cluster(namespace: &str, name: &str) -> Result<Self> {
        let client = cluster::client().await?;
        let token = administrator(&client, namespace, name).await?;
        let pods: Api<Pod> = Api::namespaced(client, namespace);
        let pod = ready_pod(&pods, namespace, name).await?;
        let forward = Forward::to_pod(pods, pod, GRPC_PORT).await?;
        Ok(Self {
            place: format!("TelecomCluster {namespace}/{name}"),
            channel: connected(forward.address).await?,
            token,
            cluster: Some((namespace.to_owned(), name.to_owned())),
            _forward: Some(forward),
        })
    }
}

async fn connected(address: SocketAddr) -> Result<Channel> {
    channel(address)
        .await
        .with_context(|| format!("no gRPC server answers at {address}"))
}

async fn administrator(client: &Client, namespace: &str, name: &str) -> Result<String> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let secret = format!("{name}-jwt");
    let missing = || format!("Secret {namespace}/{secret}: is the TelecomCluster {name} there?");
    let data = secrets
        .get(&secret)
        .await
        .with_context(missing)?
        .data
        .unwrap_or_default();
    let key = data
        .get("secret")
        .with_context(|| format!("Secret {secret} has no key `secret`"))?;
    let key = std::str::from_utf8(&key.0)?;
    Ok(tokens::mint(key, Role::Admin, "demo"))
}

async fn ready_pod(pods: &Api<Pod>, namespace: &str, name: &str) -> Result<String> {
    let selector = format!("telecom.dev/cluster={name},app.kubernetes.io/component=server");
    let pods = pods.list(&ListParams::default().labels(&selector)).await?;
    let ready = pods.items.iter().find(|pod| is_ready(pod));
    let pod = ready.with_context(|| {
        format!("no server Pod is ready: kubectl -n {namespace} describe telecomcluster {name}")
    })?;
    Ok(pod.name_any())
}

/// A Pod that is being deleted stays ready for a while; its server hangs up soon.
fn is_ready(pod: &Pod) -> bool {
    if pod.metadata.deletion_timestamp.is_some() {
        return false;
    }
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|conditions| {
        conditions
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
    })
}
