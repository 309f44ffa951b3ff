//! Writes down what each node server is doing, once an hour.

use super::{JobReport, TelecomCronExecutor};
use crate::domain::{Context, DomainError, Processor};
use crate::store::{node_status_history, retry_conflicts};

/// Adds one row for each node server, in the slot of the present hour by the database's clock; again
/// in the same hour it adds nothing but node servers that are new.
#[derive(Debug, Clone, Copy)]
pub struct RecordNodeStatusHistoryJob;

impl Processor<RecordNodeStatusHistoryJob> for TelecomCronExecutor {
    type Output = JobReport;

    async fn process(
        &self,
        context: &Context,
        RecordNodeStatusHistoryJob: RecordNodeStatusHistoryJob,
    ) -> Result<JobReport, DomainError> {
        let timeout = self.offline_timeout;
        retry_conflicts(|| async move {
            let mut transaction = self.database.write(context.deadline).await?;
            let changed = node_status_history::record(&mut transaction, timeout).await?;
            transaction.commit().await?;
            Ok(JobReport { changed })
        })
        .await
    }
}
