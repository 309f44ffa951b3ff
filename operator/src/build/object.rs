//! One owned object in the forms in which it is sent, and the metadata that all of them share.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;

use super::canonical::canonical;
use crate::kinds::Kind;
use crate::names::{self, APPLIED_ANNOTATION, Component};
use crate::validate::Validated;

/// A value that cannot be written as JSON or YAML.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An object.
    #[error("cannot write the {kind} {name}: {source}")]
    Object {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A Deployment without the server.
    #[error("the Deployment {0} has no container named server")]
    NoServer(String),
    /// The server's configuration.
    #[error("cannot write the server's configuration: {0}")]
    Config(#[from] serde_yaml::Error),
}

/// One owned object. What is `Some` is done in this order: `create` when the object is absent,
/// `replacement` when it is there, then `apply`.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The whole object, to be posted when there is none. Only for what the operator must not overwrite:
    /// generated Secrets, and Jobs, which cannot be changed.
    pub create: Option<Value>,
    /// A new generated value for the Secret that is there.
    pub replacement: Option<Replacement>,
    /// What server-side apply sends with [`names::FIELD_MANAGER`] unless the live object says it all.
    /// Of a Secret only the metadata: the data belongs to the POST and stays.
    pub apply: Option<Value>,
    /// Hash of `apply` without [`APPLIED_ANNOTATION`], which carries it.
    pub hash: String,
}

/// A new value for one key of a generated Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The key.
    pub key: String,
    /// Its new value.
    pub value: String,
    /// Whether the value that is there goes on as [`names::PREVIOUS_KEY`].
    pub keep: bool,
    /// The request that is honoured by it: the value for [`names::ROTATE_KEYS_ANNOTATION`].
    pub asked: Option<String>,
}

impl std::fmt::Debug for Replacement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replacement")
            .field("key", &self.key)
            .field("keep", &self.keep)
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

impl Object {
    /// An object that server-side apply keeps as it is built.
    pub(super) fn applied<T: Serialize>(
        kind: Kind,
        name: &str,
        object: &T,
    ) -> Result<Self, BuildError> {
        let value = to_value(kind, name, object)?;
        Ok(Self::from_value(kind, name, value))
    }

    /// An object that server-side apply keeps, from JSON that is canonical already.
    pub(super) fn from_value(kind: Kind, name: &str, mut value: Value) -> Self {
        let hash = names::short_hash(value.to_string());
        value["metadata"]["annotations"][APPLIED_ANNOTATION] = hash.as_str().into();
        Self {
            kind,
            name: name.to_owned(),
            create: None,
            replacement: None,
            apply: Some(value),
            hash,
        }
    }

    /// An object that is created and then left alone.
    pub(super) fn created<T: Serialize>(
        kind: Kind,
        name: &str,
        object: &T,
    ) -> Result<Self, BuildError> {
        let value = to_value(kind, name, object)?;
        Ok(Self {
            kind,
            name: name.to_owned(),
            hash: names::short_hash(value.to_string()),
            create: Some(value),
            replacement: None,
            apply: None,
        })
    }
}

pub(super) fn to_value<T: Serialize>(
    kind: Kind,
    name: &str,
    object: &T,
) -> Result<Value, BuildError> {
    let mut value = serde_json::to_value(object).map_err(|source| BuildError::Object {
        kind,
        name: name.to_owned(),
        source,
    })?;
    canonical(&mut value);
    Ok(value)
}

/// Metadata of an owned object: name, namespace, labels and the controlling owner.
pub(super) fn metadata(cluster: &Validated, name: String, component: Component) -> ObjectMeta {
    ObjectMeta {
        owner_references: Some(vec![cluster.owner.clone()]),
        ..unowned(cluster, name, component)
    }
}

/// Metadata of an object that outlives the cluster under `deletionPolicy: Retain`.
pub(super) fn retainable(cluster: &Validated, name: String, component: Component) -> ObjectMeta {
    if cluster.retain {
        unowned(cluster, name, component)
    } else {
        metadata(cluster, name, component)
    }
}

/// Metadata without an owner.
pub(super) fn unowned(cluster: &Validated, name: String, component: Component) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(cluster.namespace.clone()),
        labels: Some(names::labels(&cluster.name, component)),
        ..ObjectMeta::default()
    }
}
