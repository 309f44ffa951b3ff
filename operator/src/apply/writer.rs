//! The only door through which objects are written: every request passes the leadership first.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions,
    PropagationPolicy,
};
use kube::{Client, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;
use telecom_crds::TelecomCluster;
use telecom_telemetry::milliseconds;
use tracing::Instrument as _;
use tracing::field::{Empty, display};

use crate::kinds::Kind;
use crate::leader::Leadership;
use crate::metrics::Metrics;
use crate::names::FIELD_MANAGER;

/// How long after the leader's own deadline a request that was sent in time may still be under way;
/// nobody else can lead before that.
const AFTERMATH: Duration = Duration::from_secs(4);

/// The field manager of what the job loops report.
const JOBS_MANAGER: &str = "telecom-operator-jobs";
/// The field manager of conditions on manifests that cannot be read.
const UNPARSABLE_MANAGER: &str = "telecom-operator-unparsable";

/// A write that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// This process does not lead.
    #[error("this process does not lead")]
    NotLeader,
    /// The apiserver did not answer while this process led.
    #[error("{verb} {kind} {name}: no answer from the apiserver in time")]
    Timeout {
        /// What was asked.
        verb: &'static str,
        /// Of which kind.
        kind: &'static str,
        /// Of which object.
        name: String,
    },
    /// The apiserver refused.
    #[error("{verb} {kind} {name}: {}", told(source))]
    Api {
        /// What was asked.
        verb: &'static str,
        /// Of which kind.
        kind: &'static str,
        /// Of which object.
        name: String,
        /// Its answer.
        source: kube::Error,
    },
}

/// The apiserver's own sentence where it gave one.
fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        other => other.to_string(),
    }
}

impl WriteError {
    /// What sort of failure it was, as the attribute `error.type` has it: the code of an answer, or a word.
    fn type_(&self) -> String {
        let code = self.status().map(|status| status.code.to_string());
        code.unwrap_or_else(|| match self {
            Self::NotLeader => "not_leader".to_owned(),
            Self::Timeout { .. } => "timeout".to_owned(),
            Self::Api { .. } => "_OTHER".to_owned(),
        })
    }

    /// The apiserver's own status, where it gave one.
    pub fn status(&self) -> Option<&kube::core::Status> {
        match self {
            Self::Api {
                source: kube::Error::Api(status),
                ..
            } => Some(status),
            Self::Api { .. } | Self::NotLeader | Self::Timeout { .. } => None,
        }
    }
}

/// Sends writes, as long as this process leads.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    leadership: Leadership,
    metrics: Arc<Metrics>,
}

impl Writer {
    /// A writer for this process.
    pub fn new(client: Client, leadership: Leadership, metrics: Arc<Metrics>) -> Self {
        Self {
            client,
            leadership,
            metrics,
        }
    }

    /// A forced server-side apply in the name of `manager`.
    pub async fn apply(
        &self,
        namespace: &str,
        kind: Kind,
        name: &str,
        object: &Value,
        manager: &str,
    ) -> Result<DynamicObject, WriteError> {
        let api = self.api(namespace, kind);
        let params = PatchParams::apply(manager).force();
        let patch = Patch::Apply(object);
        let sent = api.patch(name, &params, &patch);
        let stored = self
            .guard("apply", kind.as_str(), (namespace, name), sent)
            .await?;
        self.metrics.applied(kind);
        Ok(stored)
    }

    /// Creates an object that must not be there yet.
    pub async fn create(
        &self,
        namespace: &str,
        kind: Kind,
        name: &str,
        object: &Value,
    ) -> Result<DynamicObject, WriteError> {
        let api = self.api(namespace, kind);
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let parsed = serde_json::from_value(object.clone()).map_err(|source| WriteError::Api {
            verb: "create",
            kind: kind.as_str(),
            name: name.to_owned(),
            source: kube::Error::SerdeError(source),
        })?;
        let sent = api.create(&params, &parsed);
        let stored = self
            .guard("create", kind.as_str(), (namespace, name), sent)
            .await?;
        self.metrics.applied(kind);
        Ok(stored)
    }

    /// A patch of another kind than server-side apply.
    pub async fn patch(
        &self,
        namespace: &str,
        kind: Kind,
        name: &str,
        patch: &Patch<Value>,
    ) -> Result<DynamicObject, WriteError> {
        let api = self.api(namespace, kind);
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let sent = api.patch(name, &params, patch);
        let stored = self
            .guard("patch", kind.as_str(), (namespace, name), sent)
            .await?;
        self.metrics.applied(kind);
        Ok(stored)
    }

    /// Deletes exactly the object that was seen; one that is gone or has changed since is left to the watch. False if
    /// it was.
    pub async fn delete(
        &self,
        namespace: &str,
        kind: Kind,
        seen: &DynamicObject,
    ) -> Result<bool, WriteError> {
        let name = seen.name_any();
        let api = self.api(namespace, kind);
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(Preconditions {
                uid: seen.uid(),
                resource_version: seen.resource_version(),
            }),
            ..DeleteParams::default()
        };
        let sent = api.delete(&name, &params);
        match self
            .guard("delete", kind.as_str(), (namespace, &name), sent)
            .await
        {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .status()
                    .is_some_and(|status| status.is_not_found() || status.is_conflict()) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Applies the status of a cluster.
    pub async fn status(
        &self,
        namespace: &str,
        name: &str,
        object: &Value,
    ) -> Result<TelecomCluster, WriteError> {
        let api = Api::namespaced(self.client.clone(), namespace);
        self.apply_status(&api, (namespace, name), object, FIELD_MANAGER)
            .await
    }

    /// Applies conditions of a cluster that cannot be read, beside the ones that are there: by a manager
    /// of its own, since the usual one would let go of everything that it leaves out.
    pub async fn unparsable_status(
        &self,
        namespace: &str,
        name: &str,
        object: &Value,
    ) -> Result<(), WriteError> {
        self.status_part(namespace, name, object, UNPARSABLE_MANAGER)
            .await
    }

    /// Applies what the job loops report of a cluster, beside the rest of its status.
    pub async fn jobs_status(
        &self,
        namespace: &str,
        name: &str,
        object: &Value,
    ) -> Result<(), WriteError> {
        self.status_part(namespace, name, object, JOBS_MANAGER)
            .await
    }

    async fn status_part(
        &self,
        namespace: &str,
        name: &str,
        object: &Value,
        manager: &str,
    ) -> Result<(), WriteError> {
        let resource = ApiResource::erase::<TelecomCluster>(&());
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &resource);
        let stored = self.apply_status(&api, (namespace, name), object, manager);
        stored.await.map(drop)
    }

    async fn apply_status<K: Clone + DeserializeOwned + Debug>(
        &self,
        api: &Api<K>,
        (namespace, name): (&str, &str),
        object: &Value,
        manager: &str,
    ) -> Result<K, WriteError> {
        let params = PatchParams::apply(manager).force();
        let patch = Patch::Apply(object);
        let sent = api.patch_status(name, &params, &patch);
        self.guard(
            "apply the status of",
            "TelecomCluster",
            (namespace, name),
            sent,
        )
        .await
    }

    fn api(&self, namespace: &str, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &kind.resource())
    }

    async fn guard<T>(
        &self,
        verb: &'static str,
        kind: &'static str,
        (namespace, name): (&str, &str),
        sent: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, WriteError> {
        let deadline = self.leadership.deadline().ok_or(WriteError::NotLeader)?;
        let left = (deadline + AFTERMATH).saturating_duration_since(Instant::now());
        let span = tracing::info_span!(
            "write",
            otel.name = format_args!("{verb} {kind}"),
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
            "error.type" = Empty,
            "k8s.namespace.name" = namespace,
            "k8s.object.kind" = kind,
            "k8s.object.name" = name,
        );
        let name = name.to_owned();
        let begun = Instant::now();
        let answer = tokio::time::timeout(left, sent.instrument(span.clone())).await;
        let written = match answer {
            Ok(Ok(stored)) => Ok(stored),
            Ok(Err(source)) => Err(WriteError::Api {
                verb,
                kind,
                name,
                source,
            }),
            Err(_) => Err(WriteError::Timeout { verb, kind, name }),
        };
        let duration_ms = milliseconds(begun.elapsed());
        span.in_scope(|| match &written {
            Ok(_) => tracing::debug!(duration_ms, "written"),
            Err(error) => tracing::debug!(duration_ms, %error, "not written"),
        });
        if let Err(error) = &written {
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", display(error));
            span.record("error.type", display(error.type_()));
        }
        written
    }
}
