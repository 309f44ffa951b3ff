//! Stores what each node server is doing, and since when.

use super::{JobReport, TelecomCronExecutor};
use crate::domain::{Context, DomainError, Processor};
use crate::store::{node_status, retry_conflicts};

/// Stores the status of each node server where it has changed. Nothing that is served rests on it but
/// the answer to since when.
#[derive(Debug, Clone, Copy)]
pub struct RefreshServerStatus;

impl Processor<RefreshServerStatus> for TelecomCronExecutor {
    type Output = JobReport;

    async fn process(
        &self,
        context: &Context,
        RefreshServerStatus: RefreshServerStatus,
    ) -> Result<JobReport, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.write(context.deadline).await?;
            let changed = node_status::refresh(&mut transaction, self.offline_timeout).await?;
            transaction.commit().await?;
            Ok(JobReport { changed })
        })
        .await
    }
}
