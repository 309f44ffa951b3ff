//! Thirty days of usage: every subscriber uses something in every hour. Written as time went by, hour
//! after hour, so that the rows of one subscriber lie as far apart as they do at a provider's.

use anyhow::Result;
use futures::future::try_join;
use sqlx::PgPool;
use uuid::Uuid;

/// Hours that are filled.
const HOURS: i32 = 720;
/// Hours of which the quarters are filled, back from now: a day by whatever clocks.
const QUARTER_HOURS: i32 = 26;
/// Rows of a subscriber: hours, quarters of the last ones and of the hour in which a day of Kathmandu
/// begins, days.
const ROWS_EACH: u64 = 720 + 26 * 4 + 30 * 4 + 31;

/// Makes so many rows, roughly; gives the subscribers.
pub async fn fill(pool: &PgPool, rows: u64) -> Result<Vec<Uuid>> {
    let users = i64::try_from(rows / ROWS_EACH)?.max(4000);
    sqlx::query(
        "INSERT INTO subscriber (id, time_zone, metadata) \
         SELECT md5(n::text)::uuid, 'UTC', '{}' FROM generate_series(1, $1) n ORDER BY 1",
    )
    .bind(users)
    .execute(pool)
    .await?;
    sqlx::raw_sql(PARTITIONS).execute(pool).await?;
    try_join(hours(pool), quarters_and_days(pool)).await?;
    sqlx::query("VACUUM ANALYZE").execute(pool).await?;
    sqlx::query("CHECKPOINT").execute(pool).await?;
    let ids = sqlx::query_scalar("SELECT id FROM subscriber ORDER BY md5(id::text)");
    Ok(ids.fetch_all(pool).await?)
}

async fn hours(pool: &PgPool) -> Result<()> {
    for ago in (0..=HOURS).rev() {
        sqlx::query(HOUR).bind(ago).execute(pool).await?;
    }
    Ok(())
}

async fn quarters_and_days(pool: &PgPool) -> Result<()> {
    for days in (0..=30).rev() {
        sqlx::query(DAY).bind(days).execute(pool).await?;
    }
    // 18:15 of UTC is midnight in Kathmandu.
    let edges = "SELECT h FROM generate_series(0, $1) h WHERE h <= $2 OR \
                 extract(hour FROM now() AT TIME ZONE 'UTC' - h * interval '1 hour') = 18 ORDER BY h DESC";
    let edges = sqlx::query_scalar::<_, i32>(edges)
        .bind(HOURS)
        .bind(QUARTER_HOURS);
    for ago in edges.fetch_all(pool).await? {
        sqlx::query(QUARTERS).bind(ago).execute(pool).await?;
    }
    Ok(())
}

/// The server makes partitions for what may still be reported; what lies before them is made here.
const PARTITIONS: &str = "DO $$ \
DECLARE start timestamptz; kind text; step interval; \
BEGIN \
    FOR kind, step, start IN \
        SELECT 'usage_quarter', interval '1 day', d FROM generate_series(date_trunc('day', now(), 'UTC') \
            - interval '32 days', now(), '1 day') d \
        UNION ALL \
        SELECT t, interval '1 month', m FROM unnest(ARRAY['usage_hourly', 'usage_daily']) t, \
            generate_series(date_trunc('month', now(), 'UTC') - interval '2 months', now(), '1 month') m \
    LOOP \
        BEGIN \
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', kind || to_char(start, '_\"old\"YYYYMMDD'), kind); \
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', kind, \
                kind || to_char(start, '_\"old\"YYYYMMDD'), start, start + step); \
        EXCEPTION WHEN invalid_object_definition THEN NULL; \
        END; \
    END LOOP; \
END $$";

const HOUR: &str = "INSERT INTO usage_hourly (user_id, bucket, node_client_id, node_server_id, raw_upload, \
    raw_download, billed_upload, billed_download) \
    SELECT id, date_trunc('hour', now(), 'UTC') - $1 * interval '1 hour', 1 + $1 % 7, 1 + $1 % 7, 12345, 6789012, \
    18517, 10183518 FROM subscriber ORDER BY id";

const DAY: &str = "INSERT INTO usage_daily (user_id, bucket, node_client_id, node_server_id, raw_upload, \
    raw_download, billed_upload, billed_download) \
    SELECT id, date_trunc('day', now(), 'UTC') - $1 * interval '1 day', 1 + $1 % 7, 1 + $1 % 7, 296280, 162936288, \
    444408, 244404432 FROM subscriber ORDER BY id";

const QUARTERS: &str = "INSERT INTO usage_quarter (user_id, bucket, node_client_id, node_server_id, raw_upload, \
    raw_download, factored_upload, factored_download, billed_upload, billed_download, last_used_at, \
    rolled_upload, rolled_download) \
    SELECT id, date_trunc('hour', now(), 'UTC') - $1 * interval '1 hour' + q * interval '15 minutes', \
    1 + $1 % 7, 1 + $1 % 7, 3086, 1697253, 4629, 2545879.5, 4629, 2545879, \
    date_trunc('hour', now(), 'UTC') - $1 * interval '1 hour' + q * interval '15 minutes', 3086, 1697253 \
    FROM generate_series(0, 3) q, subscriber ORDER BY q, id";
