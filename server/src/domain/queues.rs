//! Subscribers' queues: read under the lock on the subscriber, written back with what is to be told.

use chrono::{DateTime, Utc};
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
    let events = changes.events.iter().map(|event| {
        let id = Uuid::now_v7();
        OutboxEvent {
            id,
            route: event.route(),
            payload: event.payload(id),
        }
    });
    queued_packages::save(transaction, &changes.packages).await?;
    user_access::put(transaction, &changes.access).await?;
    outbox::append(transaction, &events.collect::<Vec<_>>(), trace_id).await?;
    Ok(changes.packages.len() as u64)
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
