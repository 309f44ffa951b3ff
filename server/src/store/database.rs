//! The pools, and transactions that never outlive the request they work for.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::replica::Freshness;
use super::{StoreError, Transaction, query_span};
use crate::config;

/// How long a request waits for a free connection before it is told that there is none.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Unused connections are given back to PostgreSQL after this.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);
/// A transaction that stands still this long holds nothing any more: its process is stuck or gone.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(30);

/// The database as processors see it; a clone shares the pools.
#[derive(Debug, Clone)]
pub struct Database {
    primary: PgPool,
    replica: Option<Replica>,
    persistent: bool,
}

#[derive(Debug, Clone)]
struct Replica {
    pool: PgPool,
    freshness: Freshness,
}

/// Connections of a pool, by what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolCounts {
    /// At work.
    pub busy: u32,
    /// Waiting for work.
    pub idle: u32,
}

impl Database {
    /// The pools, without a connection yet.
    pub fn new(config: &config::Database) -> Self {
        let pool = |options: &PgConnectOptions| {
            PgPoolOptions::new()
                .max_connections(config.max_connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(IDLE_TIMEOUT)
                // The check is one more round trip for each request; a broken connection shows
                // itself at BEGIN, before anything was done.
                .test_before_acquire(false)
                .connect_lazy_with(options.clone())
        };
        Self {
            primary: pool(&config.primary),
            replica: config.replica.as_ref().map(|options| Replica {
                pool: pool(options),
                freshness: Freshness::default(),
            }),
            persistent: !config.pooler,
        }
    }

    /// A transaction that may write.
    pub async fn write(&self, deadline: Instant) -> Result<Transaction, StoreError> {
        self.begin(&self.primary, "BEGIN", deadline).await
    }

    /// The same in a session that goes by a name while the transaction lasts: letters, digits, spaces, `-`, `_`, `/`.
    pub(super) async fn write_as(
        &self,
        session: &str,
        deadline: Instant,
    ) -> Result<Transaction, StoreError> {
        let begin = format!("BEGIN; SET LOCAL application_name = '{session}'");
        self.begin(&self.primary, &begin, deadline).await
    }

    /// A snapshot to read from that is never old: for authentication and decisions.
    pub async fn read_primary(&self, deadline: Instant) -> Result<Transaction, StoreError> {
        self.begin(&self.primary, READ, deadline).await
    }

    /// A snapshot to read from, some seconds old at most.
    pub async fn read(&self, deadline: Instant) -> Result<Transaction, StoreError> {
        if let Some(replica) = self.replica.as_ref().filter(|r| r.freshness.is_fresh()) {
            match self.begin(&replica.pool, READ, deadline).await {
                Err(StoreError::Unavailable(_)) => replica.freshness.lost(),
                result => return result,
            }
        }
        self.read_primary(deadline).await
    }

    /// Watches how far the replica is behind, until the future is dropped; returns at once without one.
    pub async fn watch_replica(&self) {
        if let Some(replica) = &self.replica {
            replica.freshness.watch(&self.primary, &replica.pool).await;
        }
    }

    /// The primary's connections.
    pub fn pool_counts(&self) -> PoolCounts {
        let idle = u32::try_from(self.primary.num_idle()).unwrap_or(u32::MAX);
        PoolCounts {
            busy: self.primary.size().saturating_sub(idle),
            idle,
        }
    }

    /// Closes all connections, after what runs on them has ended.
    pub async fn close(&self) {
        self.primary.close().await;
        if let Some(replica) = &self.replica {
            replica.pool.close().await;
        }
    }

    async fn begin(
        &self,
        pool: &PgPool,
        begin: &str,
        deadline: Instant,
    ) -> Result<Transaction, StoreError> {
        let span = query_span::of("BEGIN");
        let transaction = self.try_begin(pool, begin, deadline);
        let result = transaction.instrument(span.clone()).await;
        result.inspect_err(|_| query_span::not_done(&span))
    }

    /// A connection of the pool included: what there is to wait for shows.
    async fn try_begin(
        &self,
        pool: &PgPool,
        begin: &str,
        deadline: Instant,
    ) -> Result<Transaction, StoreError> {
        let first = begin_within(begin, deadline)?;
        let attempt = timeout_at(deadline, pool.begin_with(AssertSqlSafe(first))).await;
        let inner = match attempt.map_err(|_| StoreError::Deadline)? {
            // An idle connection that the database has closed meanwhile: nothing was sent on it
            // that counts, so one more try, which meets another connection or opens a new one.
            Err(sqlx::Error::Io(_)) => {
                let again = begin_within(begin, deadline)?;
                timeout_at(deadline, pool.begin_with(AssertSqlSafe(again)))
                    .await
                    .map_err(|_| StoreError::Deadline)??
            }
            result => result?,
        };
        Ok(Transaction::new(inner, self.persistent))
    }
}

/// Reads see one state of the database in all their statements.
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// `begin`, and in the same round trip the limits of the transaction. Dropping the future of a
/// request does not stop its statement; PostgreSQL's own timeout does. `SET LOCAL` ends with the
/// transaction, as it must behind a pooler.
fn begin_within(begin: &str, deadline: Instant) -> Result<String, StoreError> {
    let remaining = deadline
        .saturating_duration_since(Instant::now())
        .as_millis();
    if remaining == 0 {
        return Err(StoreError::Deadline);
    }
    let statement = remaining.min(i32::MAX.unsigned_abs().into());
    let idle = IDLE_IN_TRANSACTION.as_millis();
    Ok(format!(
        "{begin}; SET LOCAL statement_timeout = {statement}; \
         SET LOCAL idle_in_transaction_session_timeout = {idle}"
    ))
}
