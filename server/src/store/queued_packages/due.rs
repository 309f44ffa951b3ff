//! Finds and locks the subscribers in whose queues time has something to do.

use sqlx::types::Uuid;

use crate::packages::EXPIRY_WARNING;
use crate::store::{StoreError, Transaction};
use crate::users::{TimeZone, UserId};

/// What time has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A package is over.
    Expiry,
    /// A quota is whole again.
    Reset,
    /// An owner is to be warned of an expiry.
    Warning,
}

impl Due {
    /// All of it.
    pub const ALL: [Self; 3] = [Self::Expiry, Self::Reset, Self::Warning];
}

/// A subscriber in whose queue time has something to do; locked.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Who.
    pub user: UserId,
    /// Where they live.
    pub time_zone: TimeZone,
}

struct Row {
    id: Uuid,
    time_zone: String,
}

/// Up to `limit` subscribers in whose queues something is due, longest overdue first, locked until
/// the transaction ends. Those whom somebody else has locked are passed over, so that it never waits
/// and cannot be in a deadlock, whatever the order.
pub async fn due(
    transaction: &mut Transaction,
    due: Due,
    limit: u32,
) -> Result<Vec<Waiting>, StoreError> {
    let limit = i64::from(limit);
    let rows = match due {
        Due::Expiry => {
            let rows = sqlx::query_as!(
                Row,
                "SELECT s.id, s.time_zone FROM queued_package q \
                 JOIN subscriber s ON s.id = q.user_id \
                 WHERE q.status = 'active' AND q.expires_at <= now() \
                 ORDER BY q.expires_at LIMIT $1 FOR NO KEY UPDATE OF s SKIP LOCKED",
                limit,
            );
            rows.fetch_all(transaction).await?
        }
        Due::Reset => {
            let rows = sqlx::query_as!(
                Row,
                "SELECT s.id, s.time_zone FROM queued_package q \
                 JOIN subscriber s ON s.id = q.user_id \
                 WHERE q.status = 'active' AND q.next_reset_at <= now() \
                 ORDER BY q.next_reset_at LIMIT $1 FOR NO KEY UPDATE OF s SKIP LOCKED",
                limit,
            );
            rows.fetch_all(transaction).await?
        }
        Due::Warning => {
            let rows = sqlx::query_as!(
                Row,
                "SELECT s.id, s.time_zone FROM queued_package q \
                 JOIN subscriber s ON s.id = q.user_id \
                 WHERE q.status = 'active' AND NOT q.warned_expiry \
                 AND q.expires_at <= now() + make_interval(secs => $2::bigint) \
                 AND q.expires_at > q.active_from + make_interval(secs => $2::bigint) \
                 ORDER BY q.expires_at LIMIT $1 FOR NO KEY UPDATE OF s SKIP LOCKED",
                limit,
                EXPIRY_WARNING.num_seconds(),
            );
            rows.fetch_all(transaction).await?
        }
    };
    rows.into_iter().map(Waiting::try_from).collect()
}

impl TryFrom<Row> for Waiting {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let time_zone = row.time_zone.parse();
        Ok(Self {
            user: UserId(row.id),
            time_zone: time_zone.map_err(|_| StoreError::Corrupt("time_zone"))?,
        })
    }
}
