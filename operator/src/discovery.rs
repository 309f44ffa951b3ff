//! Whether the optional kind ServiceMonitor is served, asked now and then; its watch lives and dies with it.

use std::time::Duration;

use kube::{Client, discovery};

use crate::kinds::service_monitor;

/// How the apiserver answered the question for the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// The kind is there.
    Yes,
    /// The kind is not there.
    No,
    /// No answer; what was known before still counts.
    Unknown,
}

/// A discovery request that takes longer counts as no answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Asks once.
pub async fn served(client: &Client) -> Served {
    let kind = service_monitor();
    let asked = discovery::pinned_kind(client, &kind);
    match tokio::time::timeout(TIMEOUT, asked).await {
        Ok(Ok(_)) => Served::Yes,
        // The group, the version or the kind is missing.
        Ok(Err(kube::Error::Discovery(_))) => Served::No,
        // The answer for an unknown group is plain text, so only the code can be relied on.
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Served::No,
        Ok(Err(error)) => {
            tracing::warn!(%error, "could not find out whether ServiceMonitors are served");
            Served::Unknown
        }
        Err(_) => {
            tracing::warn!("the question whether ServiceMonitors are served got no answer in time");
            Served::Unknown
        }
    }
}

/// Whether the platform gives every Pod its uid, as `OpenShift` does; Pods then must not name their own.
pub async fn assigns_uids(client: &Client) -> Result<bool, kube::Error> {
    let groups = client.list_api_groups().await?;
    Ok(groups
        .groups
        .iter()
        .any(|group| group.name == "security.openshift.io"))
}
