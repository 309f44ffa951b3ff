//! A hundred thousand subscribers with a package each, as if they had been sold one by one.

use anyhow::Result;
use sqlx::PgPool;

/// Subscribers.
pub const SUBSCRIBERS: i64 = 100_000;
/// Families of packages, numbered from 1, with as many subscribers each.
pub const SERIES: usize = 20;

/// Whether subscribers have something in their queues beside the active package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another package.
    Waits,
    /// Nothing: when the quota is used up, access ends.
    Nothing,
}

/// Makes the subscribers. Each has an active package of so many bytes, one that has ended, and maybe one
/// that waits; their ids are in no order.
pub async fn open(pool: &PgPool, quota: i64, next: Next) -> Result<()> {
    for statement in STATEMENTS {
        sqlx::query(statement).execute(pool).await?;
    }
    let queues = sqlx::query(QUEUES).bind(quota).bind(SUBSCRIBERS);
    let queues = queues.bind(if next == Next::Waits { 3 } else { 2 });
    queues.execute(pool).await?;
    sqlx::query(ACCESS).execute(pool).await?;
    sqlx::query("VACUUM ANALYZE").execute(pool).await?;
    Ok(())
}

const STATEMENTS: [&str; 3] = [
    "INSERT INTO package_series (name, description, display_order) \
     SELECT 'series ' || n, '', n FROM generate_series(1, 20) n",
    "INSERT INTO package (package_series_id, name, description, quota_kind, quota_bytes, \
     duration_months, monthly_reset) \
     SELECT id, 'package', '', 'total', 1000000000000, 1, false FROM package_series ORDER BY id",
    "INSERT INTO subscriber (id, time_zone, metadata) \
     SELECT md5(n::text)::uuid, 'Europe/Berlin', '{}' FROM generate_series(1, 100000) n",
];

const QUEUES: &str = "INSERT INTO queued_package (user_id, package_id, order_id, line, quota_kind, quota_bytes, \
     duration_months, monthly_reset, priority, status, enqueued_at, active_from, expires_at, ended_at) \
     SELECT md5(n::text)::uuid, 1 + n % 20, 'order-' || n, line, 'total', $1, 1, false, 0, \
     (ARRAY['expired', 'active', 'queued'])[line]::queued_package_status, now() - interval '50 days', \
     CASE line WHEN 1 THEN now() - interval '40 days' WHEN 2 THEN now() - interval '10 days' END, \
     CASE line WHEN 1 THEN now() - interval '10 days' WHEN 2 THEN now() + interval '20 days' END, \
     CASE line WHEN 1 THEN now() - interval '10 days' END \
     FROM generate_series(1, $2::bigint) n, generate_series(1, $3) line";

const ACCESS: &str = "INSERT INTO user_access (user_id, access, package_series_id, valid_until, changed_at, version) \
     SELECT q.user_id, 'granted', p.package_series_id, now() + interval '50 days', now(), \
     nextval('user_access_version') FROM queued_package q JOIN package p ON p.id = q.package_id \
     WHERE q.status = 'active'";
