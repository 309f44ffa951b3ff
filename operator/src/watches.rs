//! The watches: each runs by itself, backs off by itself, and names the clusters that have something new.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures::StreamExt;
use futures::channel::mpsc::UnboundedSender;
use k8s_openapi::api::core::v1::Secret;
use kube::api::DynamicObject;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use telecom_crds::TelecomCluster;
use tokio_util::sync::CancellationToken;

use crate::apply::Memo;
use crate::kinds::Kind;
use crate::metrics::Metrics;
use crate::secrets::{SecretFeed, Secrets};
use crate::stores::{CLUSTER_LABEL, Changes, ClusterKey, Feed, Stores};

mod health;

use health::Health;

/// A manifest that may not fit our types.
pub type Manifest = DeserializeGuard<TelecomCluster>;

/// Where one set of watches looks: a namespace, or everywhere.
pub type Scope = Option<String>;

/// The way to the reconcilers: one queue for each scope.
#[derive(Clone, Debug, Default)]
pub struct Triggers {
    queues: HashMap<Scope, UnboundedSender<ObjectRef<Manifest>>>,
    manifests: Vec<Store<Manifest>>,
}

impl Triggers {
    /// Adds a scope with its queue and its manifests.
    pub fn add(
        &mut self,
        scope: Scope,
        queue: UnboundedSender<ObjectRef<Manifest>>,
        manifests: Store<Manifest>,
    ) {
        self.queues.insert(scope, queue);
        self.manifests.push(manifests);
    }

    /// Asks for a reconcile of one cluster.
    pub fn fire(&self, key: &ClusterKey) {
        let queue = self
            .queues
            .get(&Some(key.namespace.clone()))
            .or_else(|| self.queues.get(&None));
        if let Some(queue) = queue {
            // A closed queue means that we are shutting down.
            let _ = queue.unbounded_send(ObjectRef::new(&key.name).within(&key.namespace));
        }
    }

    /// Asks for a reconcile of every cluster.
    pub fn fire_all(&self) {
        for store in &self.manifests {
            for manifest in store.state() {
                self.fire(&key_of(&manifest));
            }
        }
    }
}

/// What every watch needs.
#[derive(Clone)]
pub struct Eyes {
    /// The apiserver.
    pub client: Client,
    /// Takes the owned objects.
    pub stores: Arc<Stores>,
    /// Takes the Secrets' versions.
    pub secrets: Arc<Secrets>,
    /// Told of objects that are gone.
    pub memo: Arc<Memo>,
    /// Counts failures.
    pub metrics: Arc<Metrics>,
    /// Told of what is new.
    pub triggers: Arc<Triggers>,
    /// Whether the apiserver streams initial lists.
    pub streaming_lists: bool,
}

impl Eyes {
    fn config(&self) -> watcher::Config {
        let config = watcher::Config::default();
        if self.streaming_lists {
            config.streaming_lists()
        } else {
            config
        }
    }

    /// Acts on what an event has changed.
    pub fn follow(&self, changes: &Changes) {
        for gone in &changes.gone {
            self.memo.gone(gone);
        }
        for key in &changes.touched {
            self.triggers.fire(key);
        }
    }

    /// Watches one owned kind until told to stop, or until the kind itself is gone (true).
    pub async fn owned(
        &self,
        kind: Kind,
        scope: Scope,
        filled: impl FnOnce(),
        stop: CancellationToken,
    ) -> bool {
        let api: Api<DynamicObject> = match &scope {
            Some(namespace) => {
                Api::namespaced_with(self.client.clone(), namespace, &kind.resource())
            }
            None => Api::all_with(self.client.clone(), &kind.resource()),
        };
        let mut health = Health::new(kind.as_str());
        let mut feed = Feed::new(Arc::clone(&self.stores), kind, scope);
        let mut filled = Some(filled);
        let events = watcher(api, self.config().labels(CLUSTER_LABEL)).default_backoff();
        let mut events = std::pin::pin!(events);
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return false,
                event = events.next() => event,
            };
            match event {
                Some(Ok(event)) => {
                    health.works();
                    let done = matches!(event, watcher::Event::InitDone);
                    self.follow(&feed.take(event));
                    if let Some(filled) = filled.take_if(|_| done) {
                        filled();
                    }
                }
                Some(Err(error)) => {
                    health.failed(&self.metrics, &error);
                    if kind == Kind::ServiceMonitor && no_such_kind(&error) {
                        return true;
                    }
                }
                None => return false,
            }
        }
    }

    /// Watches the metadata of Secrets until told to stop.
    pub async fn secrets(&self, scope: Scope, filled: impl FnOnce(), stop: CancellationToken) {
        let api: Api<PartialObjectMeta<Secret>> = match &scope {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let mut health = Health::new(Kind::Secret.as_str());
        let mut feed = SecretFeed::new(Arc::clone(&self.secrets), scope);
        let mut filled = Some(filled);
        let events = watcher(api, self.config()).default_backoff();
        let mut events = std::pin::pin!(events);
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = events.next() => event,
            };
            match event {
                Some(Ok(event)) => {
                    health.works();
                    for key in feed.take(&event) {
                        self.triggers.fire(&key);
                    }
                    if let Some(filled) =
                        filled.take_if(|_| matches!(event, watcher::Event::InitDone))
                    {
                        filled();
                    }
                }
                Some(Err(error)) => health.failed(&self.metrics, &error),
                None => return,
            }
        }
    }

    /// Watches manifests until told to stop; `gone` hears of clusters that are no more.
    pub async fn manifests(
        &self,
        scope: Scope,
        selector: Option<&str>,
        mut writer: Writer<Manifest>,
        gone: impl Fn(&ClusterKey),
        filled: impl FnOnce(),
        stop: CancellationToken,
    ) {
        let api: Api<Manifest> = match &scope {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let config = match selector {
            Some(selector) => self.config().labels(selector),
            None => self.config(),
        };
        let mut filled = Some(filled);
        let mut health = Health::new("TelecomCluster");
        let mut seen = Seen::default();
        let events =
            watcher(api, config).modify(|manifest| manifest.meta_mut().managed_fields = None);
        let events = events.default_backoff();
        let mut events = std::pin::pin!(events);
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = events.next() => event,
            };
            match event {
                Some(Ok(event)) => {
                    health.works();
                    writer.apply_watcher_event(&event);
                    let news = seen.take(&event);
                    news.gone.iter().for_each(&gone);
                    news.changed.iter().for_each(|key| self.triggers.fire(key));
                    if let Some(filled) =
                        filled.take_if(|_| matches!(event, watcher::Event::InitDone))
                    {
                        filled();
                    }
                }
                Some(Err(error)) => health.failed(&self.metrics, &error),
                None => return,
            }
        }
    }
}

/// Whether the apiserver does not know the kind that was to be watched.
fn no_such_kind(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code == 404,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => false,
    }
}

/// Namespace and name of a manifest.
pub fn key_of(manifest: &Manifest) -> ClusterKey {
    let meta = manifest.meta();
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    ClusterKey::new(part(&meta.namespace), part(&meta.name))
}

/// What an event about a manifest means.
#[derive(Debug, Default, PartialEq, Eq)]
struct News {
    changed: Vec<ClusterKey>,
    gone: Vec<ClusterKey>,
}

/// Which manifests were seen in which shape, so that a change of nothing but the status is no news.
#[derive(Debug, Default)]
struct Seen {
    shapes: HashMap<ClusterKey, u64>,
    listed: HashSet<ClusterKey>,
    waiting: Vec<ClusterKey>,
}

impl Seen {
    fn take(&mut self, event: &watcher::Event<Manifest>) -> News {
        match event {
            watcher::Event::Apply(manifest) => News {
                changed: self.look(manifest).into_iter().collect(),
                gone: Vec::new(),
            },
            watcher::Event::Delete(manifest) => {
                let key = key_of(manifest);
                self.shapes.remove(&key);
                News {
                    changed: Vec::new(),
                    gone: vec![key],
                }
            }
            watcher::Event::Init => {
                self.listed.clear();
                self.waiting.clear();
                News::default()
            }
            watcher::Event::InitApply(manifest) => {
                self.listed.insert(key_of(manifest));
                let changed = self.look(manifest);
                self.waiting.extend(changed);
                News::default()
            }
            watcher::Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                let gone: Vec<_> = self
                    .shapes
                    .keys()
                    .filter(|key| !listed.contains(key))
                    .cloned()
                    .collect();
                self.shapes.retain(|key, _| listed.contains(key));
                News {
                    changed: std::mem::take(&mut self.waiting),
                    gone,
                }
            }
        }
    }

    fn look(&mut self, manifest: &Manifest) -> Option<ClusterKey> {
        let key = key_of(manifest);
        let shape = shape(manifest);
        (self.shapes.insert(key.clone(), shape) != Some(shape)).then_some(key)
    }
}

/// Everything of a manifest that a reconcile may answer to; the status is not in it.
fn shape(manifest: &Manifest) -> u64 {
    let meta = manifest.meta();
    let mut hasher = DefaultHasher::new();
    meta.uid.hash(&mut hasher);
    meta.generation.hash(&mut hasher);
    meta.labels.hash(&mut hasher);
    meta.annotations.hash(&mut hasher);
    meta.deletion_timestamp.is_some().hash(&mut hasher);
    manifest.0.is_ok().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    //! What counts as news about a manifest.

    use serde_json::json;

    use super::*;

    fn manifest(name: &str, generation: i64, replicas: i64) -> Manifest {
        serde_json::from_value(json!({
            "apiVersion": "telecom.dev/v1alpha1", "kind": "TelecomCluster",
            "metadata": {"namespace": "a", "name": name, "uid": name, "generation": generation},
            "spec": {}, "status": {"replicas": replicas},
        }))
        .unwrap()
    }

    #[test]
    fn a_status_is_no_news_and_a_generation_is() {
        let mut seen = Seen::default();
        let mut changed = |manifest| seen.take(&watcher::Event::Apply(manifest)).changed.len();
        assert_eq!(changed(manifest("demo", 1, 0)), 1);
        assert_eq!(changed(manifest("demo", 1, 2)), 0);
        assert_eq!(changed(manifest("demo", 2, 2)), 1);
    }

    #[test]
    fn a_relist_tells_what_changed_and_what_is_gone_at_its_end() {
        let mut seen = Seen::default();
        for name in ["x", "y"] {
            seen.take(&watcher::Event::Apply(manifest(name, 1, 0)));
        }
        seen.take(&watcher::Event::Init);
        for (name, generation) in [("y", 1), ("z", 1)] {
            let news = seen.take(&watcher::Event::InitApply(manifest(name, generation, 0)));
            assert_eq!(news, News::default());
        }
        let news = seen.take(&watcher::Event::InitDone);
        let key = |name: &str| ClusterKey::new("a", name);
        assert_eq!((news.changed, news.gone), (vec![key("z")], vec![key("x")]));
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_still_seen() {
        let broken: Manifest = serde_json::from_value(json!({
            "metadata": {"namespace": "a", "name": "demo"}, "spec": {"replicas": "three"},
        }))
        .unwrap();
        assert!(broken.0.is_err());
        let news = Seen::default().take(&watcher::Event::Apply(broken));
        assert_eq!(news.changed, [ClusterKey::new("a", "demo")]);
    }
}
