//! Brings the history of node status up to date where it is read, and forgets what is too old.

use super::TelecomCronExecutor;
use crate::domain::{Context, DomainError, Processor};
use crate::jobs::JobReport;
use crate::store::job_runs::Hold;
use crate::store::node_status_history;

/// Removes history past its time, refreshes the view that `ListNodeStatusHistory` reads, and tells the
/// planner. Reports how many rows of history were removed.
#[derive(Debug, Clone)]
pub struct RefreshNodeStatusViewJob(pub Hold);

impl Processor<RefreshNodeStatusViewJob> for TelecomCronExecutor {
    type Output = JobReport;

    async fn process(
        &self,
        context: &Context,
        RefreshNodeStatusViewJob(hold): RefreshNodeStatusViewJob,
    ) -> Result<JobReport, DomainError> {
        // One transaction each: what is done stays done when the next does not end in time.
        let mut transaction = hold.begin(context.deadline).await?;
        let days = self.rules.status_history_days;
        let changed = node_status_history::prune(&mut transaction, days).await?;
        transaction.commit(changed).await?;
        let mut transaction = hold.begin(context.deadline).await?;
        node_status_history::refresh_view(&mut transaction).await?;
        transaction.commit(0).await?;
        let mut transaction = hold.begin(context.deadline).await?;
        node_status_history::analyze(&mut transaction).await?;
        transaction.commit(0).await?;
        Ok(JobReport { changed })
    }
}
