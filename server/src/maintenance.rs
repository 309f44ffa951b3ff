//! Keeps the partitions of usage: makes them ahead, drops them past their time.
//!
//! Every server tries, one at a time succeeds. It needs no job and no operator.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep};

use crate::config;
use crate::config::raw::Retention;
use crate::metrics::Metrics;
use crate::partitions::{Table, pruned, tables};
use crate::store::maintenance::{Outcome, Partition, Session, SessionError, State};
use crate::store::{Database, StoreError, schema};

/// From the end of one run to the next.
const PERIOD: Duration = Duration::from_mins(10);
/// The same after a run that left something to do: the database was away, or somebody held what it needed.
const AFTER_UNDONE: Duration = Duration::from_secs(30);

/// What to keep, where.
#[derive(Debug)]
pub struct Maintenance {
    /// For a connection of its own.
    pub connect: config::Database,
    /// To see whether the schema is there.
    pub database: Database,
    /// How long records are kept.
    pub retention: Retention,
    /// Where runs are counted.
    pub metrics: Metrics,
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Done {
    created: u64,
    dropped: u64,
    /// Past their time, and still here.
    overdue: u64,
    /// The table of which a partition was in use and is left for the next run.
    postponed: Option<&'static str>,
}

impl Done {
    /// Only one partition of a table can be on its way out: nothing goes past one that cannot.
    fn is_stuck(&self, table: &Table) -> bool {
        self.postponed == Some(table.name)
    }
}

/// Those on their way out come first.
fn in_order(mut partitions: Vec<Partition>) -> Vec<Partition> {
    partitions.sort_by_key(|partition| partition.state != State::Detaching);
    partitions
}

impl Maintenance {
    /// Runs at once and then again and again, until the future is dropped.
    pub async fn run(&self) {
        loop {
            let begun = Instant::now();
            let (result, pause) = match self.once().await {
                Ok(done) => {
                    let overdue = i64::try_from(done.overdue).unwrap_or(i64::MAX);
                    self.metrics.upkeep.overdue.set(overdue);
                    if done.created + done.dropped > 0 {
                        let took = begun.elapsed();
                        let (created, dropped) = (done.created, done.dropped);
                        tracing::info!(created, dropped, ?took, "partitions maintained");
                    }
                    if done.postponed.is_some() {
                        ("postponed", AFTER_UNDONE)
                    } else {
                        ("done", PERIOD)
                    }
                }
                Err(SessionError::Busy) => ("busy", AFTER_UNDONE),
                Err(SessionError::Store(error)) => {
                    tracing::warn!(%error, "maintenance of the database failed");
                    ("failed", AFTER_UNDONE)
                }
            };
            let runs = self.metrics.upkeep.runs.with_label_values(&[result]);
            runs.inc();
            sleep(pause).await;
        }
    }

    async fn once(&self) -> Result<Done, SessionError> {
        schema::until_it_serves(&self.database).await;
        let mut session = Session::open(&self.connect).await?;
        let result = self.work(&mut session).await;
        session.close().await;
        result
    }

    async fn work(&self, session: &mut Session) -> Result<Done, SessionError> {
        let now = session.now().await?;
        let mut done = Done::default();
        for table in tables(&self.retention) {
            let partitions = session.partitions(&table).await?;
            self.make(session, &table, &partitions, now, &mut done)
                .await?;
            for partition in in_order(partitions) {
                if done.is_stuck(&table) {
                    done.overdue += u64::from(table.is_past(partition.range, now));
                } else {
                    self.settle(session, &table, &partition, now, &mut done)
                        .await?;
                }
            }
        }
        for rows in pruned(&self.retention) {
            let count = session.prune(&rows).await?;
            if count > 0 {
                tracing::debug!(table = rows.table, count, "rows pruned");
            }
        }
        Ok(done)
    }

    async fn make(
        &self,
        session: &mut Session,
        table: &Table,
        partitions: &[Partition],
        now: DateTime<Utc>,
        done: &mut Done,
    ) -> Result<(), SessionError> {
        for range in table.wanted(now) {
            let there = |partition: &Partition| partition.range.overlaps(range);
            if partitions.iter().any(there) {
                continue;
            }
            let created = session.create(table, range).await;
            if in_use(created, table, &table.partition(range), done)?.is_some() {
                done.created += 1;
                let counter = &self.metrics.upkeep.created;
                counter.with_label_values(&[table.name]).inc();
            }
        }
        Ok(())
    }

    /// Lets a partition go whose time is over, and puts one back that is to stay.
    async fn settle(
        &self,
        session: &mut Session,
        table: &Table,
        partition: &Partition,
        now: DateTime<Utc>,
        done: &mut Done,
    ) -> Result<(), SessionError> {
        let name = &partition.name;
        if !table.is_past(partition.range, now) {
            if partition.state != State::Attached {
                let restored = session.restore(table, partition).await;
                in_use(restored, table, name, done)?;
            }
            return Ok(());
        }
        let retired = session.retire(table, partition).await;
        match in_use(retired, table, name, done)? {
            Some(Outcome::Dropped) => {
                done.dropped += 1;
                let counter = &self.metrics.upkeep.dropped;
                counter.with_label_values(&[table.name]).inc();
                tracing::info!(partition = name, "dropped: past its retention");
            }
            Some(Outcome::Kept) => {
                done.overdue += 1;
                tracing::warn!(
                    partition = name,
                    "kept past its retention: not all of its time is billed or rated"
                );
            }
            None => done.overdue += 1,
        }
        Ok(())
    }
}

/// What came of a step; `None` when somebody holds what it needs, which is for the next run.
fn in_use<T>(
    result: Result<T, SessionError>,
    table: &Table,
    partition: &str,
    done: &mut Done,
) -> Result<Option<T>, SessionError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(SessionError::Store(error @ (StoreError::Conflict(_) | StoreError::Deadline))) => {
            tracing::info!(partition, %error, "in use; left for the next run");
            done.postponed = Some(table.name);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
