//! Statements on `queued_package`: reading them, and adding one.
//!
//! Who changes a subscriber's queue holds the lock on the subscriber ([`super::subscribers::lock`]).

mod due;
mod row;
mod save;

use chrono::{DateTime, Utc};

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::packages::{
    OrderLine, PackageId, QueuedPackage, QueuedPackageId, QueuedPackageStatus, SeriesId, Terms,
};
use crate::users::UserId;

pub use due::{Due, Waiting, due};
use row::Row;
pub use save::save;

macro_rules! rows {
    ($rest:literal $(+ $more:literal)*, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT q.id, q.user_id, q.package_id, p.package_series_id, q.order_id, q.line, \
             q.quota_kind::text AS \"quota_kind!\", q.quota_bytes, q.duration_seconds, \
             q.duration_months, q.monthly_reset, q.speed_limit_bps, q.priority, \
             q.status::text AS \"status!\", q.enqueued_at, q.active_from, q.expires_at, \
             q.ended_at, q.end_reason, q.charged, q.overage, q.period_charged, \
             q.next_reset_at, q.warned_percent, q.warned_expiry, q.revision \
             FROM queued_package q JOIN package p ON p.id = q.package_id "
                + $rest $(+ $more)*,
            $($argument),+
        )
    };
}

/// Which queued packages; all conditions hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this subscriber.
    pub user: Option<UserId>,
    /// Of this order.
    pub order: Option<String>,
    /// Of this package.
    pub package: Option<PackageId>,
    /// With this status.
    pub status: Option<QueuedPackageStatus>,
}

/// A package that goes into a queue.
#[derive(Debug, Clone)]
pub struct NewQueuedPackage<'a> {
    /// Whose it is.
    pub user: UserId,
    /// What was bought.
    pub package: PackageId,
    /// With which order.
    pub order: &'a OrderLine,
    /// What is promised.
    pub terms: Terms,
    /// Higher goes first.
    pub priority: i32,
    /// When.
    pub enqueued_at: DateTime<Utc>,
}

/// Lists one page by ascending id, and how many there are over all pages.
pub async fn list(
    transaction: &mut Transaction,
    filter: &Filter,
    limit: u32,
    offset: u32,
) -> Result<(Vec<QueuedPackage>, u64), StoreError> {
    let user = filter.user.map(|user| user.0);
    let order = filter.order.as_deref();
    let package = filter.package.map(|package| package.0);
    let status = filter.status.map(QueuedPackageStatus::as_str);
    let (limit, offset) = (i64::from(limit), i64::from(offset));
    // The condition that narrows most stands alone, so that a plan made once for all values has
    // its index.
    macro_rules! page {
        ($narrow:literal) => {{
            let total = sqlx::query_scalar!(
                "SELECT count(*) AS \"count!\" FROM queued_package q WHERE "
                    + $narrow
                    + " AND ($1::uuid IS NULL OR q.user_id = $1) \
                       AND ($2::text IS NULL OR q.order_id = $2) \
                       AND ($3::integer IS NULL OR q.package_id = $3) \
                       AND ($4::text IS NULL OR q.status = $4::text::queued_package_status)",
                user,
                order,
                package,
                status,
            );
            let rows = rows!(
                "WHERE "
                    + $narrow
                    + " AND ($1::uuid IS NULL OR q.user_id = $1) \
                       AND ($2::text IS NULL OR q.order_id = $2) \
                       AND ($3::integer IS NULL OR q.package_id = $3) \
                       AND ($4::text IS NULL OR q.status = $4::text::queued_package_status) \
                       ORDER BY q.id LIMIT $5 OFFSET $6",
                user,
                order,
                package,
                status,
                limit,
                offset,
            );
            let total = total.fetch_one(&mut *transaction).await?;
            (total, rows.fetch_all(transaction).await?)
        }};
    }
    let (total, rows) = if user.is_some() {
        page!("q.user_id = $1")
    } else if order.is_some() {
        page!("q.order_id = $2")
    } else if package.is_some() {
        page!("q.package_id = $3")
    } else if status.is_some() {
        page!("q.status = $4::text::queued_package_status")
    } else {
        let total = sqlx::query_scalar!("SELECT count(*) AS \"count!\" FROM queued_package");
        let rows = rows!("ORDER BY q.id LIMIT $1 OFFSET $2", limit, offset);
        let total = total.fetch_one(&mut *transaction).await?;
        (total, rows.fetch_all(transaction).await?)
    };
    let total = unsigned(total, "count")?;
    let packages = rows.into_iter().map(QueuedPackage::try_from);
    Ok((packages.collect::<Result<_, _>>()?, total))
}

/// One queued package.
pub async fn find(
    transaction: &mut Transaction,
    id: QueuedPackageId,
) -> Result<Option<QueuedPackage>, StoreError> {
    let row = rows!("WHERE q.id = $1", id.0).fetch_optional(transaction);
    row.await?.map(QueuedPackage::try_from).transpose()
}

/// All packages of a subscriber with greater ids, by ascending id.
pub async fn of_user(
    transaction: &mut Transaction,
    user: UserId,
    after: i64,
    limit: u32,
) -> Result<Vec<QueuedPackage>, StoreError> {
    let rows = rows!(
        "WHERE q.user_id = $1 AND q.id > $2 ORDER BY q.id LIMIT $3",
        user.0,
        after,
        i64::from(limit),
    );
    let rows = rows.fetch_all(transaction).await?;
    rows.into_iter().map(QueuedPackage::try_from).collect()
}

/// The open packages of subscribers.
pub async fn open(
    transaction: &mut Transaction,
    users: &[UserId],
) -> Result<Vec<QueuedPackage>, StoreError> {
    let users: Vec<_> = users.iter().map(|user| user.0).collect();
    // PostgreSQL is not to know how many there are: it would read the whole table for a thousand.
    let rows = rows!(
        "WHERE q.user_id = ANY (ARRAY(SELECT unnest($1::uuid[]))) \
         AND q.status IN ('queued', 'active')",
        &users,
    )
    .fetch_all(transaction)
    .await?;
    rows.into_iter().map(QueuedPackage::try_from).collect()
}

/// The packages of subscribers that were active at a moment and have ended since, or later.
pub async fn ended_after(
    transaction: &mut Transaction,
    moments: &[(UserId, DateTime<Utc>)],
) -> Result<Vec<QueuedPackage>, StoreError> {
    let (users, moments): (Vec<_>, Vec<_>) = moments.iter().map(|(u, at)| (u.0, *at)).unzip();
    let rows = rows!(
        "JOIN unnest($1::uuid[], $2::timestamptz[]) AS m (user_id, at) \
         ON m.user_id = q.user_id AND q.ended_at > m.at \
         WHERE q.active_from IS NOT NULL AND q.user_id = ANY (ARRAY(SELECT unnest($1::uuid[])))",
        &users,
        &moments,
    );
    let rows = rows.fetch_all(transaction).await?;
    rows.into_iter().map(QueuedPackage::try_from).collect()
}

/// The queued package that a line of an order became.
pub async fn of_order(
    transaction: &mut Transaction,
    order: &OrderLine,
) -> Result<Option<QueuedPackageId>, StoreError> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM queued_package WHERE order_id = $1 AND line = $2",
        order.order,
        order.line.cast_signed(),
    )
    .fetch_optional(transaction)
    .await?;
    Ok(id.map(QueuedPackageId))
}

/// Whether a line of an order is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is; it became this queued package.
    New(QueuedPackageId),
    /// It became this one before.
    Before(QueuedPackageId),
}

/// Adds a package that waits, and gives it its number. Waits for another transaction that has just
/// added the same line of the order.
pub async fn insert(
    transaction: &mut Transaction,
    new: &NewQueuedPackage<'_>,
) -> Result<Inserted, StoreError> {
    let terms = new.terms;
    let id = sqlx::query_scalar!(
        "INSERT INTO queued_package (user_id, package_id, order_id, line, quota_kind, \
         quota_bytes, duration_seconds, duration_months, monthly_reset, speed_limit_bps, \
         priority, status, enqueued_at) \
         VALUES ($1, $2, $3, $4, $5::text::quota_kind, $6, $7, $8, $9, nullif($10::bigint, 0), \
         $11, 'queued', $12) ON CONFLICT (order_id, line) DO NOTHING RETURNING id",
        new.user.0,
        new.package.0,
        new.order.order,
        new.order.line.cast_signed(),
        terms.quota.kind().as_str(),
        terms.quota.bytes().map(u64::cast_signed),
        terms.duration.seconds().map(u64::cast_signed),
        terms.duration.months().map(u32::cast_signed),
        terms.quota.monthly_reset(),
        terms.speed_limit_bps.cast_signed(),
        new.priority,
        new.enqueued_at,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    if let Some(id) = id {
        return Ok(Inserted::New(QueuedPackageId(id)));
    }
    // Rows are never removed: what was in the way is there.
    let before = of_order(transaction, new.order).await?;
    before
        .map(Inserted::Before)
        .ok_or(StoreError::Corrupt("order_id"))
}

/// How many there are by series and status, of those that occur.
pub async fn count(
    transaction: &mut Transaction,
    series: Option<SeriesId>,
    status: Option<QueuedPackageStatus>,
) -> Result<Vec<(SeriesId, QueuedPackageStatus, u64)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT p.package_series_id, q.status::text AS \"status!\", \
         sum(q.count)::bigint AS \"count!\" \
         FROM (SELECT package_id, status, count(*) FROM queued_package \
               WHERE $2::text IS NULL OR status = $2::text::queued_package_status \
               GROUP BY package_id, status) q \
         JOIN package p ON p.id = q.package_id \
         WHERE $1::integer IS NULL OR p.package_series_id = $1 \
         GROUP BY p.package_series_id, q.status ORDER BY p.package_series_id, q.status",
        series.map(|series| series.0),
        status.map(QueuedPackageStatus::as_str),
    )
    .fetch_all(transaction)
    .await?;
    let counts = rows.into_iter().map(|row| {
        let status = row::status(&row.status)?;
        let count = unsigned(row.count, "count")?;
        Ok((SeriesId(row.package_series_id), status, count))
    });
    counts.collect()
}

/// How many are open by the name of their series and status, those of all series; 0 where there is
/// none.
pub async fn count_open(
    transaction: &mut Transaction,
) -> Result<Vec<(String, QueuedPackageStatus, i64)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT s.name, t.status::text AS \"status!\", \
         coalesce(sum(q.count), 0)::bigint AS \"count!\" \
         FROM package_series s \
         CROSS JOIN unnest(ARRAY['queued', 'active']::queued_package_status[]) AS t (status) \
         LEFT JOIN package p ON p.package_series_id = s.id \
         LEFT JOIN (SELECT package_id, status, count(*) FROM queued_package \
                    WHERE status IN ('queued', 'active') GROUP BY package_id, status) q \
         ON q.package_id = p.id AND q.status = t.status \
         GROUP BY s.name, t.status",
    )
    .fetch_all(transaction)
    .await?;
    rows.into_iter()
        .map(|row| Ok((row.name, row::status(&row.status)?, row.count)))
        .collect()
}

/// The database's clock now, not at the begin of the transaction: after a wait for a lock, what
/// happens does not happen before what the other transaction did.
pub async fn now(transaction: &mut Transaction) -> Result<DateTime<Utc>, StoreError> {
    let now = sqlx::query_scalar!("SELECT clock_timestamp() AS \"now!\"");
    Ok(now.fetch_one(transaction).await?)
}
