//! The first step of a reconcile: what the world says about a manifest, from memory wherever possible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::DynamicObject;
use kube::{Client, ResourceExt};
use serde::de::DeserializeOwned;
use telecom_crds::TelecomCluster;

use crate::kinds::Kind;
use crate::migration::{JobState, job_state};
use crate::names::{self, Component};
use crate::references::{Live, LiveClaim, LiveDeployment, SecretFact, SecretKey, references};
use crate::secrets::{SecretState, Secrets};
use crate::stores::{ClusterKey, Shelf};

/// A live object that does not read as its kind.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A Secret could not be fetched.
    #[error("read Secret {name}: {source}")]
    Secret {
        /// Its name.
        name: String,
        /// Why.
        source: kube::Error,
    },
    /// An object of the store does not fit its type.
    #[error("the live {kind} {name} cannot be read: {source}")]
    Object {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
}

/// The live objects of a cluster in the types that decisions need.
#[derive(Debug, Default)]
pub struct World {
    /// Everything, as the watches show it.
    pub shelf: Shelf,
    /// The generated Secrets, by name; those that exist.
    pub secrets: BTreeMap<String, Arc<SecretState>>,
    /// The server.
    pub deployment: Option<Deployment>,
    /// The embedded database.
    pub database: Option<StatefulSet>,
    /// The embedded database's volume.
    pub claim: Option<PersistentVolumeClaim>,
    /// The server's Pods.
    pub server_pods: Vec<Pod>,
    /// The migration's Pods.
    pub migration_pods: Vec<Pod>,
    /// The embedded database's Pods.
    pub database_pods: Vec<Pod>,
}

impl World {
    /// Reads the shelf of one cluster.
    pub fn read(cluster: &str, shelf: Shelf) -> Result<Self, ReadError> {
        let pods = |component| pods(&shelf, cluster, component);
        Ok(Self {
            deployment: one(&shelf, Kind::Deployment, &names::server(cluster))?,
            database: one(&shelf, Kind::StatefulSet, &names::postgres(cluster))?,
            claim: one(
                &shelf,
                Kind::PersistentVolumeClaim,
                &names::postgres_data(cluster),
            )?,
            server_pods: pods(Component::Server)?,
            migration_pods: pods(Component::Migration)?,
            database_pods: pods(Component::Database)?,
            secrets: BTreeMap::new(),
            shelf,
        })
    }

    /// A live object by kind and name.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Arc<DynamicObject>> {
        self.shelf.get(&(kind, name.to_owned()))
    }

    /// A migration Job by name.
    pub fn job(&self, name: &str) -> Result<Option<Job>, ReadError> {
        one(&self.shelf, Kind::Job, name)
    }

    /// Names of the `ConfigMap`s that some `ReplicaSet` mounts, those with no Pods included: a
    /// rollback would need them.
    pub fn mounted_config_maps(&self) -> BTreeSet<String> {
        let replica_sets = self
            .shelf
            .iter()
            .filter(|((kind, _), _)| *kind == Kind::ReplicaSet);
        replica_sets
            .filter_map(|(_, object)| {
                object
                    .data
                    .pointer("/spec/template/spec/volumes")?
                    .as_array()
            })
            .flatten()
            .filter_map(|volume| {
                volume
                    .pointer("/projected/sources/0/configMap/name")?
                    .as_str()
            })
            .map(str::to_owned)
            .collect()
    }
}

/// Reads everything that a manifest refers to.
pub async fn dereference(
    client: &Client,
    secrets: &Secrets,
    key: &ClusterKey,
    cluster: &TelecomCluster,
    shelf: Shelf,
) -> Result<(World, BTreeMap<SecretKey, SecretFact>), ReadError> {
    let mut world = World::read(&key.name, shelf)?;
    let mut facts = BTreeMap::new();
    let mut wanted = BTreeSet::new();
    for reference in references(cluster) {
        let name = &reference.secret.name;
        wanted.insert(name.clone());
        let read = secrets.read(client, key, name).await;
        let state = read.map_err(|source| ReadError::Secret {
            name: name.clone(),
            source,
        })?;
        let leaving = |state: &Arc<SecretState>| state.metadata.deletion_timestamp.is_some();
        let state = state.filter(|state| !(reference.generated && leaving(state)));
        let fact = state.as_ref().map_or(SecretFact::Missing, |state| {
            state.key(&reference.secret.key)
        });
        facts.insert(reference.secret.clone(), fact);
        if let Some(state) = state.filter(|_| reference.generated) {
            world.secrets.insert(name.clone(), state);
        }
    }
    secrets.refer(key, &wanted);
    Ok((world, facts))
}

/// What the builders need to know of the live objects.
pub fn live(cluster: &str, world: &World, service_monitor_kind: bool, may_upgrade: bool) -> Live {
    Live {
        deployment: world.deployment.as_ref().map(|deployment| LiveDeployment {
            annotations: deployment.annotations().clone(),
            replicas: deployment.spec.as_ref().and_then(|spec| spec.replicas),
            template: deployment.spec.as_ref().map(|spec| spec.template.clone()),
        }),
        pinned_database_image: world
            .database
            .as_ref()
            .and_then(|database| database.annotations().get(names::PINNED_IMAGE_ANNOTATION))
            .cloned(),
        database_claim: world.claim.as_ref().and_then(live_claim),
        rotations: rotations(world),
        service_monitor_kind,
        may_upgrade,
        migrations_succeeded: migrations_succeeded(cluster, &world.shelf),
    }
}

fn rotations(world: &World) -> BTreeMap<String, String> {
    let honoured = |state: &SecretState| {
        let annotations = state.metadata.annotations.as_ref()?;
        annotations.get(names::ROTATE_KEYS_ANNOTATION).cloned()
    };
    world
        .secrets
        .iter()
        .filter_map(|(name, state)| Some((name.clone(), honoured(state)?)))
        .collect()
}

/// A claim that is being deleted is no claim any more: what it held is lost already.
fn live_claim(claim: &PersistentVolumeClaim) -> Option<LiveClaim> {
    if claim.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let spec = claim.spec.as_ref()?;
    let requests = spec
        .resources
        .as_ref()
        .and_then(|resources| resources.requests.as_ref());
    Some(LiveClaim {
        uid: claim.uid().unwrap_or_default(),
        owner: claim
            .annotations()
            .get(names::DATABASE_OWNER_ANNOTATION)
            .cloned(),
        size: requests
            .and_then(|requests| requests.get("storage"))
            .map(|size| size.0.clone())
            .unwrap_or_default(),
        storage_class: spec.storage_class_name.clone(),
    })
}

fn migrations_succeeded(cluster: &str, shelf: &Shelf) -> BTreeSet<String> {
    let prefix = names::migration(cluster, "");
    shelf
        .iter()
        .filter(|((kind, _), _)| *kind == Kind::Job)
        .filter_map(|((_, name), object)| {
            let hash = name.strip_prefix(&prefix)?;
            let job: Job = typed(object).ok()?;
            (job_state(Some(&job)) == JobState::Succeeded).then(|| hash.to_owned())
        })
        .collect()
}

fn pods(shelf: &Shelf, cluster: &str, component: Component) -> Result<Vec<Pod>, ReadError> {
    let selector = names::selector(cluster, component);
    let selected = |object: &DynamicObject| {
        let labels = object.labels();
        selector
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
    };
    shelf
        .iter()
        .filter(|((kind, _), object)| *kind == Kind::Pod && selected(object))
        .map(|((kind, name), object)| parse(*kind, name, object))
        .collect()
}

fn one<T: DeserializeOwned>(shelf: &Shelf, kind: Kind, name: &str) -> Result<Option<T>, ReadError> {
    shelf
        .get(&(kind, name.to_owned()))
        .map(|object| parse(kind, name, object))
        .transpose()
}

fn parse<T: DeserializeOwned>(
    kind: Kind,
    name: &str,
    object: &DynamicObject,
) -> Result<T, ReadError> {
    typed(object).map_err(|source| ReadError::Object {
        kind,
        name: name.to_owned(),
        source,
    })
}

/// A live object as its own type.
pub(crate) fn typed<T: DeserializeOwned>(object: &DynamicObject) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::to_value(object)?)
}
