//! What can go wrong in the database, by what a caller can do about it.

use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// A statement or a connection failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or does not take the statement now; trying again may help.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The user or the password was refused.
    #[error("the database refused the login: {0}")]
    Authentication(#[source] sqlx::Error),
    /// The time for the request was over before the statement was.
    #[error("the statement took longer than the request may")]
    Deadline,
    /// Another transaction got in the way; trying again will most likely help.
    #[error("another transaction got in the way: {0}")]
    Conflict(#[source] sqlx::Error),
    /// A value that must be unique is taken.
    #[error("{constraint} is violated")]
    Duplicate {
        /// The constraint.
        constraint: String,
    },
    /// There is no partition for the row; the maintenance will make it.
    #[error("there is no partition for the row: {0}")]
    PartitionMissing(#[source] sqlx::Error),
    /// The row that this one belongs to is gone.
    #[error("the row this one belongs to is gone")]
    Orphan,
    /// Another attempt goes on with the run that the transaction is for; it is rolled back.
    #[error("another attempt goes on with the run")]
    Overtaken,
    /// A stored value that this server cannot have written.
    #[error("the stored value of {0} cannot be understood")]
    Corrupt(&'static str),
    /// Anything else: a defect.
    #[error(transparent)]
    Other(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(database) = &error else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::BeginFailed => Self::Unavailable(error),
                other => Self::Other(other),
            };
        };
        let code = database.code().unwrap_or_default();
        // https://www.postgresql.org/docs/15/errcodes-appendix.html
        match code.as_ref() {
            "28000" | "28P01" => Self::Authentication(error),
            "57014" => Self::Deadline,
            "40001" | "40P01" | "55P03" => Self::Conflict(error),
            "23503" => Self::Orphan,
            // A CHECK that has no name is that of a partitioned table on its rows' partitions.
            "23514" if database.constraint().is_none() => Self::PartitionMissing(error),
            "23505" => Self::Duplicate {
                constraint: database.constraint().unwrap_or_default().to_owned(),
            },
            // Shutting down, starting, no such database, read-only after a failover, a transaction
            // that stood still for too long, too many connections, out of disk or memory, trouble of
            // the system or of the connection.
            "57P01" | "57P02" | "57P03" | "57P05" | "3D000" | "25006" | "25P03" | "25P04" => {
                Self::Unavailable(error)
            }
            code if matches!(code.get(..2), Some("08" | "53" | "58")) => Self::Unavailable(error),
            _ if ends_the_session(database.as_ref()) => Self::Unavailable(error),
            _ => Self::Other(error),
        }
    }
}

/// Whether there is no session any more, or none came about: `could not write init file` on a full disk, for
/// instance, which has no code of its own (<https://www.postgresql.org/docs/15/runtime-config-logging.html>).
fn ends_the_session(error: &dyn DatabaseError) -> bool {
    let error = error.try_downcast_ref::<PgDatabaseError>();
    error.is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

/// How often a transaction that met a conflict is tried again.
const RETRIES: u32 = 3;
/// The pause before the first of them; twice as long before each further one. PostgreSQL tells of an
/// error before it lets go of the locks, and a new attempt that passes over what is locked would pass
/// over its own.
const PAUSE: Duration = Duration::from_millis(5);

/// Runs `attempt`, a whole transaction, again when it met a conflict, up to three times more.
pub async fn retry_conflicts<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
    E: AsConflict,
{
    let mut retries = 0;
    loop {
        match attempt().await {
            Err(error) if error.is_conflict() && retries < RETRIES => {
                tokio::time::sleep(PAUSE * (1 << retries)).await;
                retries += 1;
            }
            result => return result,
        }
    }
}

/// An error that knows whether it is a conflict.
pub trait AsConflict {
    /// Whether another transaction got in the way, so that a new attempt makes sense.
    fn is_conflict(&self) -> bool;
}

impl AsConflict for StoreError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}
