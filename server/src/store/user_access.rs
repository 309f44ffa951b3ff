//! Statements on `user_access`: what each subscriber may use, and the versions of its changes.

use chrono::{DateTime, Utc};
use sqlx::types::Uuid;

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::access::{Access, AccessChange, DeniedUser, UserAccess};
use crate::packages::SeriesId;
use crate::users::UserId;

mod offers;

pub use offers::{offer, offers};

/// Where the transactions that change anything wake those who tell nodes.
pub const CHANNEL: &str = "telecom_access";

/// Notes what these subscribers may use if they are neither suspended nor erased, whom the transaction
/// has locked. What is as it was is not written. `traceparent` is that of the span in which this happens.
pub async fn put(
    transaction: &mut Transaction,
    accesses: &[(UserId, UserAccess)],
    traceparent: Option<&str>,
) -> Result<(), StoreError> {
    if accesses.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        ($of:expr) => {
            &accesses.iter().map($of).collect::<Vec<_>>()
        };
    }
    // Without a row there is no package: the row of one who never had any need not be made. Once it
    // is there it stays, since nodes have to be told.
    //
    // Rows are compared before they are written, which nobody else does meanwhile: one that a
    // conflict meets is locked, and that is a write, even if it stays as it is. And each is looked
    // for by itself: of a thousand PostgreSQL would rather read the whole table.
    let changed = sqlx::query!(
        "INSERT INTO user_access (user_id, access, package_series_id, speed_limit_bps, \
         valid_until, changed_at, traceparent) \
         SELECT n.user_id, n.access, n.series, n.speed, n.valid_until, clock_timestamp(), $6 \
         FROM (SELECT n.user_id, \
         CASE s.status WHEN 'active' THEN n.access ELSE s.status::text END AS access, \
         CASE s.status WHEN 'active' THEN n.series END AS series, \
         CASE s.status WHEN 'active' THEN n.speed END AS speed, \
         CASE s.status WHEN 'active' THEN n.valid_until END AS valid_until \
         FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[], $5::timestamptz[]) \
         AS n (user_id, access, series, speed, valid_until) \
         CROSS JOIN LATERAL (SELECT status FROM subscriber WHERE id = n.user_id LIMIT 1) s) n \
         LEFT JOIN LATERAL (SELECT * FROM user_access WHERE user_id = n.user_id LIMIT 1) a ON true \
         WHERE (a.access, a.package_series_id, a.speed_limit_bps, a.valid_until) \
         IS DISTINCT FROM (n.access, n.series, n.speed, n.valid_until) \
         AND (a.user_id IS NOT NULL OR n.access <> 'no_package') \
         ORDER BY n.user_id \
         ON CONFLICT (user_id) DO UPDATE SET access = excluded.access, \
         package_series_id = excluded.package_series_id, \
         speed_limit_bps = excluded.speed_limit_bps, valid_until = excluded.valid_until, \
         changed_at = excluded.changed_at, traceparent = excluded.traceparent, version = NULL",
        column!(|(user, _)| user.0),
        column!(|(_, access)| access.access.as_str()) as &[&str],
        column!(|(_, access)| access.series.map(|series| series.0)) as &[Option<i32>],
        column!(|(_, access)| speed(access)) as &[Option<i64>],
        column!(|(_, access)| access.valid_until) as &[Option<_>],
        traceparent,
    )
    .execute(&mut *transaction)
    .await?;
    if changed.rows_affected() > 0 {
        sqlx::query!("SELECT pg_notify($1, '')", CHANNEL)
            .execute(transaction)
            .await?;
    }
    Ok(())
}

fn speed(access: &UserAccess) -> Option<i64> {
    let limit = i64::try_from(access.speed_limit_bps).unwrap_or(i64::MAX);
    (limit > 0).then_some(limit)
}

/// Whether a subscriber may use nodes; `None` when there is no such subscriber.
pub async fn find(
    transaction: &mut Transaction,
    user: UserId,
) -> Result<Option<Access>, StoreError> {
    let access = sqlx::query_scalar!(
        "SELECT coalesce(a.access, 'no_package') AS \"access!\" FROM subscriber s \
         LEFT JOIN user_access a ON a.user_id = s.id WHERE s.id = $1",
        user.0,
    );
    let access = access.fetch_optional(transaction).await?;
    access.map(|access| from_stored(&access)).transpose()
}

/// Gives versions to all changes that are committed and have none; gives how many. One transaction
/// at a time does, so that a version that can be seen comes after all that could be seen before.
pub async fn give_versions(transaction: &mut Transaction) -> Result<u64, StoreError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('user_access', 0))")
        .execute(&mut *transaction)
        .await?;
    let given = sqlx::query!(
        "UPDATE user_access SET version = nextval('user_access_version') WHERE user_id IN \
         (SELECT user_id FROM user_access WHERE version IS NULL \
         LIMIT 10000 FOR UPDATE SKIP LOCKED)"
    )
    .execute(transaction)
    .await?;
    Ok(given.rows_affected())
}

/// Whether there are changes without a version.
pub async fn any_unversioned(transaction: &mut Transaction) -> Result<bool, StoreError> {
    let any = sqlx::query_scalar!(
        "SELECT EXISTS (SELECT FROM user_access WHERE version IS NULL) AS \"any!\""
    );
    Ok(any.fetch_one(transaction).await?)
}

/// The latest version; 0 when there is none.
pub async fn newest(transaction: &mut Transaction) -> Result<u64, StoreError> {
    let newest =
        sqlx::query_scalar!("SELECT coalesce(max(version), 0) AS \"newest!\" FROM user_access");
    unsigned(newest.fetch_one(transaction).await?, "version")
}

/// Changes, and how long ago the first of them was made, in seconds by the database's clock.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// By ascending version.
    pub changes: Vec<AccessChange>,
    /// Seconds.
    pub age: f64,
}

/// The changes after a version, `limit` at most.
pub async fn changes(
    transaction: &mut Transaction,
    after: u64,
    limit: u32,
) -> Result<Changes, StoreError> {
    let rows = sqlx::query!(
        "SELECT user_id, access, package_series_id, speed_limit_bps, valid_until, version AS \"version!\", \
         traceparent, \
         extract(epoch FROM clock_timestamp() - changed_at)::float8 AS \"age!\" \
         FROM user_access WHERE version > $1 ORDER BY version LIMIT $2",
        i64::try_from(after).unwrap_or(i64::MAX),
        i64::from(limit),
    )
    .fetch_all(transaction)
    .await?;
    let mut result = Changes::default();
    for row in rows {
        result.age = result.age.max(row.age);
        result.changes.push(AccessChange {
            user: UserId(row.user_id),
            access: UserAccess {
                access: from_stored(&row.access)?,
                series: row.package_series_id.map(SeriesId),
                speed_limit_bps: row.speed_limit_bps.unwrap_or_default().cast_unsigned(),
                valid_until: row.valid_until,
            },
            version: unsigned(row.version, "version")?,
            traceparent: row.traceparent,
        });
    }
    Ok(result)
}

/// Those who are granted a series, by ascending id after `after`, `limit` at most.
pub async fn granted(
    transaction: &mut Transaction,
    series: SeriesId,
    after: UserId,
    limit: u32,
) -> Result<Vec<(UserId, UserAccess)>, StoreError> {
    let rows = sqlx::query_as!(
        Granted,
        "SELECT user_id, speed_limit_bps, valid_until FROM user_access \
         WHERE access = 'granted' AND package_series_id = $1 AND user_id > $2 \
         ORDER BY user_id LIMIT $3",
        series.0,
        after.0,
        i64::from(limit),
    );
    let rows = rows.fetch_all(transaction).await?.into_iter();
    let rows = rows.map(|row| {
        let access = UserAccess {
            access: Access::Granted,
            series: Some(series),
            speed_limit_bps: row.speed_limit_bps.unwrap_or_default().cast_unsigned(),
            valid_until: row.valid_until,
        };
        (UserId(row.user_id), access)
    });
    Ok(rows.collect())
}

struct Granted {
    user_id: Uuid,
    speed_limit_bps: Option<i64>,
    valid_until: Option<DateTime<Utc>>,
}

/// Those who have been denied everything since a version and still are, the latest first, `limit` at
/// most.
pub async fn denied_since(
    transaction: &mut Transaction,
    version: u64,
    limit: u32,
) -> Result<Vec<DeniedUser>, StoreError> {
    let rows = sqlx::query!(
        "SELECT user_id, access FROM user_access WHERE version > $1 AND access <> 'granted' \
         ORDER BY version DESC LIMIT $2",
        i64::try_from(version).unwrap_or(i64::MAX),
        i64::from(limit),
    );
    let rows = rows.fetch_all(transaction).await?.into_iter();
    rows.map(|row| denied(row.user_id, &row.access)).collect()
}

fn denied(user: Uuid, access: &str) -> Result<DeniedUser, StoreError> {
    Ok(DeniedUser {
        user: UserId(user),
        reason: from_stored(access)?,
    })
}

pub(super) fn from_stored(access: &str) -> Result<Access, StoreError> {
    Access::from_name(access).ok_or(StoreError::Corrupt("access"))
}
