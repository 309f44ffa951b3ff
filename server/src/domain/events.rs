//! Events of other sources: taken in, so that they will be taken up.

use telecom_telemetry::propagation;

use super::{Context, DomainError, Processor};
use crate::events::{EventDraft, EventRefusal};
use crate::store::{Database, outbox, queued_packages, retry_conflicts};

/// Serves collectors.
#[derive(Debug, Clone)]
pub struct EventService {
    database: Database,
}

impl EventService {
    /// A service over a clone of the database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

/// Takes events in.
#[derive(Debug, Clone)]
pub struct PublishEvents(pub Vec<EventDraft>);

/// What became of the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedEvents {
    /// How many were accepted, repetitions included.
    pub accepted: u32,
    /// The others by their place, from 0.
    pub refused: Vec<(u32, EventRefusal)>,
}

impl Processor<PublishEvents> for EventService {
    type Output = PublishedEvents;

    async fn process(
        &self,
        context: &Context,
        PublishEvents(drafts): PublishEvents,
    ) -> Result<PublishedEvents, DomainError> {
        let drafts = &drafts;
        retry_conflicts(|| async move {
            let mut transaction = self.database.write(context.deadline).await?;
            let now = queued_packages::now(&mut transaction).await?;
            let mut events = Vec::with_capacity(drafts.len());
            let mut refused = Vec::new();
            for (place, draft) in (0..).zip(drafts) {
                match draft.check(now) {
                    Ok(event) => events.push(event),
                    Err(why) => refused.push((place, why)),
                }
            }
            let traceparent = propagation::sampled_traceparent();
            let (trace_id, traceparent) = (&context.trace_id, traceparent.as_deref());
            outbox::publish_external(&mut transaction, &events, trace_id, traceparent).await?;
            outbox::wake(&mut transaction).await?;
            transaction.commit().await?;
            Ok(PublishedEvents {
                accepted: u32::try_from(events.len()).unwrap_or(u32::MAX),
                refused,
            })
        })
        .await
    }
}
