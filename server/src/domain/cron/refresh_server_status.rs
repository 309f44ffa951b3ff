//! Stores what each node server is doing, and since when.

use super::TelecomCronExecutor;
use crate::domain::{Context, DomainError, Processor};
use crate::jobs::JobReport;
use crate::store::job_runs::Hold;
use crate::store::{node_status, retry_conflicts};

/// Stores the status of each node server where it has changed. Nothing that is served rests on it but
/// the answer to since when.
#[derive(Debug, Clone)]
pub struct RefreshServerStatus(pub Hold);

impl Processor<RefreshServerStatus> for TelecomCronExecutor {
    type Output = JobReport;

    async fn process(
        &self,
        context: &Context,
        RefreshServerStatus(hold): RefreshServerStatus,
    ) -> Result<JobReport, DomainError> {
        let (timeout, hold) = (self.rules.offline_timeout, &hold);
        retry_conflicts(|| async move {
            let mut transaction = hold.begin(context.deadline).await?;
            let changed = node_status::refresh(&mut transaction, timeout).await?;
            transaction.commit(changed).await?;
            Ok(JobReport { changed })
        })
        .await
    }
}
