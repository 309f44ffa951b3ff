//! Whether the server can do its work now: looked at once a second, told to whoever asks.
//!
//! Neither a probe nor a scrape ever reaches the database; they read the last look.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::store::schema::{self, Fit};
use crate::store::{Database, StoreError};

const PERIOD: Duration = Duration::from_secs(1);
/// A database that needs longer for two lookups by key serves nobody. Longer than the wait for a
/// connection, so that a database that is down is told from one that is slow.
const PATIENCE: Duration = Duration::from_secs(3);

/// The checks, each "ok" or a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Whether the process is going away.
    pub draining: bool,
    /// The database answers.
    pub database: Check,
    /// The schema fits.
    pub migrations: Check,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// As it should be.
    Passed,
    /// What is wrong, and what to do.
    Failed(String),
}

impl Check {
    /// As `/healthz/ready` shows it.
    pub fn sentence(&self) -> &str {
        match self {
            Self::Passed => "ok",
            Self::Failed(sentence) => sentence,
        }
    }

    fn failed(sentence: impl Into<String>) -> Self {
        Self::Failed(sentence.into())
    }
}

impl Readiness {
    /// Whether requests should come here.
    pub fn is_ready(&self) -> bool {
        !self.draining && self.database == Check::Passed && self.migrations == Check::Passed
    }

    fn unknown() -> Self {
        Self {
            draining: false,
            database: Check::failed("not looked at yet"),
            migrations: Check::failed("not looked at yet"),
        }
    }
}

/// Where the last look is kept.
#[derive(Debug, Clone)]
pub struct Board(watch::Sender<Readiness>);

impl Default for Board {
    fn default() -> Self {
        Self(watch::Sender::new(Readiness::unknown()))
    }
}

impl Board {
    /// The last look.
    pub fn now(&self) -> Readiness {
        self.0.borrow().clone()
    }

    /// Follows the looks.
    pub fn subscribe(&self) -> watch::Receiver<Readiness> {
        self.0.subscribe()
    }

    /// Not ready any more, for good.
    pub fn drain(&self) {
        self.0.send_modify(|readiness| readiness.draining = true);
    }

    /// Looks at the database once.
    pub async fn look(&self, database: &Database) {
        let (database, migrations) = checks(schema::fit(database, Instant::now() + PATIENCE).await);
        self.0.send_if_modified(|readiness| {
            let new = Readiness {
                draining: readiness.draining,
                database,
                migrations,
            };
            let changed = *readiness != new;
            if changed {
                announce(&new);
                *readiness = new;
            }
            changed
        });
    }

    /// Looks again and again, until the future is dropped.
    pub async fn watch(&self, database: &Database) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look(database).await;
        }
    }
}

fn announce(readiness: &Readiness) {
    if readiness.is_ready() {
        tracing::info!("ready");
    } else {
        let (database, migrations) = (&readiness.database, &readiness.migrations);
        tracing::warn!(
            database = database.sentence(),
            migrations = migrations.sentence(),
            "not ready"
        );
    }
}

fn checks(fit: Result<Fit, StoreError>) -> (Check, Check) {
    match fit {
        Ok(fit) => (Check::Passed, schema_check(fit)),
        Err(error) => (
            database_check(&error),
            Check::failed("the database does not answer"),
        ),
    }
}

/// The version of the schema a server needs, and what to run when it is not there.
fn schema_check(fit: Fit) -> Check {
    let needed = schema::needed();
    match fit {
        Fit::Serves => Check::Passed,
        Fit::Absent => Check::failed(format!(
            "the database has no schema, version {needed} is needed: run `telecom-server migrate`"
        )),
        Fit::Behind { found } => Check::failed(format!(
            "the schema has version {found}, {needed} is needed: run `telecom-server migrate`"
        )),
        Fit::TooNew { serves_from } => Check::failed(format!(
            "the schema serves servers of version {serves_from} and later, this one is of {needed}: use a newer server"
        )),
    }
}

/// Probes are open to anybody: the cause is named, the address and the user are not.
fn database_check(error: &StoreError) -> Check {
    Check::failed(match error {
        StoreError::Authentication(_) => {
            "the database refuses the login: check user and password in the database URL"
        }
        StoreError::Deadline => "the database does not answer in time",
        StoreError::Unavailable(sqlx::Error::PoolTimedOut) => {
            "the database cannot be reached, or no connection to it is free: check that it runs, the host and port in the database URL, and database.max_connections"
        }
        StoreError::Unavailable(_) => {
            "the database cannot be reached: check that it runs, and the host and port in the database URL"
        }
        StoreError::Conflict(_)
        | StoreError::Duplicate { .. }
        | StoreError::Orphan
        | StoreError::PartitionMissing(_)
        | StoreError::Overtaken
        | StoreError::Corrupt(_)
        | StoreError::Other(_) => "the database answers with an error; the server's log has it",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_needs_all_and_ends_with_draining() {
        let ready = Readiness {
            draining: false,
            database: Check::Passed,
            migrations: Check::Passed,
        };
        assert!(ready.is_ready());
        for (draining, database, migrations) in [
            (true, Check::Passed, Check::Passed),
            (false, Check::failed("x"), Check::Passed),
            (false, Check::Passed, Check::failed("x")),
        ] {
            let readiness = Readiness {
                draining,
                database,
                migrations,
            };
            assert!(!readiness.is_ready(), "{readiness:?}");
        }
        assert!(!Board::default().now().is_ready());
    }

    #[test]
    fn what_is_missing_says_what_to_run() {
        let Check::Failed(sentence) = schema_check(Fit::Absent) else {
            panic!("no schema must fail the check");
        };
        assert!(sentence.contains("telecom-server migrate"), "{sentence}");
    }
}
