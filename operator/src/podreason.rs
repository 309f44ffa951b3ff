//! Why Pods do not serve, read from their status, in a sentence that says what to do.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde::Deserialize;
use std::collections::BTreeMap;
use telecom_crds::Reason;

use crate::migration::LastWords;

#[cfg(test)]
mod tests;

/// How long a Pod may take to say why it is not ready.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The longest answer that is read.
const LONGEST_ANSWER: usize = 16 * 1024;

/// What holds Pods back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Known from the status alone.
    Told(Reason, String),
    /// The Pod runs and says that it is not ready: it can be asked why.
    Ask {
        /// The Pod's name.
        pod: String,
        /// Its address.
        address: String,
        /// Since when it runs.
        since: Option<Timestamp>,
    },
    /// The Pod is on its way.
    Starting,
}

/// The worst cause among the Pods, if any of them is held back.
pub fn cause(pods: &[Pod]) -> Option<Cause> {
    let rank = |cause: &Cause| match cause {
        Cause::Told(..) => 0,
        Cause::Ask { .. } => 1,
        Cause::Starting => 2,
    };
    pods.iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .filter_map(of_pod)
        .min_by_key(rank)
}

fn of_pod(pod: &Pod) -> Option<Cause> {
    let name = pod.name_any();
    let status = pod.status.as_ref()?;
    let condition = |kind: &str| {
        let conditions = status.conditions.as_ref()?;
        conditions.iter().find(|condition| condition.type_ == kind)
    };
    if condition("Ready").is_some_and(|ready| ready.status == "True") {
        return None;
    }
    if status.phase.as_deref() == Some("Succeeded") {
        return None;
    }
    if let Some(scheduled) =
        condition("PodScheduled").filter(|scheduled| scheduled.status == "False")
    {
        let why = scheduled.message.as_deref().unwrap_or("no reason is given");
        return Some(Cause::Told(
            Reason::PodUnschedulable,
            format!(
                "No node takes Pod {name}: {why}. Make room, or change resources, nodeSelector, tolerations or affinity."
            ),
        ));
    }
    let init = status.init_container_statuses.iter().flatten();
    let containers = init.chain(status.container_statuses.iter().flatten());
    for container in containers {
        if let Some(cause) = of_container(&name, container) {
            return Some(cause);
        }
    }
    let running = status
        .container_statuses
        .iter()
        .flatten()
        .find_map(|container| container.state.as_ref()?.running.as_ref());
    Some(match (running, status.pod_ip.clone()) {
        (Some(running), Some(address)) => Cause::Ask {
            pod: name,
            address,
            since: running.started_at.as_ref().map(|time| time.0),
        },
        (Some(_) | None, _) => Cause::Starting,
    })
}

fn of_container(pod: &str, container: &ContainerStatus) -> Option<Cause> {
    let state = container.state.as_ref();
    let waiting = state.and_then(|state| state.waiting.as_ref());
    let word = waiting
        .and_then(|waiting| waiting.reason.as_deref())
        .unwrap_or_default();
    let told = waiting
        .and_then(|waiting| waiting.message.as_deref())
        .unwrap_or_default();
    let image = &container.image;
    match word {
        "ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull" => {
            // The kubelet tells the same failure in two forms in turn: keep what they share, or the
            // status would be written each time.
            let told = told
                .rsplit("ErrImagePull: ")
                .next()
                .unwrap_or(told)
                .trim_end_matches('.');
            let why = if told.is_empty() || told.starts_with("Back-off") {
                "the pull failed"
            } else {
                told
            };
            let advice = "Check the name, the registry and spec.imagePullSecrets.";
            let message = format!("Pod {pod} cannot pull image {image}: {why}. {advice}");
            Some(Cause::Told(Reason::ImagePullFailed, message))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            let message = format!("Pod {pod} cannot start its container: {word}. {told}");
            Some(Cause::Told(Reason::ContainerCrashing, message))
        }
        _ => crashed(pod, container),
    }
}

/// A container that ended is told about even while it is being started again.
fn crashed(pod: &str, container: &ContainerStatus) -> Option<Cause> {
    let now = container
        .state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    let before = container
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    let ended = now.or(before).filter(|ended| ended.exit_code != 0)?;
    let running = container
        .state
        .as_ref()
        .is_some_and(|state| state.running.is_some());
    if running {
        // It is up again: whether it becomes ready decides, not what was.
        return None;
    }
    let words = ended.message.as_deref().and_then(LastWords::read);
    let reason = words.as_ref().map_or(Reason::ContainerCrashing, |words| {
        words.reason(Reason::ContainerCrashing)
    });
    let why = words.map_or_else(
        || {
            ended
                .reason
                .clone()
                .unwrap_or_else(|| "no reason is given".to_owned())
        },
        |words| words.message,
    );
    let (name, code, restarts) = (&container.name, ended.exit_code, container.restart_count);
    let message = format!(
        "Container {name} of Pod {pod} ended with code {code} after {restarts} restarts: {why}"
    );
    Some(Cause::Told(reason, message))
}

/// What `/healthz/ready` answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Readiness {
    /// Each check by its name: `ok`, or a sentence.
    #[serde(default)]
    pub checks: BTreeMap<String, String>,
}

impl Readiness {
    /// The first check that fails.
    pub fn failing(&self) -> Option<(&str, &str)> {
        self.checks
            .iter()
            .find(|(_, said)| *said != "ok")
            .map(|(check, said)| (check.as_str(), said.as_str()))
    }
}

/// Asks Pods why they are not ready.
#[derive(Clone, Debug)]
pub struct Asker {
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Default for Asker {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(TIMEOUT));
        Self {
            client: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(connector),
        }
    }
}

impl Asker {
    /// Reads `/healthz/ready` of the Pod at this address; an error is a sentence.
    pub async fn ask(&self, address: &str, port: u16) -> Result<Readiness, String> {
        let host = if address.contains(':') {
            format!("[{address}]")
        } else {
            address.to_owned()
        };
        let uri = format!("http://{host}:{port}/healthz/ready");
        let uri = uri
            .parse()
            .map_err(|error| format!("{uri} is not an address: {error}"))?;
        let answered = tokio::time::timeout(TIMEOUT, self.client.get(uri)).await;
        let answer = answered
            .map_err(|_| "no answer in 2 s".to_owned())?
            .map_err(|error| format!("no answer: {error}"))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect();
        let body = tokio::time::timeout(TIMEOUT, body)
            .await
            .map_err(|_| "the answer did not end in 2 s".to_owned())?
            .map_err(|error| format!("the answer could not be read: {error}"))?;
        serde_json::from_slice(&body.to_bytes())
            .map_err(|_| format!("status {status} without an explanation"))
    }
}
