//! How the demo reaches a server: at a given address, or in the running cluster.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use tonic::transport::Channel;

use crate::cluster;
use crate::forward::Forward;
use crate::telecom::channel;

const GRPC_PORT: u16 = 50051;

/// An open road to a server; closed when dropped.
pub struct Road {
    /// Where it leads, for people.
    pub place: String,
    /// The gRPC connection.
    pub channel: Channel,
    /// The administrator's token.
    pub admin_token: String,
    /// Set when the server runs in a cluster: namespace and name of the `TelecomCluster`.
    pub cluster: Option<(String, String)>,
    _forward: Option<Forward>,
}

impl Road {
    /// To a server that listens at `address`.
    pub async fn direct(address: SocketAddr, admin_token: String) -> Result<Self> {
        Ok(Self {
            place: format!("the server at {address}"),
            channel: connected(address).await?,
            admin_token,
            cluster: None,
            _forward: None,
        })
    }

    /// To a ready server Pod of the `TelecomCluster`, through the apiserver, with the token that the
    /// operator made.
    pub async fn through_cluster(namespace: &str, name: &str) -> Result<Self> {
        let client = cluster::client().await?;
        let admin_token = admin_token(&client, namespace, name).await?;
        let pods: Api<Pod> = Api::namespaced(client, namespace);
        let pod = ready_pod(&pods, namespace, name).await?;
        let forward = Forward::to_pod(pods, pod, GRPC_PORT).await?;
        Ok(Self {
            place: format!("TelecomCluster {namespace}/{name}"),
            channel: connected(forward.address).await?,
            admin_token,
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

async fn admin_token(client: &Client, namespace: &str, name: &str) -> Result<String> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let secret = format!("{name}-admin-token");
    let missing = || format!("Secret {namespace}/{secret}: is the TelecomCluster {name} there?");
    let data = secrets
        .get(&secret)
        .await
        .with_context(missing)?
        .data
        .unwrap_or_default();
    let token = data
        .get("token")
        .with_context(|| format!("Secret {secret} has no key `token`"))?;
    Ok(String::from_utf8(token.0.clone())?)
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
