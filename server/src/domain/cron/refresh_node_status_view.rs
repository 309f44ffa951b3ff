//! Brings the history of node status up to date where it is read, and forgets what is too old.

use super::{JobReport, TelecomCronExecutor};
use crate::domain::{Context, DomainError, Processor};
use crate::store::node_status_history;

/// Removes history past its time, refreshes the view that `ListNodeStatusHistory` reads, and tells the
/// planner. Reports how many rows of history were removed.
#[derive(Debug, Clone, Copy)]
pub struct RefreshNodeStatusViewJob;

impl Processor<RefreshNodeStatusViewJob> for TelecomCronExecutor {
    type Output = JobReport;

    async fn process(
        &self,
        context: &Context,
        RefreshNodeStatusViewJob: RefreshNodeStatusViewJob,
    ) -> Result<JobReport, DomainError> {
        // One transaction each: what is done stays done when the next does not end in time.
        let mut transaction = self.database.write(context.deadline).await?;
        let days = self.status_history_days;
        let changed = node_status_history::prune(&mut transaction, days).await?;
        transaction.commit().await?;
        let mut transaction = self.database.write(context.deadline).await?;
        node_status_history::refresh_view(&mut transaction).await?;
        transaction.commit().await?;
        let mut transaction = self.database.write(context.deadline).await?;
        node_status_history::analyze(&mut transaction).await?;
        transaction.commit().await?;
        Ok(JobReport { changed })
    }
}
