//! Subscribers' queues: read under the lock on the subscriber, written back with what is to be told.

use chrono::{DateTime, Utc};
use telecom_telemetry::propagation;
use uuid::Uuid;

use super::DomainError;
use crate::packages::{Changes, Queue};
use crate::store::outbox::{self, OutboxEvent};
use crate::store::{Transaction, queued_packages, user_access};
use crate::users::User;

/// The queue of a subscriber whom the transaction has locked, brought to the present moment, and that
/// moment by the database's clock.
pub(super) async fn present(
    transaction: &mut Transaction,
    user: &User,
) -> Result<(Queue, DateTime<Utc>), DomainError> {
    let now = queued_packages::now(transaction).await?;
    let open = queued_packages::open(transaction, &[user.id]).await?;
    let zone = user.profile.time_zone.rules().clone();
    let mut queue = Queue::new(user.id, zone, open);
    queue.advance(now);
    Ok((queue, now))
}

/// Writes down what has changed, what follows of it for access, and the events that tell of it; gives how many packages changed.
pub(super) async fn save(
    transaction: &mut Transaction,
    changes: Changes,
    trace_id: &str,
) -> Result<u64, DomainError> {
    save_all(transaction, vec![(changes, trace_id.to_owned())]).await
}

/// The same for many subscribers at once, each with the trace of what changed their queue.
pub(super) async fn save_all(
    transaction: &mut Transaction,
    all: Vec<(Changes, String)>,
) -> Result<u64, DomainError> {
    let (mut packages, mut access, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for (changes, trace_id) in all {
        packages.extend(changes.packages);
        access.extend(changes.access);
        events.extend(changes.events.iter().map(|event| {
            let id = Uuid::now_v7();
            OutboxEvent {
                id,
                route: event.route(),
                payload: event.payload(id),
                trace_id: trace_id.clone(),
            }
        }));
    }
    queued_packages::save(transaction, &packages).await?;
    let traceparent = propagation::sampled_traceparent();
    user_access::put(transaction, &access, traceparent.as_deref()).await?;
    outbox::append(transaction, &events).await?;
    Ok(packages.len() as u64)
}

/// Writes down what a subscriber may use after their status has changed.
pub(super) async fn renew_access(
    transaction: &mut Transaction,
    user: &User,
    trace_id: &str,
) -> Result<(), DomainError> {
    let (queue, _) = present(transaction, user).await?;
    save(transaction, queue.into_changes(), trace_id).await?;
    Ok(())
}

/// Ends all packages of a subscriber who has just been erased, and whom the transaction has locked;
/// gives how many.
pub(super) async fn cancel_all(
    transaction: &mut Transaction,
    user: &User,
    trace_id: &str,
) -> Result<u32, DomainError> {
    let (mut queue, now) = present(transaction, user).await?;
    let cancelled = queue.cancel_all("erased", now);
    save(transaction, queue.into_changes(), trace_id).await?;
    Ok(cancelled)
}
