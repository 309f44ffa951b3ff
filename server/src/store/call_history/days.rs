//! Records by when they were stored.

use chrono::{DateTime, Days, Utc};
use sqlx::types::Json;

use super::rows;
use crate::calls::KeptCall;
use crate::exports::CallCursor;
use crate::store::{StoreError, Transaction};

/// A record begins so long before it is stored at most, and so long after: ingest takes no others.
const BEFORE: Days = Days::new(8);
const AFTER: Days = Days::new(2);

/// The beginning of the first day of UTC in which a record may still be stored.
///
/// A record bears the time at which its transaction began, and shows when that ends. So a day is over when no
/// transaction is left that began in it, whoever's it is: those of other users of the database show no times unless
/// the server may see them, so five minutes pass in any case.
pub async fn open_since(transaction: &mut Transaction) -> Result<DateTime<Utc>, StoreError> {
    let open = sqlx::query_scalar!(
        "SELECT date_trunc('day', least(now() - interval '5 minutes', min(xact_start)), 'UTC') AS \"open!\" \
         FROM pg_stat_activity \
         WHERE datname = current_database() AND backend_type = 'client backend'",
    );
    Ok(open.fetch_one(transaction).await?)
}

/// The first records after a cursor that were stored before `until`, by the time of storing, then key.
pub async fn stored(
    transaction: &mut Transaction,
    after: &CallCursor,
    until: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<KeptCall>, StoreError> {
    // The bounds on the start let PostgreSQL leave out partitions.
    let rows = rows!(
        "WHERE stored_at >= $1 AND stored_at < $2 \
         AND (stored_at, start_time, pbx_id, call_id) > ($1, $3, $4, $5) \
         AND start_time >= $6 AND start_time < $7 \
         ORDER BY stored_at, start_time, pbx_id, call_id LIMIT $8",
        after.stored_at,
        until,
        after.key.start_time,
        after.key.pbx.0,
        after.key.call_id,
        after.stored_at - BEFORE,
        until + AFTER,
        i64::from(limit),
    );
    let rows = rows.fetch_all(transaction).await?.into_iter();
    rows.map(KeptCall::try_from).collect()
}
