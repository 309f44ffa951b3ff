//! Statements on `pbx_state`: what each PBX said last of the moment.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::pbxs::{PbxId, PbxReport, PbxState, QueueState, StateSource};

/// Puts what a PBX says in the place of what it said before; gives the moment until which it holds.
pub async fn put(
    transaction: &mut Transaction,
    pbx: PbxId,
    source: StateSource,
    report: &PbxReport,
) -> Result<DateTime<Utc>, StoreError> {
    Ok(sqlx::query_scalar!(
        "INSERT INTO pbx_state (pbx_id, source, active_calls, version, queues, reported_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, now(), now() + $6::bigint * interval '1 microsecond') \
         ON CONFLICT (pbx_id) DO UPDATE SET source = excluded.source, \
         active_calls = excluded.active_calls, version = excluded.version, queues = excluded.queues, \
         reported_at = excluded.reported_at, expires_at = excluded.expires_at RETURNING expires_at",
        pbx.0,
        source.as_str(),
        report.active_calls.cast_signed(),
        report.version,
        Json(&report.queues) as _,
        i64::try_from(report.ttl.as_micros()).unwrap_or(i64::MAX),
    )
    .fetch_one(transaction)
    .await?)
}

/// What a PBX said last.
pub async fn find(
    transaction: &mut Transaction,
    pbx: PbxId,
) -> Result<Option<PbxState>, StoreError> {
    let row = sqlx::query!(
        "SELECT active_calls, version, reported_at, expires_at FROM pbx_state WHERE pbx_id = $1",
        pbx.0,
    );
    let row = row.fetch_optional(transaction).await?;
    row.map(|row| {
        Ok(PbxState {
            active_calls: unsigned(row.active_calls, "active_calls")?,
            version: row.version,
            reported_at: row.reported_at,
            expires_at: row.expires_at,
        })
    })
    .transpose()
}

/// What a PBX says of the moment, as far as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivePbx {
    /// Calls that are going on.
    pub active_calls: u32,
    /// The version of the PBX; may be empty.
    pub version: String,
    /// Its queues.
    pub queues: Vec<QueueState>,
    /// How long it holds from now on.
    pub remaining: Duration,
}

/// A PBX to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which one.
    pub pbx: PbxId,
    /// Where.
    pub health_url: String,
}

/// What a PBX has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// Which one.
    pub pbx: PbxId,
    /// Calls that are going on.
    pub active_calls: u32,
    /// Its version; may be empty, at most 100 characters.
    pub version: String,
}

/// "telecom" and a number: the advisory lock of whoever asks PBXs, in the space of the database.
const POLLING: i64 = 0x7465_6c65_636f_0003;

/// What holds of what PBXs have said.
pub async fn live(transaction: &mut Transaction) -> Result<Vec<LivePbx>, StoreError> {
    let rows = sqlx::query!(
        "SELECT active_calls, version, queues AS \"queues: Json<Vec<QueueState>>\", \
         (extract(epoch FROM expires_at - now()) * 1000)::bigint AS \"remaining!\" \
         FROM pbx_state WHERE expires_at > now()"
    );
    let rows = rows.fetch_all(transaction).await?;
    let rows = rows.into_iter().map(|row| {
        Ok(LivePbx {
            active_calls: unsigned(row.active_calls, "active_calls")?,
            version: row.version,
            queues: row.queues.0,
            remaining: Duration::from_millis(unsigned(row.remaining, "remaining")?),
        })
    });
    rows.collect()
}

/// Whether nobody else asks PBXs until the transaction ends.
pub async fn lock_polling(transaction: &mut Transaction) -> Result<bool, StoreError> {
    Ok(
        sqlx::query_scalar!("SELECT pg_try_advisory_xact_lock($1) AS \"free!\"", POLLING)
            .fetch_one(transaction)
            .await?,
    )
}

/// PBXs that can be asked: which do not say themselves how they are, and whose last answer is older than this.
pub async fn due(transaction: &mut Transaction, older: Duration) -> Result<Vec<Due>, StoreError> {
    let rows = sqlx::query!(
        "SELECT p.id, p.health_url FROM pbx p LEFT JOIN pbx_state s ON s.pbx_id = p.id \
         WHERE p.health_url <> '' AND (s.pbx_id IS NULL OR s.expires_at <= now() \
             OR s.source = 'poll' AND s.reported_at <= now() - $1::bigint * interval '1 microsecond') \
         ORDER BY s.reported_at NULLS FIRST, p.id",
        i64::try_from(older.as_micros()).unwrap_or(i64::MAX),
    );
    let rows = rows.fetch_all(transaction).await?;
    let due = rows.into_iter().map(|row| Due {
        pbx: PbxId(row.id),
        health_url: row.health_url,
    });
    Ok(due.collect())
}

/// Puts answers in the place of what was said before, unless the PBX has said something itself meanwhile.
pub async fn put_polled(
    transaction: &mut Transaction,
    polled: &[Polled],
    holds: Duration,
) -> Result<(), StoreError> {
    let pbxs: Vec<_> = polled.iter().map(|one| one.pbx.0).collect();
    let calls = polled.iter().map(|one| i32::try_from(one.active_calls));
    let calls: Vec<_> = calls.map(|calls| calls.unwrap_or(i32::MAX)).collect();
    let versions: Vec<_> = polled.iter().map(|one| one.version.clone()).collect();
    sqlx::query!(
        "INSERT INTO pbx_state (pbx_id, source, active_calls, version, queues, reported_at, expires_at) \
         SELECT p.id, 'poll', u.calls, u.version, '[]', clock_timestamp(), \
             clock_timestamp() + $4::bigint * interval '1 microsecond' \
         FROM unnest($1::int[], $2::int[], $3::text[]) AS u (id, calls, version) JOIN pbx p ON p.id = u.id \
         ON CONFLICT (pbx_id) DO UPDATE SET source = excluded.source, \
         active_calls = excluded.active_calls, version = excluded.version, queues = excluded.queues, \
         reported_at = excluded.reported_at, expires_at = excluded.expires_at \
         WHERE pbx_state.source = 'poll' OR pbx_state.expires_at <= now()",
        &pbxs,
        &calls,
        &versions,
        i64::try_from(holds.as_micros()).unwrap_or(i64::MAX),
    )
    .execute(transaction)
    .await?;
    Ok(())
}
