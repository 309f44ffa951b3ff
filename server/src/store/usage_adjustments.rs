//! Statements on `usage_adjustment`, to which rows are only added.

use chrono::{DateTime, Utc};

use super::{StoreError, Transaction};
use crate::packages::{Adjusted, QueuedPackageId};
use crate::usage::UsageAdjustment;
use crate::users::UserId;

/// A correction to write down.
#[derive(Debug, Clone)]
pub struct NewAdjustment<'a> {
    /// Whose package it is.
    pub user: UserId,
    /// The package.
    pub package: QueuedPackageId,
    /// What it did to the package.
    pub adjusted: Adjusted,
    /// Why.
    pub reason: &'a str,
    /// Who.
    pub actor: &'a str,
    /// When.
    pub at: DateTime<Utc>,
}

struct Row {
    id: i64,
    queued_package_id: i64,
    bytes: i64,
    charged: i64,
    reason: String,
    actor: String,
    at: DateTime<Utc>,
}

macro_rules! rows {
    ($condition:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT id, queued_package_id, bytes, charged, reason, actor, at \
             FROM usage_adjustment WHERE " + $condition,
            $($argument),+
        )
    };
}

/// Adds one; gives its number.
pub async fn insert(
    transaction: &mut Transaction,
    new: &NewAdjustment<'_>,
) -> Result<i64, StoreError> {
    let id = sqlx::query_scalar!(
        "INSERT INTO usage_adjustment (user_id, queued_package_id, bytes, charged, overage, reason, \
         actor, at) VALUES ($1, $2, $3::bigint + $4::bigint, $3, $4, $5, $6, $7) RETURNING id",
        new.user.0,
        new.package.0,
        new.adjusted.charged,
        new.adjusted.overage,
        new.reason,
        new.actor,
        new.at,
    );
    Ok(id.fetch_one(transaction).await?)
}

/// One of them.
pub async fn find(
    transaction: &mut Transaction,
    id: i64,
) -> Result<Option<UsageAdjustment>, StoreError> {
    let row = rows!("id = $1", id).fetch_optional(transaction).await?;
    Ok(row.map(UsageAdjustment::from))
}

/// Those of a subscriber with greater ids, by ascending id.
pub async fn of_user(
    transaction: &mut Transaction,
    user: UserId,
    after: i64,
    limit: u32,
) -> Result<Vec<UsageAdjustment>, StoreError> {
    let rows = rows!(
        "user_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        user.0,
        after,
        i64::from(limit),
    );
    let rows = rows.fetch_all(transaction).await?.into_iter();
    Ok(rows.map(UsageAdjustment::from).collect())
}

impl From<Row> for UsageAdjustment {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            package: QueuedPackageId(row.queued_package_id),
            bytes: row.bytes,
            charged: row.charged,
            reason: row.reason,
            actor: row.actor,
            at: row.at,
        }
    }
}
