//! Bills usage: from the quarters of an hour to the hours, the days and the events.

use sqlx::types::Uuid;
use sqlx::types::chrono::{DateTime, Utc};

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::billing::USER_USAGE_BILLING;
use crate::jobs::Job;

/// A key of `usage_quarter`, before which a sweep goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    user: Uuid,
    bucket: DateTime<Utc>,
    node_client: i32,
    node_server: i32,
}

impl Key {
    /// Behind all that there are.
    pub const END: Self = Self {
        user: Uuid::max(),
        bucket: DateTime::<Utc>::MAX_UTC,
        node_client: i32::MAX,
        node_server: i32::MAX,
    };
}

/// What a batch billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Its first key.
    pub first: Key,
    /// Keys that it took.
    pub keys: u64,
    /// Events that it wrote.
    pub events: u64,
}

/// Bills the last 1000 keys before `before` that have anything to bill, and that nobody else holds;
/// `None` when there are none.
///
/// From the last key to the first, since reports add to their keys from the first to the last: the two
/// meet once and pass each other. In the same direction a report would wait for one batch after the
/// other, to the end of the sweep. They cannot block each other, for this one never waits for keys.
///
/// One statement: what is billed, what is added to the hours and the days, and what the events say
/// come from the same rows, which nobody can change between.
pub async fn bill(
    transaction: &mut Transaction,
    before: Key,
    trace_id: &str,
    traceparent: Option<&str>,
) -> Result<Option<Batch>, StoreError> {
    // The rows are written back as an upsert rather than by a join: each finds its partition by its
    // key, whatever the planner thinks of their number. The differences are those of the locked
    // rows, so a report that comes meanwhile waits, and is for the next run. Upserts go by ascending
    // key, so that several at once wait for each other in one direction. The ids of events begin with
    // the time (RFC 9562, version 7), so that their index grows at its end.
    let row = sqlx::query!(
        "WITH claimed AS MATERIALIZED ( \
             SELECT user_id, bucket, node_client_id, node_server_id, last_used_at, \
                 raw_upload, raw_download, factored_upload, factored_download, \
                 greatest(floor(factored_upload), billed_upload) AS upload, \
                 greatest(floor(factored_download), billed_download) AS download, \
                 raw_upload - rolled_upload AS new_raw_upload, \
                 raw_download - rolled_download AS new_raw_download, \
                 greatest(floor(factored_upload) - billed_upload, 0) AS new_upload, \
                 greatest(floor(factored_download) - billed_download, 0) AS new_download \
             FROM usage_quarter \
             WHERE pending AND (user_id, bucket, node_client_id, node_server_id) < ($1, $2, $3, $4) \
             ORDER BY user_id DESC, bucket DESC, node_client_id DESC, node_server_id DESC \
             LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED \
         ), billed AS ( \
             INSERT INTO usage_quarter (user_id, bucket, node_client_id, node_server_id, \
                 raw_upload, raw_download, factored_upload, factored_download, \
                 billed_upload, billed_download, rolled_upload, rolled_download, last_used_at) \
             SELECT user_id, bucket, node_client_id, node_server_id, raw_upload, raw_download, \
                 factored_upload, factored_download, upload, download, raw_upload, raw_download, \
                 last_used_at FROM claimed \
             ON CONFLICT (user_id, bucket, node_client_id, node_server_id) DO UPDATE SET \
                 billed_upload = excluded.billed_upload, \
                 billed_download = excluded.billed_download, \
                 rolled_upload = excluded.rolled_upload, \
                 rolled_download = excluded.rolled_download \
         ), hourly AS ( \
             INSERT INTO usage_hourly AS h (user_id, bucket, node_client_id, node_server_id, \
                 raw_upload, raw_download, billed_upload, billed_download) \
             SELECT user_id, date_bin('1 hour', bucket, '2000-01-01 00:00:00+00') AS hour, \
                 node_client_id, node_server_id, sum(new_raw_upload), sum(new_raw_download), \
                 sum(new_upload), sum(new_download) \
             FROM claimed GROUP BY user_id, hour, node_client_id, node_server_id \
             ORDER BY user_id, hour, node_client_id, node_server_id \
             ON CONFLICT (user_id, bucket, node_client_id, node_server_id) DO UPDATE SET \
                 raw_upload = h.raw_upload + excluded.raw_upload, \
                 raw_download = h.raw_download + excluded.raw_download, \
                 billed_upload = h.billed_upload + excluded.billed_upload, \
                 billed_download = h.billed_download + excluded.billed_download \
         ), daily AS ( \
             INSERT INTO usage_daily AS d (user_id, bucket, node_client_id, node_server_id, \
                 raw_upload, raw_download, billed_upload, billed_download) \
             SELECT user_id, date_bin('1 day', bucket, '2000-01-01 00:00:00+00') AS day, \
                 node_client_id, node_server_id, sum(new_raw_upload), sum(new_raw_download), \
                 sum(new_upload), sum(new_download) \
             FROM claimed GROUP BY user_id, day, node_client_id, node_server_id \
             ORDER BY user_id, day, node_client_id, node_server_id \
             ON CONFLICT (user_id, bucket, node_client_id, node_server_id) DO UPDATE SET \
                 raw_upload = d.raw_upload + excluded.raw_upload, \
                 raw_download = d.raw_download + excluded.raw_download, \
                 billed_upload = d.billed_upload + excluded.billed_upload, \
                 billed_download = d.billed_download + excluded.billed_download \
         ), told AS ( \
             SELECT user_id, node_server_id, max(last_used_at) AS last_used_at, \
                 sum(new_upload) AS upload, sum(new_download) AS download \
             FROM claimed GROUP BY user_id, node_server_id, \
                 date_bin('1 hour', bucket, '2000-01-01 00:00:00+00') \
         ), events AS ( \
             INSERT INTO outbox_event (event_id, route, payload, trace_id, traceparent) \
             SELECT encode(overlay(uuid_send(gen_random_uuid()) \
                 PLACING substring(int8send((extract(epoch FROM now()) * 1000)::bigint) FROM 3) \
                 || '\\x70'::bytea FROM 1 FOR 7), 'hex')::uuid, $5, jsonb_build_object('server_id', node_server_id, \
                 'user', user_id, \
                 'billed_download', greatest(least(download - part * most, most), 0), \
                 'billed_upload', greatest(least(upload - part * most, most), 0), \
                 'time', floor(extract(epoch FROM last_used_at))::bigint), $6, $7 \
             FROM told, (VALUES (4611686018427387904::numeric)) AS v (most), \
                 generate_series(0, div(greatest(upload, download) - 1, most)) AS part \
             WHERE upload > 0 OR download > 0 \
             ORDER BY last_used_at, user_id, node_server_id, part RETURNING 1 \
         ) \
         SELECT user_id, bucket, node_client_id, node_server_id, \
             (SELECT count(*) FROM claimed) AS \"keys!\", \
             (SELECT count(*) FROM events) AS \"events!\" \
         FROM claimed \
         ORDER BY user_id, bucket, node_client_id, node_server_id LIMIT 1",
        before.user,
        before.bucket,
        before.node_client,
        before.node_server,
        USER_USAGE_BILLING,
        trace_id,
        traceparent,
    )
    .fetch_optional(transaction)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Batch {
        first: Key {
            user: row.user_id,
            bucket: row.bucket,
            node_client: row.node_client_id,
            node_server: row.node_server_id,
        },
        keys: unsigned(row.keys, "count")?,
        events: unsigned(row.events, "count")?,
    }))
}

/// Seconds for which the oldest use has waited to be billed; 0 when none waits. Of many, the first 100 000 keys are
/// looked at.
///
/// A key that is in use knows its latest use alone. But all that came before a run that succeeded is billed: what
/// waits has done so since the last of these began, at the longest, and that is what counts for a key in use.
pub async fn lag(transaction: &mut Transaction) -> Result<f64, StoreError> {
    let lag = sqlx::query_scalar!(
        "SELECT (CASE count(*) WHEN 0 THEN 0 ELSE greatest(extract(epoch FROM now() - min(p.last_used_at)), \
             extract(epoch FROM now() - (SELECT started_at FROM job_run WHERE job = $1 AND state = 'succeeded' \
             ORDER BY id DESC LIMIT 1)), 0) END)::double precision AS \"lag!\" \
         FROM (SELECT last_used_at FROM usage_quarter WHERE pending \
             ORDER BY user_id, bucket, node_client_id, node_server_id LIMIT 100000) p",
        Job::BillTraffic.as_str(),
    );
    Ok(lag.fetch_one(transaction).await?)
}
