//! Statements that sum what a subscriber used, over the tables of usage.

use chrono::{DateTime, TimeDelta, Utc};

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::nodes::NodeClientId;
use crate::packages::Traffic;
use crate::usage::{Buckets, RecentTrafficUsage, TrafficBucket, UsuallyUsedNode};
use crate::users::UserId;

/// What a subscriber used, by bucket.
///
/// Hours of UTC are taken as they are, but for those in whose midst a bucket begins: of these the
/// quarters of an hour. What was reported and has not reached the sums by the hour yet is added from
/// the quarters as well, so that raw traffic is complete at any moment.
pub async fn by_bucket(
    transaction: &mut Transaction,
    user: UserId,
    buckets: &Buckets,
) -> Result<RecentTrafficUsage, StoreError> {
    let split = buckets.split_hours();
    let rows = sqlx::query!(
        "WITH part AS ( \
             SELECT bucket, raw_upload, raw_download, billed_upload, billed_download, \
                 NULL::timestamptz AS waits \
             FROM usage_hourly \
             WHERE user_id = $1 AND bucket >= $2 AND bucket <= $3 AND bucket <> ALL ($4) \
             UNION ALL \
             SELECT q.bucket, q.raw_upload, q.raw_download, q.billed_upload, q.billed_download, \
                 CASE WHEN q.pending THEN q.bucket END \
             FROM unnest($4::timestamptz[]) AS split (hour) JOIN usage_quarter q \
                 ON q.bucket >= split.hour AND q.bucket < split.hour + interval '1 hour' \
             WHERE q.user_id = $1 AND q.bucket >= $2 AND q.bucket <= $3 \
             UNION ALL \
             SELECT bucket, raw_upload - rolled_upload, raw_download - rolled_download, 0, 0, bucket \
             FROM usage_quarter \
             WHERE user_id = $1 AND bucket >= $2 AND bucket <= $3 AND pending \
             AND date_bin('1 hour', bucket, '2000-01-01 00:00:00+00') <> ALL ($4) \
         ) \
         SELECT width_bucket(bucket, $5) AS \"place!\", \
             least(sum(raw_upload), 9223372036854775807)::bigint AS \"raw_upload!\", \
             least(sum(raw_download), 9223372036854775807)::bigint AS \"raw_download!\", \
             least(sum(billed_upload), 9223372036854775807)::bigint AS \"billed_upload!\", \
             least(sum(billed_download), 9223372036854775807)::bigint AS \"billed_download!\", \
             min(waits) AS waits \
         FROM part GROUP BY 1",
        user.0,
        buckets.start(),
        buckets.now(),
        &split,
        buckets.starts(),
    )
    .fetch_all(transaction)
    .await?;
    let mut usage = RecentTrafficUsage::none(buckets);
    for row in rows {
        let place: usize = unsigned(row.place, "place")?;
        let bucket = place
            .checked_sub(1)
            .and_then(|at| usage.buckets.get_mut(at));
        let bucket = bucket.ok_or(StoreError::Corrupt("place"))?;
        *bucket = TrafficBucket {
            start: bucket.start,
            raw: Traffic {
                upload: unsigned(row.raw_upload, "raw_upload")?,
                download: unsigned(row.raw_download, "raw_download")?,
            },
            billed: Traffic {
                upload: unsigned(row.billed_upload, "billed_upload")?,
                download: unsigned(row.billed_download, "billed_download")?,
            },
        };
        if let Some(waits) = row.waits {
            usage.billed_through = usage.billed_through.min(waits);
        }
    }
    Ok(usage)
}

/// Days of UTC that count for what is usual, today included.
const USUAL_DAYS: TimeDelta = TimeDelta::days(30);

/// The node clients that a subscriber used most in the last 30 days, `limit` at most: by the sum of
/// both directions, then by number.
pub async fn usual_nodes(
    transaction: &mut Transaction,
    user: UserId,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<UsuallyUsedNode>, StoreError> {
    let rows = sqlx::query!(
        "SELECT u.node_client_id AS \"id!\", coalesce(c.name, '') AS \"name!\", \
             least(u.upload, 9223372036854775807)::bigint AS \"upload!\", \
             least(u.download, 9223372036854775807)::bigint AS \"download!\", \
             least(u.billed, 9223372036854775807)::bigint AS \"billed!\" \
         FROM (SELECT node_client_id, sum(raw_upload) AS upload, sum(raw_download) AS download, \
                 sum(billed_upload + billed_download) AS billed \
             FROM usage_daily WHERE user_id = $1 AND bucket > $2 AND bucket <= $3 \
             GROUP BY 1 HAVING sum(raw_upload + raw_download) > 0 \
             ORDER BY sum(raw_upload + raw_download) DESC, 1 LIMIT $4) u \
         LEFT JOIN node_client c ON c.id = u.node_client_id \
         ORDER BY u.upload + u.download DESC, 1",
        user.0,
        now - USUAL_DAYS,
        now,
        i64::from(limit),
    )
    .fetch_all(transaction)
    .await?;
    let nodes = rows.into_iter().map(|row| {
        Ok(UsuallyUsedNode {
            node_client: NodeClientId(row.id),
            name: row.name,
            traffic: Traffic {
                upload: unsigned(row.upload, "upload")?,
                download: unsigned(row.download, "download")?,
            },
            billed: unsigned(row.billed, "billed")?,
        })
    });
    nodes.collect()
}
