//! What is done again and again: each job is a use case that does no harm when it is done twice, in
//! transactions that commit only while the run is its own.

use crate::jobs::{Job, JobReport, JobRules};
use crate::metrics;
use crate::store::Database;
use crate::store::job_runs::Hold;

use super::{Context, DomainError, Processor};

mod attempt;
mod bill_traffic;
mod package_expiring;
mod record_node_status_history;
mod refresh_node_status_view;
mod refresh_server_status;
mod runs;
mod service;
mod start;

pub use attempt::Attempt;
pub use bill_traffic::BillTrafficJob;
pub use package_expiring::PackageExpiringJob;
pub use record_node_status_history::RecordNodeStatusHistoryJob;
pub use refresh_node_status_view::RefreshNodeStatusViewJob;
pub use refresh_server_status::RefreshServerStatus;
pub use service::{JobService, ListJobRuns, RunJob, RunOfKey, ShowJobStates};
pub use start::{Start, StartJob};

use runs::Runs;

/// Does the jobs, and keeps the record of their runs.
#[derive(Debug, Clone)]
pub struct TelecomCronExecutor {
    /// Has the database, which the jobs reach through the hold of their run alone.
    runs: Runs,
    rules: JobRules,
}

impl TelecomCronExecutor {
    /// An executor over a clone of the database.
    pub fn new(database: Database, rules: JobRules, metrics: metrics::Jobs) -> Self {
        Self {
            runs: Runs::new(database, rules.lease, metrics),
            rules,
        }
    }

    /// Attempts at the runs that nobody goes on with, for this process to do.
    pub async fn resume_stale(&self) -> Result<Vec<Attempt>, DomainError> {
        self.runs.resume_stale().await
    }

    /// Does the job of a run.
    async fn work(
        &self,
        context: &Context,
        job: Job,
        hold: Hold,
    ) -> Result<JobReport, DomainError> {
        match job {
            Job::RefreshServerStatus => self.process(context, RefreshServerStatus(hold)).await,
            Job::PackageExpiring => self.process(context, PackageExpiringJob(hold)).await,
            Job::BillTraffic => self.process(context, BillTrafficJob(hold)).await,
            Job::RecordNodeStatusHistory => {
                self.process(context, RecordNodeStatusHistoryJob(hold))
                    .await
            }
            Job::RefreshNodeStatusView => {
                self.process(context, RefreshNodeStatusViewJob(hold)).await
            }
        }
    }
}
