//! Statements on `outbox_event`: events are added in the transaction of what they tell of.

mod events;
mod relay;

use serde_json::Value;
use sqlx::types::Uuid;

use super::{StoreError, Transaction};

pub use events::{EventFilter, list, publish_external};
pub use relay::{
    Dead, PendingEvent, Which, bury, count_pending, due, publish, published, put_off, take,
};

/// Where the relays listen.
pub const CHANNEL: &str = "telecom_outbox";

/// An event to publish.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEvent {
    /// What recognizes a repetition.
    pub id: Uuid,
    /// What its consumers subscribe to.
    pub route: &'static str,
    /// What it says.
    pub payload: Value,
    /// The trace of what caused it.
    pub trace_id: String,
}

/// Adds events in their order.
pub async fn append(
    transaction: &mut Transaction,
    events: &[OutboxEvent],
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    let routes: Vec<_> = events.iter().map(|event| event.route).collect();
    let payloads: Vec<_> = events.iter().map(|event| event.payload.clone()).collect();
    let traces: Vec<_> = events.iter().map(|event| event.trace_id.as_str()).collect();
    sqlx::query!(
        "INSERT INTO outbox_event (event_id, route, payload, trace_id) \
         SELECT e.id, e.route, e.payload, e.trace_id \
         FROM unnest($1::uuid[], $2::text[], $3::jsonb[], $4::text[]) WITH ORDINALITY \
         AS e (id, route, payload, trace_id, place) ORDER BY e.place",
        &ids,
        &routes as &[&str],
        &payloads,
        &traces as &[&str],
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Wakes the relays when the transaction is committed; once per transaction, as its last statement.
pub async fn wake(transaction: &mut Transaction) -> Result<(), StoreError> {
    sqlx::query!("SELECT pg_notify($1, '')", CHANNEL)
        .execute(transaction)
        .await?;
    Ok(())
}
