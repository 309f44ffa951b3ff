//! Events as others publish them and as administrators look at them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Uuid;

use crate::events::{Event, ExternalEvent};
use crate::store::number::unsigned;
use crate::store::{StoreError, Transaction};

/// Adds events of other sources, but for those that are there or were taken up before. In the order of
/// their ids, so that transactions with the same ones wait for each other in one direction only.
pub async fn publish_external(
    transaction: &mut Transaction,
    events: &[ExternalEvent],
    trace_id: &str,
    traceparent: Option<&str>,
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let event_ids: Vec<_> = events.iter().map(|event| event.event_id).collect();
    let sources: Vec<_> = events.iter().map(|event| event.source.as_str()).collect();
    let ids: Vec<_> = events.iter().map(|event| event.id.as_str()).collect();
    let routes: Vec<_> = events.iter().map(|event| event.route).collect();
    let payloads: Vec<_> = events.iter().map(|event| event.payload.clone()).collect();
    sqlx::query!(
        "INSERT INTO outbox_event (event_id, source, source_id, route, payload, trace_id, traceparent) \
         SELECT e.event_id, e.source, e.source_id, e.route, e.payload, $6, $7 \
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::jsonb[]) \
         AS e (event_id, source, source_id, route, payload) \
         WHERE (SELECT true FROM consumed_event c \
         WHERE c.source = e.source AND c.source_id = e.source_id) IS NULL \
         ORDER BY e.event_id ON CONFLICT (event_id) DO NOTHING",
        &event_ids,
        &sources as &[&str],
        &ids as &[&str],
        &routes as &[&str],
        &payloads,
        trace_id,
        traceparent,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those of this route.
    pub route: Option<String>,
    /// Only those that were taken up, or only the others.
    pub published: Option<bool>,
    /// Only those with a smaller number.
    pub before_id: Option<i64>,
}

macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT id, event_id, source, source_id, route, payload, trace_id, created_at, \
             published_at, attempts, retry_at FROM outbox_event " + $rest,
            $($argument),+
        )
    };
}

/// The newest events that pass the filter, at most `limit`.
pub async fn list(
    transaction: &mut Transaction,
    filter: &EventFilter,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    let before_id = filter.before_id.unwrap_or(i64::MAX);
    let limit = i64::from(limit);
    // One statement for each index that may lead: few events are pending.
    let rows =
        match (filter.published, filter.route.as_deref()) {
            (Some(false), Some(route)) => rows!(
                "WHERE published_at IS NULL AND route = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                route,
                before_id,
                limit,
            )
            .fetch_all(transaction)
            .await?,
            (published, route) => {
                rows!(
                    "WHERE id < $1 AND ($2::text IS NULL OR route = $2) \
                 AND ($3::boolean IS NULL OR (published_at IS NOT NULL) = $3) \
                 ORDER BY id DESC LIMIT $4",
                    before_id,
                    route,
                    published,
                    limit,
                )
                .fetch_all(transaction)
                .await?
            }
        };
    rows.into_iter().map(Event::try_from).collect()
}

struct Row {
    id: i64,
    event_id: Uuid,
    source: String,
    source_id: Option<String>,
    route: String,
    payload: Value,
    trace_id: String,
    created_at: DateTime<Utc>,
    published_at: Option<DateTime<Utc>>,
    attempts: i16,
    retry_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Event {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            event_id: row.event_id,
            source: row.source,
            source_id: row.source_id,
            route: row.route,
            payload: row.payload,
            trace_id: row.trace_id,
            created_at: row.created_at,
            published_at: row.published_at,
            attempts: unsigned(row.attempts, "attempts")?,
            retry_at: row.retry_at,
        })
    }
}
