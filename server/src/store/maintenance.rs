//! A session of the database's maintenance: one at a time over all servers.
//!
//! Whoever reads or writes meanwhile is never kept waiting for long.

mod partitions;
mod retirement;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgConnection, Postgres};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::StoreError;
use crate::config;
use crate::partitions::Rows;

pub use partitions::{Partition, State};
pub use retirement::Outcome;

/// "telecom" and a number: the advisory lock of the maintenance, in the space of the database.
const KEY: i64 = 0x7465_6c65_636f_0001;
/// How long a lock is waited for that others queue up behind.
const LOCK: &str = "1s";
/// How long the end of transactions that still see a partition is waited for; nobody queues up.
const QUIET_LOCK: &str = "5s";
/// No statement takes longer unless something is wrong.
const STATEMENT: &str = "60s";
/// A connection for maintenance.
#[derive(Debug)]
pub struct Session {
    connection: PgConnection,
    /// No pooler between: what is set and locked stays with the connection.
    direct: bool,
}

/// The session cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Another server is at it.
    #[error("another server is at it")]
    Busy,
    /// A statement or the connection failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for SessionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

type Transaction<'a> = sqlx::Transaction<'a, Postgres>;

impl Session {
    /// Connects; without a pooler between where that is possible.
    pub async fn open(database: &config::Database) -> Result<Self, SessionError> {
        let (options, direct): (&PgConnectOptions, bool) = match &database.direct {
            Some(direct) => (direct, true),
            None => (&database.primary, !database.pooler),
        };
        let mut connection = options.connect().await?;
        if direct {
            let limits = format!(
                "SET lock_timeout = '{QUIET_LOCK}'; SET statement_timeout = '{STATEMENT}'; \
                 SET client_min_messages = warning"
            );
            sqlx::raw_sql(AssertSqlSafe(limits))
                .execute(&mut connection)
                .await?;
            let free: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
                .bind(KEY)
                .fetch_one(&mut connection)
                .await?;
            if !free {
                return Err(SessionError::Busy);
            }
        }
        Ok(Self { connection, direct })
    }

    /// Ends the connection, and with it all that the session held.
    pub async fn close(self) {
        // The work is done or has failed; how the connection ends changes nothing.
        let _ = self.connection.close().await;
    }

    /// A transaction that no other maintenance runs beside.
    async fn begin(&mut self) -> Result<Transaction<'_>, SessionError> {
        let begin = format!(
            "BEGIN; SET LOCAL lock_timeout = '{LOCK}'; SET LOCAL statement_timeout = '{STATEMENT}'"
        );
        let mut transaction = self.connection.begin_with(AssertSqlSafe(begin)).await?;
        let free: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
            .bind(KEY)
            .persistent(false)
            .fetch_one(&mut *transaction)
            .await?;
        if free {
            Ok(transaction)
        } else {
            Err(SessionError::Busy)
        }
    }

    /// The database's clock.
    pub async fn now(&mut self) -> Result<DateTime<Utc>, SessionError> {
        let mut transaction = self.begin().await?;
        let now = sqlx::query_scalar("SELECT now()")
            .persistent(false)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(now)
    }

    /// Removes rows whose time is over; gives their number.
    pub async fn prune(&mut self, rows: &Rows) -> Result<u64, SessionError> {
        let Rows {
            table,
            time,
            keep,
            only,
        } = rows;
        // In pieces, so that no transaction is long; rows that somebody holds are left.
        let statement = format!(
            "DELETE FROM {table} WHERE ctid = ANY (ARRAY( \
             SELECT ctid FROM {table} WHERE {time} < now() - $1 * interval '1 second' AND {only} \
             ORDER BY {time} LIMIT 5000 FOR UPDATE SKIP LOCKED))"
        );
        let mut pruned = 0;
        loop {
            let mut transaction = self.begin().await?;
            let done = sqlx::query(AssertSqlSafe(statement.as_str()))
                .bind(keep.num_seconds())
                .persistent(false)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            transaction.commit().await?;
            pruned += done;
            if done == 0 {
                return Ok(pruned);
            }
        }
    }

    /// A statement that waits for others without keeping anybody waiting, outside of a transaction
    /// where the session is its own.
    async fn quietly(&mut self, statement: String) -> Result<(), SessionError> {
        if self.direct {
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut self.connection)
                .await?;
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        run(&mut transaction, statement).await?;
        Ok(transaction.commit().await?)
    }
}

async fn run(transaction: &mut Transaction<'_>, statements: String) -> Result<(), SessionError> {
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
