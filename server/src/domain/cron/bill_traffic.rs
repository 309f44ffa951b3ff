//! Bills what was used.

use futures::future::try_join;
use telecom_telemetry::propagation;

use super::TelecomCronExecutor;
use crate::domain::{Context, DomainError, Processor};
use crate::jobs::JobReport;
use crate::store::billing::{self, Batch, Key};
use crate::store::job_runs::Hold;
use crate::store::{outbox, retry_conflicts};

/// Bills all usage that is not billed yet: the whole bytes of it, once. What is billed goes to the
/// hours, to the days, and as events to whoever charges it.
///
/// Sweeps over the keys, so that those in heavy use do not keep others waiting: two at once, as any
/// number may, since each passes over what another one holds.
#[derive(Debug, Clone)]
pub struct BillTrafficJob(pub Hold);

impl Processor<BillTrafficJob> for TelecomCronExecutor {
    type Output = JobReport;

    async fn process(
        &self,
        context: &Context,
        BillTrafficJob(hold): BillTrafficJob,
    ) -> Result<JobReport, DomainError> {
        let (first, second) = try_join(sweep(context, &hold), sweep(context, &hold)).await?;
        Ok(JobReport {
            changed: first + second,
        })
    }
}

/// Gives how many keys it billed.
async fn sweep(context: &Context, hold: &Hold) -> Result<u64, DomainError> {
    let (mut keys, mut before) = (0, Key::END);
    while let Some(batch) = retry_conflicts(|| bill(context, hold, before)).await? {
        keys += batch.keys;
        before = batch.first;
    }
    Ok(keys)
}

/// One transaction.
async fn bill(context: &Context, hold: &Hold, before: Key) -> Result<Option<Batch>, DomainError> {
    let mut transaction = hold.begin(context.deadline).await?;
    let traceparent = propagation::sampled_traceparent();
    let traceparent = traceparent.as_deref();
    let batch = billing::bill(&mut transaction, before, &context.trace_id, traceparent).await?;
    if batch.is_some_and(|batch| batch.events > 0) {
        outbox::wake(&mut transaction).await?;
    }
    transaction
        .commit(batch.map_or(0, |batch| batch.keys))
        .await?;
    Ok(batch)
}
