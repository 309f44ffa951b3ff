//! Migrations: applying them, and telling whether this server and the schema fit.

use std::time::Duration;

use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Database, StoreError, database_owner};

/// How long it takes at most to see that the schema is not there yet.
const LOOK: Duration = Duration::from_secs(5);
/// From one look to the next.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// How the schema compares with what this server needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The schema has all that this server needs; it may have more.
    Serves,
    /// There is no schema yet.
    Absent,
    /// A migration is missing.
    Behind {
        /// The version the schema has.
        found: i64,
    },
    /// The schema no longer serves a server this old.
    TooNew {
        /// The oldest schema version whose server it serves.
        serves_from: i64,
    },
}

/// The schema version this server needs.
pub fn needed() -> i64 {
    MIGRATOR.iter().map(|m| m.version).max().unwrap_or_default()
}

/// Waits until there is a schema that serves this server: what works in the background begins then.
pub async fn until_it_serves(database: &Database) {
    let fit = || fit(database, Instant::now() + LOOK);
    while !matches!(fit().await, Ok(Fit::Serves)) {
        sleep(BETWEEN_LOOKS).await;
    }
}

/// Compares the schema with what this server needs.
pub async fn fit(database: &Database, deadline: Instant) -> Result<Fit, StoreError> {
    let mut transaction = database.read_primary(deadline).await?;
    let present: bool = sqlx::query_scalar(
        "SELECT to_regclass('_sqlx_migrations') IS NOT NULL AND to_regclass('schema_compatibility') IS NOT NULL",
    )
    .fetch_one(&mut transaction)
    .await?;
    if !present {
        transaction.commit().await?;
        return Ok(Fit::Absent);
    }
    let (found, serves_from): (i64, i64) = sqlx::query_as(
        "SELECT coalesce((SELECT max(version) FROM _sqlx_migrations WHERE success), 0), \
         (SELECT serves_from FROM schema_compatibility)",
    )
    .fetch_one(&mut transaction)
    .await?;
    transaction.commit().await?;
    Ok(compare(found, serves_from, needed()))
}

fn compare(found: i64, serves_from: i64, needed: i64) -> Fit {
    if found < needed {
        Fit::Behind { found }
    } else if serves_from > needed {
        Fit::TooNew { serves_from }
    } else {
        Fit::Serves
    }
}

/// Migrations could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// No connection in the time there was.
    #[error(transparent)]
    Connect(StoreError),
    /// The schema no longer serves a server this old; nothing was changed.
    #[error(
        "the schema serves servers from schema version {serves_from} on, this one is of {needed}: use a newer server"
    )]
    TooNew {
        /// The oldest schema version whose server it serves.
        serves_from: i64,
        /// The version of this server.
        needed: i64,
    },
    /// The database belongs to another cluster; nothing was changed.
    #[error(
        "the database belongs to the cluster of uid {owner}: give this one another database, or, if that cluster is no more, annotate the TelecomCluster with `telecom.dev/adopt-database={owner}`"
    )]
    InUse {
        /// The uid of that cluster.
        owner: String,
    },
    /// A migration failed; those before it are applied.
    #[error("{0}")]
    Failed(#[source] MigrateError),
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// How many migrations were applied now.
    pub applied: usize,
    /// The version the schema has now.
    pub version: i64,
}

/// Whom the database is to belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The uid of the cluster.
    pub cluster_uid: String,
    /// The uid of the cluster that it may be taken over from.
    pub adopt: Option<String>,
}

/// Applies what is missing, waiting for the database for up to `connect_timeout`. Any number of
/// processes may do this at once; an advisory lock lets them in one after the other.
pub async fn migrate(
    options: &PgConnectOptions,
    connect_timeout: Duration,
    claim: Option<&Claim>,
) -> Result<Migrated, MigrationError> {
    let mut connection = connect(options, Instant::now() + connect_timeout).await?;
    // "already exists, skipping" is no news.
    sqlx::raw_sql("SET client_min_messages = warning")
        .execute(&mut connection)
        .await
        .map_err(|error| MigrationError::Connect(error.into()))?;
    let before = versions(&mut connection).await?;
    let serves_from = serves_from(&mut connection).await?;
    let needed = needed();
    if serves_from > needed {
        return Err(MigrationError::TooNew {
            serves_from,
            needed,
        });
    }
    if let Some(claim) = claim
        && exists(&mut connection, "database_owner").await?
    {
        // Nothing is changed in a database that is another's.
        let owner = database_owner::get(&mut connection).await;
        claim.allows(owner.map_err(MigrationError::Connect)?, true)?;
    }
    // A schema ahead of this server is no fault: a newer server may have been here before.
    let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
    migrator
        .set_ignore_missing(true)
        .run(&mut connection)
        .await
        .map_err(MigrationError::Failed)?;
    if let Some(claim) = claim {
        claim.take(&mut connection).await?;
    }
    let after = versions(&mut connection).await?;
    let version = after.iter().copied().max().unwrap_or_default();
    // The work is done; how the connection ends changes nothing.
    let _ = connection.close().await;
    Ok(Migrated {
        applied: after.len().saturating_sub(before.len()),
        version,
    })
}

impl Claim {
    /// Whether the database may belong to the cluster: to whom it belongs now decides, and before it is taken over
    /// that may be who it is taken over from.
    fn allows(&self, owner: Option<String>, adopts: bool) -> Result<(), MigrationError> {
        match owner {
            Some(owner)
                if owner != self.cluster_uid
                    && !(adopts && self.adopt.as_ref() == Some(&owner)) =>
            {
                Err(MigrationError::InUse { owner })
            }
            _ => Ok(()),
        }
    }

    async fn take(&self, connection: &mut PgConnection) -> Result<(), MigrationError> {
        let (uid, adopt) = (&self.cluster_uid, self.adopt.as_deref());
        let claimed = database_owner::claim(connection, uid, adopt).await;
        claimed.map_err(MigrationError::Connect)?;
        let owner = database_owner::get(connection).await;
        self.allows(owner.map_err(MigrationError::Connect)?, false)
    }
}

async fn connect(
    options: &PgConnectOptions,
    deadline: Instant,
) -> Result<PgConnection, MigrationError> {
    let mut pause = Duration::from_millis(100);
    loop {
        let error = match timeout_at(deadline, options.connect()).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => StoreError::from(error),
            Err(_) => StoreError::Unavailable(sqlx::Error::PoolTimedOut),
        };
        let wrong_login = matches!(error, StoreError::Authentication(_));
        if wrong_login || Instant::now() + pause >= deadline {
            return Err(MigrationError::Connect(error));
        }
        tracing::info!(%error, "waiting for the database");
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

/// Reads only: the table is made by the migrator, under its lock.
async fn versions(connection: &mut PgConnection) -> Result<Vec<i64>, MigrationError> {
    if !exists(connection, "_sqlx_migrations").await? {
        return Ok(Vec::new());
    }
    let applied = connection
        .list_applied_migrations("_sqlx_migrations")
        .await
        .map_err(MigrationError::Failed)?;
    Ok(applied.iter().map(|migration| migration.version).collect())
}

async fn exists(connection: &mut PgConnection, table: &str) -> Result<bool, MigrationError> {
    sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(table)
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(|error| MigrationError::Connect(error.into()))
}

async fn serves_from(connection: &mut PgConnection) -> Result<i64, MigrationError> {
    if !exists(connection, "schema_compatibility").await? {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT serves_from FROM schema_compatibility")
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(|error| MigrationError::Connect(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_and_schema_fit_by_versions() {
        // (found, serves_from, needed) → fit
        for (versions, fit) in [
            ((3, 1, 3), Fit::Serves),
            ((4, 1, 3), Fit::Serves),
            ((4, 3, 3), Fit::Serves),
            ((2, 1, 3), Fit::Behind { found: 2 }),
            ((0, 0, 3), Fit::Behind { found: 0 }),
            ((4, 4, 3), Fit::TooNew { serves_from: 4 }),
        ] {
            let (found, serves_from, needed) = versions;
            assert_eq!(compare(found, serves_from, needed), fit, "{versions:?}");
        }
    }
}
