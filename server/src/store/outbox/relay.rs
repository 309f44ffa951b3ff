//! Events on their way to who takes them up.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::store::number::unsigned;
use crate::store::{StoreError, Transaction};

/// An event that nobody has taken up yet; nobody else can until the transaction ends.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingEvent {
    /// Its number in the outbox.
    pub id: i64,
    /// The source and its own id of the event; `None` for those of this provider.
    pub source: Option<(String, String)>,
    /// What it says.
    pub payload: Value,
    /// The trace of what caused it.
    pub trace_id: String,
    /// Of the span that told of it, when that is recorded.
    pub traceparent: Option<String>,
    /// When it came.
    pub created_at: DateTime<Utc>,
}

/// Which events of a route.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// The first ones with greater numbers, so many at most.
    First {
        /// 0 for all.
        after: i64,
        /// How many at most.
        limit: u32,
    },
    /// These.
    These(&'a [i64]),
}

struct Row {
    id: i64,
    source: String,
    source_id: Option<String>,
    payload: Value,
    trace_id: String,
    traceparent: Option<String>,
    created_at: DateTime<Utc>,
}

// Of what is pending, `route = ANY (ARRAY[…]) ORDER BY route, id` has one index alone that gives this
// order. Of `route = … ORDER BY id` PostgreSQL knows that the primary key gives it too, and walks from
// its beginning over all that was published when it last counted many that were not.

/// Events of a route that are due, by ascending id. Those that another relay holds are passed over.
pub async fn take(
    transaction: &mut Transaction,
    route: &str,
    which: Which<'_>,
) -> Result<Vec<PendingEvent>, StoreError> {
    let rows = match which {
        Which::First { after, limit } => {
            let rows = sqlx::query_as!(
                Row,
                "SELECT id, source, source_id, payload, trace_id, traceparent, created_at FROM outbox_event \
                 WHERE published_at IS NULL AND route = ANY (ARRAY[$1::text]) AND id > $3 \
                 AND (retry_at IS NULL OR retry_at <= now()) \
                 ORDER BY route, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
                route,
                i64::from(limit),
                after,
            );
            rows.fetch_all(transaction).await?
        }
        Which::These(ids) => {
            let rows = sqlx::query_as!(
                Row,
                "SELECT id, source, source_id, payload, trace_id, traceparent, created_at FROM outbox_event \
                 WHERE published_at IS NULL AND route = $1 \
                 AND id = ANY (ARRAY(SELECT unnest($2::bigint[]))) \
                 ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
                route,
                ids,
            );
            rows.fetch_all(transaction).await?
        }
    };
    let rows = rows.into_iter().map(|row| PendingEvent {
        id: row.id,
        source: row.source_id.map(|id| (row.source, id)),
        payload: row.payload,
        trace_id: row.trace_id,
        traceparent: row.traceparent,
        created_at: row.created_at,
    });
    Ok(rows.collect())
}

/// The numbers of the events that [`take`] would find first.
pub async fn due(
    transaction: &mut Transaction,
    route: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<i64>, StoreError> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM outbox_event WHERE published_at IS NULL AND route = ANY (ARRAY[$1::text]) \
         AND id > $3 AND (retry_at IS NULL OR retry_at <= now()) ORDER BY route, id LIMIT $2",
        route,
        i64::from(limit),
        after,
    );
    Ok(ids.fetch_all(transaction).await?)
}

/// Notes that events have been taken up.
pub async fn published(transaction: &mut Transaction, ids: &[i64]) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE outbox_event SET published_at = now() \
         WHERE id = ANY (ARRAY(SELECT unnest($1::bigint[])))",
        ids,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// The same for up to 1000 events of each of the routes, which nobody here takes up; gives how many
/// of each there were.
pub async fn publish(
    transaction: &mut Transaction,
    routes: &[&str],
) -> Result<Vec<(String, u64)>, StoreError> {
    let rows = sqlx::query!(
        "WITH published AS (UPDATE outbox_event SET published_at = now() WHERE id = ANY (ARRAY( \
             SELECT o.id FROM unnest($1::text[]) AS r (route) CROSS JOIN LATERAL ( \
                 SELECT id FROM outbox_event WHERE published_at IS NULL \
                 AND route = ANY (ARRAY[r.route]) \
                 ORDER BY route, id LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED) AS o)) \
             RETURNING route) \
         SELECT route, count(*) AS \"count!\" FROM published GROUP BY route",
        routes as &[&str],
    )
    .fetch_all(transaction)
    .await?;
    let rows = rows.into_iter();
    rows.map(|row| Ok((row.route, unsigned(row.count, "count")?)))
        .collect()
}

/// Puts an event off, each time for longer: 4, 16, 64, 256 seconds; gives how often taking it up has
/// failed by now, unless it has been taken up meanwhile.
pub async fn put_off(transaction: &mut Transaction, id: i64) -> Result<Option<u16>, StoreError> {
    let attempts = sqlx::query_scalar!(
        "UPDATE outbox_event SET attempts = least(attempts, 9999) + 1, \
         retry_at = now() + power(4, least(attempts + 1, 4)) * interval '1 second' \
         WHERE id = $1 AND published_at IS NULL RETURNING attempts",
        id,
    )
    .fetch_optional(transaction)
    .await?;
    attempts
        .map(|attempts| unsigned(attempts, "attempts"))
        .transpose()
}

/// An event that cannot be taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// Its number in the outbox.
    pub id: i64,
    /// Why, in a word.
    pub reason: &'static str,
    /// Why, in a sentence.
    pub detail: String,
}

/// Characters of a detail that are kept.
const DETAIL: usize = 1000;

/// Puts events among the dead letters.
pub async fn bury(transaction: &mut Transaction, dead: &[Dead]) -> Result<(), StoreError> {
    if dead.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = dead.iter().map(|dead| dead.id).collect();
    let reasons: Vec<_> = dead.iter().map(|dead| dead.reason).collect();
    let details: Vec<String> = dead
        .iter()
        .map(|dead| dead.detail.chars().take(DETAIL).collect())
        .collect();
    sqlx::query!(
        "INSERT INTO dead_letter (event_id, source, source_id, route, payload, trace_id, reason, \
         detail, attempts, created_at) \
         SELECT o.event_id, o.source, o.source_id, o.route, o.payload, o.trace_id, d.reason, \
         d.detail, o.attempts, o.created_at \
         FROM unnest($1::bigint[], $2::text[], $3::text[]) AS d (id, reason, detail) \
         JOIN outbox_event o ON o.id = d.id \
         WHERE o.id = ANY (ARRAY(SELECT unnest($1::bigint[]))) ON CONFLICT (event_id) DO NOTHING",
        &ids,
        &reasons as &[&str],
        &details,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// How many events of each route nobody has taken up, of those routes that have any; counted up to
/// 100 000.
pub async fn count_pending(
    transaction: &mut Transaction,
) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT route, count(*) AS \"count!\" FROM (SELECT route FROM outbox_event \
         WHERE published_at IS NULL ORDER BY route, id LIMIT 100000) p GROUP BY route",
    )
    .fetch_all(transaction)
    .await?;
    Ok(rows.into_iter().map(|row| (row.route, row.count)).collect())
}
