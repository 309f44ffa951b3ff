//! Brings one owned object to what was built: create, replace, apply, each only where it changes something.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::api::DynamicObject;
use kube::{Api, Client};
use serde_json::Value;
use telecom_crds::TelecomCluster;

use super::{Deeds, Memo, Need, WriteError, Writer, replacement};
use crate::build::{Object, Replacement};
use crate::dereference::World;
use crate::kinds::Kind;
use crate::names::FIELD_MANAGER;
use crate::secrets::Secrets;
use crate::stores::{ClusterKey, ObjectName, Stores};

/// How soon an object that stands in the way is looked at again; the watch is usually quicker.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What became of one object.
#[derive(Debug, PartialEq, Eq)]
pub enum Put {
    /// It was as it should be.
    Unchanged,
    /// It was sent.
    Sent,
    /// It has to wait: its predecessor is leaving, or the watch lags.
    Later(Duration),
    /// Somebody keeps changing it.
    Contended {
        /// When it may be sent again.
        left: Duration,
        /// Who.
        rival: String,
    },
}

/// What became of a creation.
enum Created {
    Stored(Box<DynamicObject>),
    Not(Put),
}

/// Puts objects and removes them.
pub struct Applier {
    client: Client,
    writer: Writer,
    stores: Arc<Stores>,
    secrets: Arc<Secrets>,
    /// What was sent.
    pub memo: Arc<Memo>,
    /// What is to be told of it.
    pub deeds: Deeds,
}

impl Applier {
    /// An applier that notes in `stores` and `secrets` what the apiserver answers.
    pub fn new(
        client: Client,
        writer: Writer,
        stores: Arc<Stores>,
        secrets: Arc<Secrets>,
        memo: Arc<Memo>,
    ) -> Self {
        Self {
            client,
            writer,
            stores,
            secrets,
            memo,
            deeds: Deeds::default(),
        }
    }

    /// Brings one object to what was built.
    pub async fn put(
        &self,
        key: &ClusterKey,
        uid: Option<&str>,
        world: &World,
        object: &Object,
    ) -> Result<Put, WriteError> {
        let mut live = live_object(key, world, object);
        if live.as_ref().is_some_and(|live| leaving(live, key, uid)) {
            return Ok(Put::Later(LOOK_AGAIN));
        }
        let mut put = Put::Unchanged;
        if live.is_none() && object.create.is_some() {
            match self.create(key, object).await? {
                Created::Stored(stored) => live = Some(*stored),
                Created::Not(put) => return Ok(put),
            }
            put = Put::Sent;
        } else if let (Some(seen), Some(replacement)) = (&live, &object.replacement) {
            live = Some(self.replace(key, object, seen, replacement).await?);
            put = Put::Sent;
        }
        let Some(apply) = &object.apply else {
            return Ok(put);
        };
        let name = (object.kind, object.name.clone());
        let desired = (object.hash.as_str(), apply);
        match self
            .memo
            .plan(key, &name, desired, live.as_ref(), Instant::now())
        {
            Need::Nothing => Ok(put),
            Need::Look(left) => Ok(Put::Later(left)),
            Need::BackOff(left) => {
                let rival = self.rival(key, &name).await;
                Ok(Put::Contended { left, rival })
            }
            Need::Send => {
                self.apply(key, object, apply).await?;
                Ok(Put::Sent)
            }
        }
    }

    async fn apply(
        &self,
        key: &ClusterKey,
        object: &Object,
        apply: &Value,
    ) -> Result<(), WriteError> {
        let (kind, name) = (object.kind, &object.name);
        let stored = self
            .writer
            .apply(&key.namespace, kind, name, apply, FIELD_MANAGER)
            .await?;
        self.deeds.note(key, "applied", kind, name);
        self.remember(key, object, &stored);
        self.show(key, object, stored);
        Ok(())
    }

    /// Gives a Secret a new value, unless it has changed since it was seen.
    async fn replace(
        &self,
        key: &ClusterKey,
        object: &Object,
        seen: &DynamicObject,
        replacement: &Replacement,
    ) -> Result<DynamicObject, WriteError> {
        let (kind, name) = (object.kind, &object.name);
        let patch = replacement::patch(replacement, seen).map_err(|source| WriteError::Api {
            verb: "patch",
            kind: kind.as_str(),
            name: name.clone(),
            source: kube::Error::SerdeError(source),
        })?;
        let stored = self.writer.patch(&key.namespace, kind, name, &patch).await;
        if stored.is_err() {
            self.secrets.doubt(key, name);
        }
        let stored = stored?;
        self.deeds.note(key, "gave a new key to", kind, name);
        self.show(key, object, stored.clone());
        Ok(stored)
    }

    /// Creates an object unless it was created a moment ago.
    async fn create(&self, key: &ClusterKey, object: &Object) -> Result<Created, WriteError> {
        let Some(create) = &object.create else {
            return Ok(Created::Not(Put::Unchanged));
        };
        if object.apply.is_none() {
            // Nothing but the memo tells that it was created a moment ago.
            let name = (object.kind, object.name.clone());
            let desired = (object.hash.as_str(), create);
            match self.memo.plan(key, &name, desired, None, Instant::now()) {
                // What is created anew comes back on purpose: nobody fights over it.
                Need::Send | Need::BackOff(_) => {}
                Need::Nothing => return Ok(Created::Not(Put::Unchanged)),
                Need::Look(left) => return Ok(Created::Not(Put::Later(left))),
            }
        }
        let created = self
            .writer
            .create(&key.namespace, object.kind, &object.name, create);
        let stored = created.await;
        if stored.as_ref().is_err_and(already_there) {
            // Somebody was quicker, or the watch lags: it is seen in a moment.
            self.secrets.doubt(key, &object.name);
            return Ok(Created::Not(Put::Later(LOOK_AGAIN)));
        }
        let stored = stored?;
        self.deeds.note(key, "created", object.kind, &object.name);
        if object.apply.is_none() {
            self.remember(key, object, &stored);
        }
        self.show(key, object, stored.clone());
        Ok(Created::Stored(Box::new(stored)))
    }

    /// Deletes one object if it is there and belongs to this cluster.
    pub async fn remove(
        &self,
        key: &ClusterKey,
        uid: Option<&str>,
        world: &World,
        name: &ObjectName,
    ) -> Result<(), WriteError> {
        let Some(live) = world.get(name.0, &name.1) else {
            return Ok(());
        };
        let owners = live.metadata.owner_references.iter().flatten();
        let ours = owners
            .into_iter()
            .any(|owner| Some(owner.uid.as_str()) == uid);
        if !ours || live.metadata.deletion_timestamp.is_some() {
            return Ok(());
        }
        if self.writer.delete(&key.namespace, name.0, live).await? {
            self.deeds.note(key, "deleted", name.0, &name.1);
        }
        Ok(())
    }

    fn remember(&self, key: &ClusterKey, object: &Object, stored: &DynamicObject) {
        let name = (object.kind, object.name.clone());
        let version = stored.metadata.resource_version.clone();
        self.memo
            .sent(key, &name, &object.hash, version, Instant::now());
    }

    /// Puts what the apiserver answered where the next look finds it, ahead of the watch.
    fn show(&self, key: &ClusterKey, object: &Object, stored: DynamicObject) {
        match object.kind {
            Kind::Secret => match stored.try_parse::<Secret>() {
                Ok(secret) => self.secrets.created(key, secret),
                Err(error) => {
                    tracing::warn!(%error, name = object.name, "the stored Secret does not read as one");
                    self.secrets.doubt(key, &object.name);
                }
            },
            kind => self.stores.note(kind, stored),
        }
    }

    /// Who wrote last beside us; asked once for each fight.
    async fn rival(&self, key: &ClusterKey, name: &ObjectName) -> String {
        if let Some(rival) = self.memo.rival(key, name) {
            return rival;
        }
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &key.namespace, &name.0.resource());
        let rival = match api.get_metadata(&name.1).await {
            Ok(found) => last_other_manager(found.metadata.managed_fields.unwrap_or_default()),
            Err(error) => {
                tracing::warn!(%error, name = name.1, "could not find out who changes the object");
                None
            }
        };
        let rival = rival.unwrap_or_else(|| "an unknown manager".to_owned());
        self.memo.set_rival(key, name, rival.clone());
        rival
    }
}

/// The live object, in the form in which it is compared.
fn live_object(key: &ClusterKey, world: &World, object: &Object) -> Option<DynamicObject> {
    match object.kind {
        Kind::Secret => {
            let state = world.secrets.get(&object.name)?;
            let mut live =
                DynamicObject::new(&object.name, &Kind::Secret.resource()).within(&key.namespace);
            live.metadata = state.metadata.clone();
            // A flattened null cannot be written.
            live.data = Value::Object(serde_json::Map::new());
            Some(live)
        }
        _ => world
            .get(object.kind, &object.name)
            .map(|live| DynamicObject {
                types: Some(kube::api::TypeMeta {
                    api_version: object.kind.resource().api_version,
                    kind: object.kind.as_str().to_owned(),
                }),
                ..DynamicObject::clone(live)
            }),
    }
}

/// Whether an object is on its way out: deleted, or of a cluster of the same name that is no more and
/// so about to be collected.
fn leaving(live: &DynamicObject, key: &ClusterKey, uid: Option<&str>) -> bool {
    let owners = live.metadata.owner_references.iter().flatten();
    let mut of_another = owners.into_iter().filter(|owner| {
        let kind = <TelecomCluster as kube::Resource>::kind(&());
        owner.kind == kind && owner.name == key.name && Some(owner.uid.as_str()) != uid
    });
    live.metadata.deletion_timestamp.is_some() || of_another.next().is_some()
}

fn already_there(error: &WriteError) -> bool {
    error
        .status()
        .is_some_and(kube::core::Status::is_already_exists)
}

fn last_other_manager(
    fields: Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry>,
) -> Option<String> {
    fields
        .into_iter()
        .filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty())
        .filter(|entry| {
            entry
                .manager
                .as_deref()
                .is_some_and(|manager| !manager.starts_with(FIELD_MANAGER))
        })
        .max_by_key(|entry| entry.time.as_ref().map(|time| time.0))
        .and_then(|entry| entry.manager)
}
