//! Transactions for a run: they commit while the run is still held, or not at all.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use tokio::time::Instant;

use super::micros;
use crate::jobs::{Fence, JobRun};
use crate::store::{Database, StoreError, Transaction};

/// An attempt's hold on a run. It is all that a job has of the database, so that no job can commit without it.
#[derive(Debug, Clone)]
pub struct Hold {
    database: Database,
    fence: Fence,
    lease: Duration,
}

impl Hold {
    /// The hold of whoever has just begun the run, or gone on with it.
    pub fn new(database: Database, run: &JobRun, lease: Duration) -> Self {
        Self {
            database,
            fence: run.fence,
            lease,
        }
    }

    /// Begins a transaction for the run.
    pub async fn begin(&self, deadline: Instant) -> Result<Fenced, StoreError> {
        let session = session_of(self.fence);
        Ok(Fenced {
            transaction: self.database.write_as(&session, deadline).await?,
            fence: self.fence,
            lease: self.lease,
        })
    }

    /// Says that the attempt is still at it.
    pub async fn renew(&self, deadline: Instant) -> Result<(), StoreError> {
        let mut transaction = self.database.write(deadline).await?;
        renew(&mut transaction, self.fence, self.lease, 0).await?;
        transaction.commit().await
    }

    /// Who may write.
    pub fn fence(&self) -> Fence {
        self.fence
    }
}

/// A transaction for a run; rolled back unless [`Self::commit`] is called.
#[derive(Debug)]
pub struct Fenced {
    transaction: Transaction,
    fence: Fence,
    lease: Duration,
}

impl Fenced {
    /// Makes the changes last, so many rows, if the run is still held by then.
    ///
    /// Looked at last, so that the run's row is locked for no longer than the commit takes: several transactions of
    /// one attempt go on side by side, and whoever would overtake it meets the lock or comes first.
    pub async fn commit(mut self, changed: u64) -> Result<(), StoreError> {
        renew(&mut self.transaction, self.fence, self.lease, changed).await?;
        self.transaction.commit().await
    }
}

impl Deref for Fenced {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.transaction
    }
}

impl DerefMut for Fenced {
    fn deref_mut(&mut self) -> &mut Transaction {
        &mut self.transaction
    }
}

/// What sessions are called while they work for an attempt.
pub(super) fn session_of(fence: Fence) -> String {
    format!("telecom-server job_run {}/{}", fence.run, fence.token)
}

async fn renew(
    transaction: &mut Transaction,
    fence: Fence,
    lease: Duration,
    changed: u64,
) -> Result<(), StoreError> {
    let held = sqlx::query!(
        "UPDATE job_run SET lease_until = clock_timestamp() + $3 * interval '1 microsecond', \
         changed = changed + $4 WHERE id = $1 AND fence = $2 AND state = 'running'",
        fence.run,
        fence.token,
        micros(lease),
        i64::try_from(changed).unwrap_or(i64::MAX),
    )
    .execute(transaction)
    .await?;
    if held.rows_affected() == 0 {
        return Err(StoreError::Overtaken);
    }
    Ok(())
}
