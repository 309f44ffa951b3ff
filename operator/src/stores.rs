//! What the operator knows of its objects: one shelf per cluster, filled by watches and never by a read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::watcher;
use tokio::sync::watch;

use crate::apply::not_newer;
use crate::kinds::Kind;

mod departed;
mod strip;
#[cfg(test)]
mod tests;

pub use departed::Departed;
pub use strip::strip;

/// The label by which an object names its cluster.
pub const CLUSTER_LABEL: &str = "telecom.dev/cluster";

/// A cluster's namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterKey {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ClusterKey {
    /// A key of its two parts.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// One object among those of a cluster.
pub type ObjectName = (Kind, String);

/// All live objects of one cluster, as one consistent look.
pub type Shelf = BTreeMap<ObjectName, Arc<DynamicObject>>;

/// An object that a watch has seen go.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Gone {
    /// Whose it was.
    pub cluster: ClusterKey,
    /// What it was.
    pub object: ObjectName,
}

/// What one watch event changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Clusters that have something new to look at.
    pub touched: HashSet<ClusterKey>,
    /// Objects that are gone.
    pub gone: Vec<Gone>,
}

/// The live objects of all clusters.
#[derive(Debug)]
pub struct Stores {
    shelves: RwLock<HashMap<ClusterKey, Shelf>>,
    /// Taken only while `shelves` is held for writing.
    departed: Mutex<Departed>,
    synced: watch::Sender<usize>,
}

impl Default for Stores {
    fn default() -> Self {
        Self {
            shelves: RwLock::default(),
            departed: Mutex::default(),
            synced: watch::Sender::new(0),
        }
    }
}

impl Stores {
    /// Everything that is known of one cluster.
    pub fn shelf(&self, cluster: &ClusterKey) -> Shelf {
        let shelves = self.shelves.read().unwrap_or_else(PoisonError::into_inner);
        shelves.get(cluster).cloned().unwrap_or_default()
    }

    /// Takes up what the apiserver answered to a write, which the watch shows only a moment later.
    pub fn note(&self, kind: Kind, mut object: DynamicObject) {
        strip(kind, &mut object);
        self.put(kind, &Arc::new(object));
    }

    /// Forgets all objects of one kind, because the kind itself is gone.
    pub fn drop_kind(&self, kind: Kind, namespace: Option<&str>) -> Changes {
        self.retain(kind, namespace, &HashSet::new())
    }

    /// Counts one watch as filled.
    pub fn mark_synced(&self) {
        self.synced.send_modify(|count| *count += 1);
    }

    /// Waits until `expected` watches have been filled once.
    pub async fn wait_synced(&self, expected: usize) {
        let mut seen = self.synced.subscribe();
        // The sender lives as long as self, so the wait cannot fail.
        let _ = seen.wait_for(|count| *count >= expected).await;
    }

    fn put(&self, kind: Kind, object: &Arc<DynamicObject>) -> Changes {
        let Some(cluster) = cluster_of(object) else {
            return Changes::default();
        };
        let mut changes = Changes::default();
        let key = (kind, object.name_any());
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        let departed = self.departed.lock().unwrap_or_else(PoisonError::into_inner);
        if departed.holds(object.metadata.uid.as_deref()) {
            return changes;
        }
        let objects = shelves.entry(cluster.clone()).or_default();
        if objects.get(&key).is_some_and(|kept| older(object, kept)) {
            return changes;
        }
        let before = objects.insert(key, Arc::clone(object));
        // The same version again is the watch showing what we wrote ourselves: now is the time to go on.
        if before.is_none_or(|before| same_version(&before, object) || differs(&before, object)) {
            changes.touched.insert(cluster);
        }
        changes
    }

    fn remove(&self, kind: Kind, object: &DynamicObject) -> Changes {
        let mut changes = Changes::default();
        let Some(cluster) = cluster_of(object) else {
            return changes;
        };
        let key = (kind, object.name_any());
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        let mut departed = self.departed.lock().unwrap_or_else(PoisonError::into_inner);
        departed.add(object.uid());
        if let Some(shelf) = shelves.get_mut(&cluster) {
            shelf.remove(&key);
            if shelf.is_empty() {
                shelves.remove(&cluster);
            }
        }
        changes.touched.insert(cluster.clone());
        changes.gone.push(Gone {
            cluster,
            object: key,
        });
        changes
    }

    /// Drops the objects of one kind (in one namespace or all) that a complete list did not hold.
    fn retain(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        listed: &HashSet<(ClusterKey, String)>,
    ) -> Changes {
        let mut changes = Changes::default();
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        for (cluster, shelf) in shelves.iter_mut() {
            if namespace.is_some_and(|namespace| namespace != cluster.namespace) {
                continue;
            }
            shelf.retain(|(of, name), _| {
                let stays = *of != kind || listed.contains(&(cluster.clone(), name.clone()));
                if !stays {
                    changes.touched.insert(cluster.clone());
                    changes.gone.push(Gone {
                        cluster: cluster.clone(),
                        object: (*of, name.clone()),
                    });
                }
                stays
            });
        }
        shelves.retain(|_, shelf| !shelf.is_empty());
        changes
    }
}

/// Feeds the events of one watch into the stores.
#[derive(Debug)]
pub struct Feed {
    stores: Arc<Stores>,
    kind: Kind,
    namespace: Option<String>,
    listed: HashSet<(ClusterKey, String)>,
    synced: bool,
}

impl Feed {
    /// A feed for one kind, in one namespace or all.
    pub fn new(stores: Arc<Stores>, kind: Kind, namespace: Option<String>) -> Self {
        Self {
            stores,
            kind,
            namespace,
            listed: HashSet::new(),
            synced: false,
        }
    }

    /// Takes one event and says what it changed.
    pub fn take(&mut self, event: watcher::Event<DynamicObject>) -> Changes {
        match event {
            watcher::Event::Apply(mut object) => {
                strip(self.kind, &mut object);
                self.stores.put(self.kind, &Arc::new(object))
            }
            watcher::Event::Delete(object) => self.stores.remove(self.kind, &object),
            watcher::Event::Init => {
                self.listed.clear();
                Changes::default()
            }
            watcher::Event::InitApply(mut object) => {
                strip(self.kind, &mut object);
                if let Some(cluster) = cluster_of(&object) {
                    self.listed.insert((cluster, object.name_any()));
                }
                self.stores.put(self.kind, &Arc::new(object))
            }
            watcher::Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                let changes = self
                    .stores
                    .retain(self.kind, self.namespace.as_deref(), &listed);
                if !self.synced {
                    self.synced = true;
                    self.stores.mark_synced();
                }
                changes
            }
        }
    }
}

/// The cluster that an object says it belongs to.
fn cluster_of(object: &DynamicObject) -> Option<ClusterKey> {
    let name = object.metadata.labels.as_ref()?.get(CLUSTER_LABEL)?;
    Some(ClusterKey::new(object.namespace()?, name))
}

/// Whether a look at an object is older than the one that is kept.
fn older(seen: &DynamicObject, kept: &DynamicObject) -> bool {
    let version = seen.metadata.resource_version.as_deref();
    let ours = kept.metadata.resource_version.as_deref();
    version != ours && seen.uid() == kept.uid() && ours.is_some_and(|ours| not_newer(version, ours))
}

fn same_version(before: &DynamicObject, after: &DynamicObject) -> bool {
    let version = &after.metadata.resource_version;
    version.is_some() && *version == before.metadata.resource_version
}

/// Whether two looks at an object differ in anything but its resourceVersion.
fn differs(before: &DynamicObject, after: &DynamicObject) -> bool {
    let (mut a, mut b) = (before.metadata.clone(), after.metadata.clone());
    a.resource_version = None;
    b.resource_version = None;
    a != b || before.data != after.data
}
