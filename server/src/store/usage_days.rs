//! Statements that read what everybody used in whole days.

use chrono::{DateTime, Utc};

use super::{StoreError, Transaction};
use crate::exports::{DailySum, ExportDays, UsageCursor, midnight};
use crate::nodes::{NodeClientId, NodeServerId};
use crate::users::UserId;

/// The beginning of the first of the days whose sums may still change, if any; else of a later one.
///
/// Reports are taken 7 days late, and what is taken is added to the sums when it is billed. One day more is for
/// transactions that take their time.
pub async fn open_since(
    transaction: &mut Transaction,
    days: ExportDays,
) -> Result<DateTime<Utc>, StoreError> {
    let open = sqlx::query_scalar!(
        "SELECT date_trunc('day', least(now() - interval '192 hours', min(bucket)), 'UTC') AS \"open!\" \
         FROM usage_quarter WHERE bucket >= $1 AND bucket < $2 AND pending",
        days.start(),
        days.end(),
    );
    Ok(open.fetch_one(transaction).await?)
}

/// The first sums of a day after a cursor, by subscriber, then node client, then node server.
pub async fn sums(
    transaction: &mut Transaction,
    after: UsageCursor,
    limit: u32,
) -> Result<Vec<DailySum>, StoreError> {
    let rows = sqlx::query!(
        "SELECT user_id, node_client_id, node_server_id, \
             raw_upload::text AS \"raw_upload!\", raw_download::text AS \"raw_download!\", \
             billed_upload::text AS \"billed_upload!\", \
             billed_download::text AS \"billed_download!\" \
         FROM usage_daily \
         WHERE bucket = $1 AND user_id >= $2 AND (user_id, node_client_id, node_server_id) > ($2, $3, $4) \
         ORDER BY user_id, node_client_id, node_server_id LIMIT $5",
        midnight(after.day),
        after.user.0,
        after.node_client,
        after.node_server,
        i64::from(limit),
    );
    let rows = rows.fetch_all(transaction).await?.into_iter();
    Ok(rows
        .map(|row| DailySum {
            day: after.day,
            user: UserId(row.user_id),
            node_client: NodeClientId(row.node_client_id),
            node_server: NodeServerId(row.node_server_id),
            raw: [row.raw_upload, row.raw_download],
            billed: [row.billed_upload, row.billed_download],
        })
        .collect())
}
