//! Events on their way: what happens to each after the transaction that it tells of.

use super::{Context, DomainError, Processor};
use crate::billing::USER_USAGE_BILLING;
use crate::packages::QueueEvent;
use crate::store::{Database, outbox, retry_conflicts};

mod billing_hook;

pub use billing_hook::{TakenUp, TelecomBillingHook};

/// Relays events. Any number may be at it at once: each takes what no other holds.
#[derive(Debug, Clone)]
pub struct EventRelay {
    database: Database,
    after: i64,
}

impl EventRelay {
    /// A relay over a clone of the database.
    pub fn new(database: Database) -> Self {
        Self { database, after: 0 }
    }

    /// The same, which takes up billing events with greater numbers alone.
    #[must_use]
    pub fn behind(&self, number: i64) -> Self {
        Self {
            database: self.database.clone(),
            after: number,
        }
    }
}

/// All routes there are.
pub const ROUTES: [&str; 3] = [
    USER_USAGE_BILLING,
    QueueEvent::EXPIRING,
    QueueEvent::WARNING,
];

/// Routes that nobody in this server follows.
const OTHERS: [&str; 2] = [QueueEvent::EXPIRING, QueueEvent::WARNING];

/// Publishes the events that nobody in this server waits for.
#[derive(Debug, Clone, Copy)]
pub struct PublishOthers;

impl Processor<PublishOthers> for EventRelay {
    type Output = Vec<(String, u64)>;

    /// Gives how many of each route were published; a thousand at a time.
    async fn process(
        &self,
        context: &Context,
        PublishOthers: PublishOthers,
    ) -> Result<Vec<(String, u64)>, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.write(context.deadline).await?;
            let published = outbox::publish(&mut transaction, &OTHERS).await?;
            transaction.commit().await?;
            Ok(published)
        })
        .await
    }
}
