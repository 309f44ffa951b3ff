//! The desks: where what is new about a scope's clusters arrives, and the watches that bring it.

use std::sync::Arc;

use futures::channel::mpsc;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::reflector::store::Writer as StoreWriter;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Options;
use crate::controller::Shared;
use crate::kinds::Kind;
use crate::stores::ClusterKey;
use crate::watches::{Eyes, Manifest, Scope, Triggers};

/// One scope's ends of its queue and its manifests.
pub(super) struct Desk {
    pub(super) scope: Scope,
    pub(super) queue: mpsc::UnboundedReceiver<ObjectRef<Manifest>>,
    pub(super) writer: StoreWriter<Manifest>,
}

/// A desk for each scope, and what fills their queues.
pub(super) fn desks(options: &Options) -> (Vec<Desk>, Triggers) {
    let scopes: Vec<Scope> = if options.namespaces.is_empty() {
        vec![None]
    } else {
        options.namespaces.iter().cloned().map(Some).collect()
    };
    let mut triggers = Triggers::default();
    let desks = scopes.into_iter().map(|scope| {
        let (sender, queue) = mpsc::unbounded();
        let writer = StoreWriter::new(());
        triggers.add(scope.clone(), sender, writer.as_reader());
        Desk {
            scope,
            queue,
            writer,
        }
    });
    let desks = desks.collect();
    (desks, triggers)
}

/// Starts all watches of a scope.
pub(super) fn watch_scope(
    watches: &mut JoinSet<()>,
    eyes: &Eyes,
    shared: &Arc<Shared>,
    selector: Option<String>,
    scope: Scope,
    writer: StoreWriter<Manifest>,
    watching: &CancellationToken,
) {
    for kind in Kind::WATCHED {
        let (eyes, scope, stop) = (eyes.clone(), scope.clone(), watching.clone());
        // The feed counts itself as filled.
        watches.spawn(async move {
            eyes.owned(kind, scope, || {}, stop).await;
        });
    }
    let (secret_eyes, secret_scope, stop) = (eyes.clone(), scope.clone(), watching.clone());
    watches.spawn(async move {
        let filled = || secret_eyes.stores.mark_synced();
        secret_eyes.secrets(secret_scope, filled, stop).await;
    });
    let (eyes, stop, shared) = (eyes.clone(), watching.clone(), Arc::clone(shared));
    watches.spawn(async move {
        let gone = |key: &ClusterKey| {
            shared.context.forget(key);
            shared.backoff.succeeded(key);
        };
        let filled = || eyes.stores.mark_synced();
        eyes.manifests(scope, selector.as_deref(), writer, gone, filled, stop)
            .await;
    });
}
