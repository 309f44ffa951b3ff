//! A way to the apiserver that can be cut: what a process sees when the network or the apiserver goes away.

use std::path::PathBuf;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cluster;

/// Carries connections from a local port to the apiserver, until they are cut.
pub struct Way {
    /// A kubeconfig that leads through it.
    pub kubeconfig: PathBuf,
    open: watch::Sender<bool>,
    accept: JoinHandle<()>,
}

impl Way {
    /// An open way beside the one of the cluster's own kubeconfig.
    pub async fn open() -> Result<Self> {
        let own = std::fs::read_to_string(cluster::kubeconfig())?;
        let line = own
            .lines()
            .find(|line| line.trim_start().starts_with("server:"));
        let url = line
            .and_then(|line| line.split_once("https://"))
            .context("no server in the kubeconfig")?
            .1;
        let target = url.trim().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let kubeconfig = std::env::temp_dir().join(format!("telecom-way-{port}.kubeconfig"));
        std::fs::write(
            &kubeconfig,
            own.replace(&target, &format!("127.0.0.1:{port}")),
        )?;
        let open = watch::Sender::new(true);
        let seen = open.subscribe();
        let accept = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, target.clone(), seen.clone()));
            }
        });
        Ok(Self {
            kubeconfig,
            open,
            accept,
        })
    }

    /// Ends every connection, and each new one at once.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Lets new connections through.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.accept.abort();
        // It is in a folder for what is temporary anyway.
        let _ = std::fs::remove_file(&self.kubeconfig);
    }
}

async fn carry(mut near: TcpStream, target: String, mut open: watch::Receiver<bool>) -> Result<()> {
    if !*open.borrow_and_update() {
        return Ok(());
    }
    let mut far = TcpStream::connect(target).await?;
    tokio::select! {
        carried = tokio::io::copy_bidirectional(&mut near, &mut far) => drop(carried?),
        cut = open.wait_for(|open| !open) => drop(cut?),
    }
    Ok(())
}
