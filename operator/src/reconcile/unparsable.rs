//! A manifest that does not fit this operator's types: said on the object itself, and nothing else is touched.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::events::EventType;
use serde_json::json;
use telecom_crds::{ConditionType, Reason, TelecomCluster};

use super::Context;
use crate::apply::WriteError;
use crate::status::{self, Finding};
use crate::stores::ClusterKey;

/// What was reported: the generation of each manifest.
#[derive(Debug, Default)]
pub struct Reported {
    generations: Mutex<HashMap<ClusterKey, Option<i64>>>,
}

impl Reported {
    /// Forgets a cluster that is gone or can be read again.
    pub fn forget(&self, key: &ClusterKey) {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        generations.remove(key);
    }

    fn knows(&self, key: &ClusterKey, generation: Option<i64>) -> bool {
        let generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        generations.get(key) == Some(&generation)
    }

    fn note(&self, key: &ClusterKey, generation: Option<i64>) {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        generations.insert(key.clone(), generation);
    }
}

/// Says on the object that it cannot be read. The other conditions stay as they were.
pub async fn report_unparsable(
    context: &Context,
    invalid: &InvalidObject,
) -> Result<(), WriteError> {
    let metadata = &invalid.metadata;
    let (Some(namespace), Some(name)) = (&metadata.namespace, &metadata.name) else {
        return Ok(());
    };
    let key = ClusterKey::new(namespace, name);
    if metadata.deletion_timestamp.is_some() || context.unparsable.knows(&key, metadata.generation)
    {
        return Ok(());
    }
    tracing::warn!(cluster = %key, error = invalid.error, "the manifest cannot be read");
    let message = format!(
        "This operator cannot read the manifest: {}. Correct the field, or bring operator and definition to the same version. \
         What runs is left as it is.",
        invalid.error
    );
    let kinds = [ConditionType::Ready, ConditionType::ConfigurationValid];
    let findings = kinds.map(|kind| Finding::new(kind, false, Reason::Unparsable, message.clone()));
    let conditions = status::conditions(&[], &findings, metadata.generation, Timestamp::now());
    let patch = json!({
        "apiVersion": TelecomCluster::api_version(&()),
        "kind": TelecomCluster::kind(&()),
        "metadata": { "name": name, "uid": metadata.uid },
        "status": { "conditions": conditions },
    });
    context
        .writer
        .unparsable_status(namespace, name, &patch)
        .await?;
    context.unparsable.note(&key, metadata.generation);
    let regarding = ObjectReference {
        api_version: Some(TelecomCluster::api_version(&()).into_owned()),
        kind: Some(TelecomCluster::kind(&()).into_owned()),
        name: Some(name.clone()),
        namespace: Some(namespace.clone()),
        uid: metadata.uid.clone(),
        ..ObjectReference::default()
    };
    let [_, invalid] = &findings;
    context
        .events
        .publish(&regarding, invalid, EventType::Warning)
        .await;
    Ok(())
}
