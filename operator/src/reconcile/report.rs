//! Writes the status where it has changed, and tells the edges of its conditions.

use kube::Resource;
use kube::runtime::events::EventType;
use serde_json::json;
use telecom_crds::{ConditionType, Endpoints, TelecomCluster, TelecomClusterStatus};

use super::availability::Count;
use super::{Context, Look};
use crate::apply::WriteError;
use crate::build::{GRPC_PORT, HTTP_PORT};
use crate::events;
use crate::kinds::Kind;
use crate::names::{self, Component};
use crate::status::{self, Finding};
use crate::stores::ClusterKey;

/// Reports on one cluster.
pub(super) async fn report(
    context: &Context,
    key: &ClusterKey,
    look: &Look<'_>,
    findings: &[Finding],
) -> Result<(), WriteError> {
    let shown = findings
        .iter()
        .map(|finding| (finding.kind.as_str(), finding.verdict.as_str()));
    context.metrics.show_conditions(key, shown);
    let before = of_ours(context.written.current(key, look.cluster));
    let mut after = observed(look);
    after.conditions = status::conditions(
        &before.conditions,
        findings,
        after.observed_generation,
        look.now,
    );
    if after == before {
        return Ok(());
    }
    let patch = json!({
        "apiVersion": TelecomCluster::api_version(&()),
        "kind": TelecomCluster::kind(&()),
        "metadata": { "name": key.name, "uid": look.cluster.metadata.uid },
        "status": after,
    });
    let stored = match context
        .writer
        .status(&key.namespace, &key.name, &patch)
        .await
    {
        Ok(stored) => stored,
        // It was deleted meanwhile: there is nobody left to tell.
        Err(error) if error.status().is_some_and(|status| status.code == 404) => return Ok(()),
        Err(error) => return Err(error),
    };
    context.written.wrote(key, &stored);
    context.applier.deeds.reported(key);
    for finding in findings {
        let reason = status::reason_before(&before.conditions, finding.kind);
        if let Some(type_) = events::edge(finding.kind, reason, finding.reason) {
            log(key, finding, type_);
            context
                .events
                .publish(&look.cluster.object_ref(&()), finding, type_)
                .await;
        }
    }
    Ok(())
}

/// The edge as the log has it, beside the event.
fn log(key: &ClusterKey, finding: &Finding, type_: EventType) {
    let Finding {
        kind,
        verdict,
        reason,
        message,
    } = finding;
    let (condition, status, reason) = (kind.as_str(), verdict.as_str(), reason.as_str());
    match type_ {
        EventType::Normal => {
            tracing::info!(cluster = %key, condition, status, reason, "{message}");
        }
        EventType::Warning => {
            tracing::warn!(cluster = %key, condition, status, reason, "{message}");
        }
    }
}

/// A status without what the job loops write.
fn of_ours(mut status: TelecomClusterStatus) -> TelecomClusterStatus {
    let of_jobs = ConditionType::JobsHealthy.as_str();
    status
        .conditions
        .retain(|condition| condition.type_ != of_jobs);
    TelecomClusterStatus {
        jobs: Vec::new(),
        last_handled_request: None,
        last_job: None,
        next_job: None,
        ..status
    }
}

/// Everything of the status but the conditions.
fn observed(look: &Look<'_>) -> TelecomClusterStatus {
    let name = look.world_name();
    let deployment = look.world.deployment.as_ref();
    let count = deployment.map(Count::of);
    let image = deployment.and_then(|deployment| {
        let pod = deployment.spec.as_ref()?.template.spec.as_ref()?;
        pod.containers.first()?.image.clone()
    });
    let selector = names::selector(&name, Component::Server);
    let selector: Vec<_> = selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    TelecomClusterStatus {
        observed_generation: look.cluster.metadata.generation,
        replicas: Some(count.map_or(0, |count| count.existing)),
        ready_replicas: Some(count.map_or(0, |count| count.ready)),
        selector: Some(selector.join(",")),
        version: image.as_deref().and_then(tag).map(str::to_owned),
        image,
        endpoints: endpoints(look, &name),
        ..TelecomClusterStatus::default()
    }
}

fn endpoints(look: &Look<'_>, name: &str) -> Option<Endpoints> {
    let service = names::server(name);
    look.world.get(Kind::Service, &service)?;
    let namespace = look
        .cluster
        .metadata
        .namespace
        .as_deref()
        .unwrap_or("default");
    Some(Endpoints {
        grpc: Some(format!("{service}.{namespace}.svc:{GRPC_PORT}")),
        http: Some(format!("http://{service}.{namespace}.svc:{HTTP_PORT}")),
    })
}

/// The tag of an image reference; none for a digest alone.
fn tag(image: &str) -> Option<&str> {
    let name = image.split('@').next()?;
    let last = name.rsplit('/').next()?;
    last.split_once(':').map(|(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    //! The version that an image names.

    use super::*;

    #[test]
    fn the_version_is_the_tag() {
        let cases = [
            ("docker.io/telecom-operator/server:0.1.0", Some("0.1.0")),
            ("registry:5000/server", None),
            ("registry:5000/server:1@sha256:abc", Some("1")),
            ("server@sha256:abc", None),
        ];
        for (image, expected) in cases {
            assert_eq!(tag(image), expected, "{image}");
        }
    }
}
