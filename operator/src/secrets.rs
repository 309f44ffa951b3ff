//! What is known of the Secrets that manifests refer to: facts and versions, never their bytes.
//!
//! A metadata watch tells which version each Secret has; the data of a referenced one is fetched only when that
//! moves. Secrets that nobody refers to leave no trace here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};

use crate::apply::not_newer;
use crate::references::SecretFact;
use crate::stores::{ClusterKey, Departed};

#[cfg(test)]
mod tests;

/// One Secret as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretState {
    /// Its metadata, without managed fields.
    pub metadata: ObjectMeta,
    /// What each of its keys holds.
    pub keys: BTreeMap<String, SecretFact>,
}

impl SecretState {
    /// Reduces a Secret to what may be kept of it.
    pub fn of(secret: Secret) -> Self {
        let mut metadata = secret.metadata;
        metadata.managed_fields = None;
        metadata.annotations = metadata.annotations.map(|mut annotations| {
            // kubectl keeps a whole copy of the Secret in this one.
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
            annotations
        });
        let keys = secret
            .data
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (key, SecretFact::of_value(&value.0)))
            .collect();
        Self { metadata, keys }
    }

    /// What is known of one key.
    pub fn key(&self, key: &str) -> SecretFact {
        self.keys
            .get(key)
            .cloned()
            .unwrap_or(SecretFact::KeyMissing)
    }
}

/// Namespace and name of a Secret.
type Place = (String, String);

/// What is remembered of a Secret.
#[derive(Debug, Default)]
enum Memory {
    /// Nothing: it has to be fetched.
    #[default]
    Unknown,
    /// There is no such Secret.
    Absent,
    /// As it stood.
    Present(Arc<SecretState>),
}

impl From<Option<Arc<SecretState>>> for Memory {
    fn from(state: Option<Arc<SecretState>>) -> Self {
        state.map_or(Self::Absent, Self::Present)
    }
}

#[derive(Debug, Default)]
struct Entry {
    users: HashSet<ClusterKey>,
    state: Memory,
    /// Counts what the watch said, so that an answer that was overtaken is not kept.
    moves: u64,
}

/// The referenced Secrets of all clusters.
#[derive(Debug, Default)]
pub struct Secrets {
    entries: Mutex<HashMap<Place, Entry>>,
    departed: Mutex<Departed>,
}

impl Secrets {
    /// Reads one Secret for a cluster: from memory unless its version has moved. None: it does not exist.
    pub async fn read(
        &self,
        client: &Client,
        user: &ClusterKey,
        name: &str,
    ) -> Result<Option<Arc<SecretState>>, kube::Error> {
        let place = (user.namespace.clone(), name.to_owned());
        let moves = match self.remembered(user, &place) {
            Ok(state) => return Ok(state),
            Err(moves) => moves,
        };
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &user.namespace);
        let state = secrets
            .get_opt(name)
            .await?
            .map(|secret| Arc::new(SecretState::of(secret)));
        self.remember(&place, moves, state.clone());
        Ok(state)
    }

    /// Takes up a Secret that this process has just created.
    pub fn created(&self, user: &ClusterKey, secret: Secret) {
        let place = (user.namespace.clone(), secret.name_any());
        let departed = self.departed.lock().unwrap_or_else(PoisonError::into_inner);
        if departed.holds(secret.metadata.uid.as_deref()) {
            // The watch has seen it go before the answer to its creation was read.
            return;
        }
        let state = Some(Arc::new(SecretState::of(secret)));
        match self.remembered(user, &place) {
            Ok(_) | Err(_) => self.put(&place, state),
        }
    }

    /// Forgets what is known of one Secret, because a write of it did not end as expected.
    pub fn doubt(&self, user: &ClusterKey, name: &str) {
        self.moved(&(user.namespace.clone(), name.to_owned()), None);
    }

    /// Says which Secrets a cluster refers to now; others are dropped once nobody refers to them.
    pub fn refer(&self, user: &ClusterKey, names: &BTreeSet<String>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|(namespace, name), entry| {
            if *namespace == user.namespace && !names.contains(name) {
                entry.users.remove(user);
            }
            !entry.users.is_empty()
        });
    }

    /// Forgets a cluster that is gone.
    pub fn forget(&self, user: &ClusterKey) {
        self.refer(user, &BTreeSet::new());
    }

    /// What is in memory, or the number of moves seen so far when it has to be fetched.
    fn remembered(
        &self,
        user: &ClusterKey,
        place: &Place,
    ) -> Result<Option<Arc<SecretState>>, u64> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(place.clone()).or_default();
        entry.users.insert(user.clone());
        match &entry.state {
            Memory::Unknown => Err(entry.moves),
            Memory::Absent => Ok(None),
            Memory::Present(state) => Ok(Some(Arc::clone(state))),
        }
    }

    fn remember(&self, place: &Place, moves: u64, state: Option<Arc<SecretState>>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        // A watch event that came meanwhile may be newer than the answer: fetch again next time.
        if let Some(entry) = entries.get_mut(place).filter(|entry| entry.moves == moves) {
            entry.state = state.into();
        }
    }

    fn put(&self, place: &Place, state: Option<Arc<SecretState>>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(place) {
            entry.state = state.into();
        }
    }

    /// Marks one Secret as moved unless the version is the one that is known. Returns who refers to it.
    fn moved(&self, place: &Place, version: Option<&str>) -> HashSet<ClusterKey> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries.get_mut(place) else {
            return HashSet::new();
        };
        let ours = match &entry.state {
            Memory::Present(state) => state.metadata.resource_version.as_deref(),
            Memory::Unknown | Memory::Absent => None,
        };
        let old_news = match (version, ours) {
            (Some(seen), Some(ours)) => not_newer(Some(seen), ours),
            _ => false,
        };
        if old_news {
            return HashSet::new();
        }
        entry.moves += 1;
        entry.state = Memory::Unknown;
        entry.users.clone()
    }

    /// A Secret was deleted. Returns who refers to it.
    fn deleted(&self, secret: &PartialObjectMeta<Secret>) -> HashSet<ClusterKey> {
        let mut departed = self.departed.lock().unwrap_or_else(PoisonError::into_inner);
        departed.add(secret.uid());
        self.moved(&place(secret), None)
    }

    /// After a complete list: what is remembered as present and was not listed has moved.
    fn absent(&self, namespace: Option<&str>, listed: &HashSet<Place>) -> HashSet<ClusterKey> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut users = HashSet::new();
        for (place, entry) in entries.iter_mut() {
            let outside = namespace.is_some_and(|namespace| namespace != place.0);
            let present = matches!(entry.state, Memory::Present(_));
            if !outside && present && !listed.contains(place) {
                entry.moves += 1;
                entry.state = Memory::Unknown;
                users.extend(entry.users.iter().cloned());
            }
        }
        users
    }
}

/// Feeds the events of one metadata watch into the Secrets.
#[derive(Debug)]
pub struct SecretFeed {
    secrets: Arc<Secrets>,
    namespace: Option<String>,
    listed: HashSet<Place>,
}

impl SecretFeed {
    /// A feed for one namespace or all.
    pub fn new(secrets: Arc<Secrets>, namespace: Option<String>) -> Self {
        Self {
            secrets,
            namespace,
            listed: HashSet::new(),
        }
    }

    /// Takes one event and returns the clusters that have something new to look at.
    pub fn take(
        &mut self,
        event: &watcher::Event<PartialObjectMeta<Secret>>,
    ) -> HashSet<ClusterKey> {
        match event {
            watcher::Event::Apply(secret) => self.seen(secret),
            watcher::Event::Delete(secret) => self.secrets.deleted(secret),
            watcher::Event::Init => {
                self.listed.clear();
                HashSet::new()
            }
            watcher::Event::InitApply(secret) => {
                self.listed.insert(place(secret));
                self.seen(secret)
            }
            watcher::Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                self.secrets.absent(self.namespace.as_deref(), &listed)
            }
        }
    }

    fn seen(&self, secret: &PartialObjectMeta<Secret>) -> HashSet<ClusterKey> {
        self.secrets
            .moved(&place(secret), secret.metadata.resource_version.as_deref())
    }
}

fn place(secret: &PartialObjectMeta<Secret>) -> Place {
    (secret.namespace().unwrap_or_default(), secret.name_any())
}
