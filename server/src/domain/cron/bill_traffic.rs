//! Bills what was used.

use futures::future::try_join;

use super::{JobReport, TelecomCronExecutor};
use crate::domain::{Context, DomainError, Processor};
use crate::store::billing::{self, Batch, Key};
use crate::store::{outbox, retry_conflicts};

/// Bills all usage that is not billed yet: the whole bytes of it, once. What is billed goes to the
/// hours, to the days, and as events to whoever charges it.
///
/// Sweeps over the keys, so that those in heavy use do not keep others waiting: two at once, as any
/// number may, since each passes over what another one holds.
#[derive(Debug, Clone, Copy)]
pub struct BillTrafficJob;

impl Processor<BillTrafficJob> for TelecomCronExecutor {
    type Output = JobReport;

    async fn process(
        &self,
        context: &Context,
        BillTrafficJob: BillTrafficJob,
    ) -> Result<JobReport, DomainError> {
        let (first, second) = try_join(self.sweep(context), self.sweep(context)).await?;
        Ok(JobReport {
            changed: first + second,
        })
    }
}

impl TelecomCronExecutor {
    /// Gives how many keys it billed.
    async fn sweep(&self, context: &Context) -> Result<u64, DomainError> {
        let (mut keys, mut before) = (0, Key::END);
        while let Some(batch) = retry_conflicts(|| self.bill(context, before)).await? {
            keys += batch.keys;
            before = batch.first;
        }
        Ok(keys)
    }

    /// One transaction.
    async fn bill(&self, context: &Context, before: Key) -> Result<Option<Batch>, DomainError> {
        let mut transaction = self.database.write(context.deadline).await?;
        let batch = billing::bill(&mut transaction, before, &context.trace_id).await?;
        if batch.is_some_and(|batch| batch.events > 0) {
            outbox::wake(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(batch)
    }
}
