//! Writes down what each node server is doing, once an hour.

use super::TelecomCronExecutor;
use crate::domain::{Context, DomainError, Processor};
use crate::jobs::JobReport;
use crate::store::job_runs::Hold;
use crate::store::{node_status_history, retry_conflicts};

/// Adds one row for each node server, in the slot of the present hour by the database's clock; again
/// in the same hour it adds nothing but node servers that are new.
#[derive(Debug, Clone)]
pub struct RecordNodeStatusHistoryJob(pub Hold);

impl Processor<RecordNodeStatusHistoryJob> for TelecomCronExecutor {
    type Output = JobReport;

    async fn process(
        &self,
        context: &Context,
        RecordNodeStatusHistoryJob(hold): RecordNodeStatusHistoryJob,
    ) -> Result<JobReport, DomainError> {
        let (timeout, hold) = (self.rules.offline_timeout, &hold);
        retry_conflicts(|| async move {
            let mut transaction = hold.begin(context.deadline).await?;
            let changed = node_status_history::record(&mut transaction, timeout).await?;
            transaction.commit(changed).await?;
            Ok(JobReport { changed })
        })
        .await
    }
}
