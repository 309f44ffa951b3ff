//! Statements on `subscriber`.
//!
//! The row is also the lock of everything that belongs to the subscriber: who changes their queue
//! holds it. Whoever needs several takes them by ascending id.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::{Json, Uuid};

use super::number::unsigned;
use super::{StoreError, Transaction, user_access};
use crate::access::Access;
use crate::revision::Revision;
use crate::users::{TimeZone, User, UserId, UserProfile, UserStatus};

/// The constraint that keeps ids unique.
pub const UNIQUE_ID: &str = "subscriber_pkey";

macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT id, status::text AS \"status!\", status_reason, time_zone, \
             metadata AS \"metadata: Json<BTreeMap<String, String>>\", revision, created_at, \
             updated_at FROM subscriber "
                + $rest,
            $($argument),+
        )
    };
}

/// A page of subscribers.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only those with this status.
    pub status: Option<UserStatus>,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// Lists one page by registration, then id, and how many there are over all pages.
pub async fn list(
    transaction: &mut Transaction,
    page: Page,
) -> Result<(Vec<User>, u64), StoreError> {
    let (limit, offset) = (i64::from(page.limit), i64::from(page.offset));
    // Two statements, so that each has its index.
    let (total, rows) = if let Some(status) = page.status {
        let total = sqlx::query_scalar!(
            "SELECT count(*) AS \"count!\" FROM subscriber \
             WHERE status = $1::text::subscriber_status",
            status.as_str(),
        );
        let rows = rows!(
            "WHERE status = $1::text::subscriber_status \
             ORDER BY created_at, id LIMIT $2 OFFSET $3",
            status.as_str(),
            limit,
            offset,
        );
        let total = total.fetch_one(&mut *transaction).await?;
        (total, rows.fetch_all(transaction).await?)
    } else {
        let total = sqlx::query_scalar!("SELECT count(*) AS \"count!\" FROM subscriber");
        let rows = rows!("ORDER BY created_at, id LIMIT $1 OFFSET $2", limit, offset);
        let total = total.fetch_one(&mut *transaction).await?;
        (total, rows.fetch_all(transaction).await?)
    };
    let users = rows.into_iter().map(User::try_from);
    let total = unsigned(total, "count")?;
    Ok((users.collect::<Result<_, _>>()?, total))
}

/// One subscriber.
pub async fn find(transaction: &mut Transaction, id: UserId) -> Result<Option<User>, StoreError> {
    rows!("WHERE id = $1", id.0)
        .fetch_optional(transaction)
        .await?
        .map(User::try_from)
        .transpose()
}

/// The database's clock, if the subscriber is registered.
pub async fn clock(
    transaction: &mut Transaction,
    id: UserId,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let now = sqlx::query_scalar!(
        "SELECT now() AS \"now!\" FROM subscriber WHERE id = $1",
        id.0,
    );
    Ok(now.fetch_optional(transaction).await?)
}

/// One subscriber, whom nobody else can change until the transaction ends, nor their queue.
pub async fn lock(transaction: &mut Transaction, id: UserId) -> Result<Option<User>, StoreError> {
    rows!("WHERE id = $1 FOR NO KEY UPDATE", id.0)
        .fetch_optional(transaction)
        .await?
        .map(User::try_from)
        .transpose()
}

/// Those of the ids that there are, and whether they may use nodes.
pub async fn known(
    transaction: &mut Transaction,
    ids: &[UserId],
) -> Result<BTreeMap<UserId, Access>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    // With a thousand ids PostgreSQL would rather read the whole table, which takes ten times as long:
    // it may only look for one after the other.
    let rows = sqlx::query!(
        "SELECT w.id AS \"id!\", CASE WHEN s.erased THEN 'erased' \
         ELSE coalesce(a.access, 'no_package') END AS \"access!\" \
         FROM unnest($1::uuid[]) AS w (id) \
         CROSS JOIN LATERAL (SELECT status = 'erased' AS erased FROM subscriber \
         WHERE subscriber.id = w.id LIMIT 1) AS s \
         LEFT JOIN LATERAL (SELECT access FROM user_access \
         WHERE user_access.user_id = w.id LIMIT 1) AS a ON true",
        &ids,
    )
    .fetch_all(transaction)
    .await?;
    let known = rows.into_iter();
    let known = known.map(|row| Ok((UserId(row.id), user_access::from_stored(&row.access)?)));
    known.collect()
}

/// A subscriber whom the transaction has locked.
#[derive(Debug, Clone)]
pub struct Locked {
    /// Who.
    pub user: UserId,
    /// Where they live.
    pub time_zone: TimeZone,
}

/// Locks several subscribers, by ascending id; those that there are.
pub async fn lock_all(
    transaction: &mut Transaction,
    users: &[UserId],
) -> Result<Vec<Locked>, StoreError> {
    let users: Vec<_> = users.iter().map(|user| user.0).collect();
    // In this way PostgreSQL does not know how many there are, and takes the index even for a thousand.
    let rows = sqlx::query!(
        "SELECT id, time_zone FROM subscriber WHERE id = ANY (ARRAY(SELECT unnest($1::uuid[]))) \
         ORDER BY id FOR NO KEY UPDATE",
        &users,
    )
    .fetch_all(transaction)
    .await?;
    let rows = rows.into_iter().map(|row| {
        let time_zone = row.time_zone.parse();
        Ok(Locked {
            user: UserId(row.id),
            time_zone: time_zone.map_err(|_| StoreError::Corrupt("time_zone"))?,
        })
    });
    rows.collect()
}

/// Adds a subscriber.
pub async fn insert(
    transaction: &mut Transaction,
    id: UserId,
    profile: &UserProfile,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO subscriber (id, time_zone, metadata) VALUES ($1, $2, $3)",
        id.0,
        profile.time_zone.name(),
        Json(&profile.metadata) as _,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Sets the status with its reason.
pub async fn set_status(
    transaction: &mut Transaction,
    id: UserId,
    status: UserStatus,
    reason: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE subscriber SET status = $2::text::subscriber_status, status_reason = $3, \
         revision = revision + 1, updated_at = now() WHERE id = $1",
        id.0,
        status.as_str(),
        reason,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Forgets what is personal, for good.
pub async fn erase(
    transaction: &mut Transaction,
    id: UserId,
    reason: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE subscriber SET status = 'erased', status_reason = $2, time_zone = 'UTC', \
         metadata = '{}', revision = revision + 1, updated_at = now() WHERE id = $1",
        id.0,
        reason,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

struct Row {
    id: Uuid,
    status: String,
    status_reason: String,
    time_zone: String,
    metadata: Json<BTreeMap<String, String>>,
    revision: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for User {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let status = UserStatus::from_name(&row.status);
        let time_zone = row.time_zone.parse();
        Ok(Self {
            id: UserId(row.id),
            revision: Revision(row.revision),
            status: status.ok_or(StoreError::Corrupt("status"))?,
            status_reason: row.status_reason,
            profile: UserProfile {
                time_zone: time_zone.map_err(|_| StoreError::Corrupt("time_zone"))?,
                metadata: row.metadata.0,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
