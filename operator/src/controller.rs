//! The work queue: which cluster is reconciled when, how many at once, and what follows a failure.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::channel::mpsc::UnboundedReceiver;
use futures::{FutureExt, StreamExt};
use kube::Resource as _;
use kube::runtime::applier;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::{ObjectRef, Store};
use telecom_telemetry::milliseconds;
use tokio::sync::Semaphore;
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span};

use crate::apply::WriteError;
use crate::backoff::Backoff;
use crate::leader::Leadership;
use crate::metrics::Outcome;
use crate::reconcile::{self, Context, Error};
use crate::stores::ClusterKey;
use crate::watches::{Manifest, key_of};

/// Everything is looked at again within this share of its time, so that not all are at once.
const SPREAD: f64 = 0.2;

/// What the reconcilers of all scopes share.
pub struct Shared {
    /// What each reconcile works with.
    pub context: Context,
    /// Who may write.
    pub leadership: Leadership,
    /// How many reconciles run at once, over all scopes.
    pub places: Semaphore,
    /// Failures in a row.
    pub backoff: Backoff,
}

/// A reconcile failed, which has been told, and is tried again after so long.
#[derive(Debug, thiserror::Error)]
#[error("it is tried again")]
struct Later(Duration);

/// Runs the reconciles of one scope until its queue is closed and the last one has ended.
pub async fn run(
    shared: Arc<Shared>,
    concurrency: u16,
    manifests: Store<Manifest>,
    queue: UnboundedReceiver<ObjectRef<Manifest>>,
) {
    let queue = queue.map(Ok::<_, Infallible>);
    let config = Config::default().concurrency(concurrency);
    let known = manifests.clone();
    let reconciler = |manifest: Arc<Manifest>, shared: Arc<Shared>| {
        let known = known.clone();
        one(manifest, shared, known).boxed()
    };
    applier(reconciler, error_policy, shared, manifests, queue, config)
        // Failures are logged where they happen; an object that is gone is none.
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn one(
    manifest: Arc<Manifest>,
    shared: Arc<Shared>,
    known: Store<Manifest>,
) -> Result<Action, Later> {
    if !shared.leadership.holds() {
        // Whoever becomes leader looks at everything anyway.
        return Ok(Action::await_change());
    }
    let Ok(_place) = shared.places.acquire().await else {
        return Ok(Action::await_change());
    };
    let started = Instant::now();
    let key = key_of(&manifest);
    let span = tracing::info_span!(
        "reconcile",
        "k8s.namespace.name" = key.namespace,
        "telecom.cluster" = key.name,
        otel.status_code = Empty,
        otel.status_description = Empty,
    );
    let reconciled = tokio::select! {
        reconciled = look(&manifest, &shared.context).instrument(span.clone()) => reconciled,
        () = shared.leadership.lost() => return Ok(Action::await_change()),
    };
    if !is_there(&known, &manifest) {
        // It was deleted while it was looked at: nothing of it is to be left.
        shared.context.forget(&key);
    }
    if matches!(reconciled, Err(Error::Write(WriteError::NotLeader))) {
        return Ok(Action::await_change());
    }
    let took = started.elapsed();
    span.in_scope(|| conclude(&shared, &key, reconciled, took))
}

/// Counts a reconcile, tells of it in one line, at `info` if it has written anything, and says what is next.
fn conclude(
    shared: &Shared,
    key: &ClusterKey,
    reconciled: Result<Duration, Error>,
    took: Duration,
) -> Result<Action, Later> {
    let seconds = took.as_secs_f64();
    let duration_ms = milliseconds(took);
    let (namespace, name) = (&key.namespace, &key.name);
    let wrote = shared.context.applier.deeds.take(key).join(", ");
    match reconciled {
        Ok(after) => {
            shared.context.metrics.reconciled(Outcome::Ok, seconds);
            shared.backoff.succeeded(key);
            if wrote.is_empty() {
                tracing::debug!(namespace, name, duration_ms, "reconciled: nothing to do");
            } else {
                tracing::info!(namespace, name, duration_ms, wrote, "reconciled");
            }
            Ok(Action::requeue(spread(after, rand::random())))
        }
        Err(error) => {
            shared.context.metrics.reconciled(Outcome::Error, seconds);
            let pause = shared.backoff.failed(key, rand::random());
            let span = Span::current();
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", display(&error));
            let again_in_secs = pause.as_secs();
            tracing::warn!(namespace, name, duration_ms, wrote, %error, again_in_secs, "a reconcile failed");
            Err(Later(pause))
        }
    }
}

/// Whether the manifest is still the one that the watch shows.
fn is_there(known: &Store<Manifest>, manifest: &Manifest) -> bool {
    let seen = known.get(&ObjectRef::from_obj(manifest));
    seen.is_some_and(|seen| seen.meta().uid == manifest.meta().uid)
}

async fn look(manifest: &Manifest, context: &Context) -> Result<Duration, Error> {
    match &manifest.0 {
        Ok(cluster) => {
            context.unparsable.forget(&key_of(manifest));
            Box::pin(reconcile::reconcile(cluster, context)).await
        }
        Err(invalid) => {
            reconcile::report_unparsable(context, invalid).await?;
            Ok(reconcile::RESYNC)
        }
    }
}

#[allow(clippy::needless_pass_by_value)] // the applier's signature
fn error_policy(_: Arc<Manifest>, later: &Later, _: Arc<Shared>) -> Action {
    Action::requeue(later.0)
}

/// A little later than asked for, so that clusters that were seen together part.
fn spread(after: Duration, chance: f64) -> Duration {
    if after < Duration::from_mins(1) {
        return after;
    }
    after.mul_f64(1.0 + SPREAD * chance.clamp(0.0, 1.0))
}
