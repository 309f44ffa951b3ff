//! Bills what was used.

use super::{JobReport, TelecomCronExecutor};
use crate::domain::{Context, DomainError, Processor};
use crate::store::billing::{self, Batch, Key};
use crate::store::{outbox, retry_conflicts};

/// Bills all usage that is not billed yet: the whole bytes of it, once. What is billed goes to the
/// hours, to the days, and as events to whoever charges it.
///
/// One sweep over the keys, so that those in heavy use do not keep others waiting. Any number may run
/// at once: each passes over what another one holds.
#[derive(Debug, Clone, Copy)]
pub struct BillTrafficJob;

impl Processor<BillTrafficJob> for TelecomCronExecutor {
    type Output = JobReport;

    async fn process(
        &self,
        context: &Context,
        BillTrafficJob: BillTrafficJob,
    ) -> Result<JobReport, DomainError> {
        let mut report = JobReport { changed: 0 };
        let mut after = Key::default();
        while let Some(batch) = retry_conflicts(|| self.bill(context, after)).await? {
            report.changed += batch.keys;
            after = batch.last;
        }
        Ok(report)
    }
}

impl TelecomCronExecutor {
    /// One transaction.
    async fn bill(&self, context: &Context, after: Key) -> Result<Option<Batch>, DomainError> {
        let mut transaction = self.database.write(context.deadline).await?;
        let batch = billing::bill(&mut transaction, after, &context.trace_id).await?;
        if batch.is_some_and(|batch| batch.events > 0) {
            outbox::wake(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(batch)
    }
}
