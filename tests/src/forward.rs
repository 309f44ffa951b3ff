//! A local port that leads to a Pod's port through the apiserver, as `kubectl port-forward` does.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Forwards connections while it lives.
pub struct Forward {
    /// Where to connect: `127.0.0.1` and a free port.
    pub address: SocketAddr,
    accept: JoinHandle<()>,
}

impl Forward {
    /// Listens on a free local port and forwards each connection to `port` of the Pod.
    pub async fn to_pod(pods: Api<Pod>, pod: String, port: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let accept = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(pods.clone(), pod.clone(), port, stream));
            }
        });
        Ok(Self { address, accept })
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn carry(pods: Api<Pod>, pod: String, port: u16, mut local: TcpStream) -> Result<()> {
    let mut forwarder = pods.portforward(&pod, &[port]).await?;
    let mut remote = forwarder
        .take_stream(port)
        .context("the forwarder has no stream for the port")?;
    tokio::io::copy_bidirectional(&mut local, &mut remote).await?;
    drop(remote);
    forwarder.join().await?;
    Ok(())
}
