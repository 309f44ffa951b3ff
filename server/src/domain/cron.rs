//! What is done again and again: each job is a use case that does no harm when it is done twice.

use std::fmt;
use std::time::Duration;

use super::{Context, DomainError, Processor};
use crate::store::{Database, job_lock};

mod bill_traffic;
mod package_expiring;
mod record_node_status_history;
mod refresh_node_status_view;
mod refresh_server_status;

pub use bill_traffic::BillTrafficJob;
pub use package_expiring::PackageExpiringJob;
pub use record_node_status_history::RecordNodeStatusHistoryJob;
pub use refresh_node_status_view::RefreshNodeStatusViewJob;
pub use refresh_server_status::RefreshServerStatus;

/// Does the jobs.
#[derive(Debug, Clone)]
pub struct TelecomCronExecutor {
    database: Database,
    offline_timeout: Duration,
    /// Days that the hourly states of node servers are kept.
    status_history_days: u32,
}

impl TelecomCronExecutor {
    /// An executor over a clone of the database.
    pub fn new(database: Database, offline_timeout: Duration, status_history_days: u32) -> Self {
        Self {
            database,
            offline_timeout,
            status_history_days,
        }
    }
}

/// A job by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// [`RefreshServerStatus`].
    RefreshServerStatus,
    /// [`PackageExpiringJob`].
    PackageExpiring,
    /// [`BillTrafficJob`].
    BillTraffic,
    /// [`RecordNodeStatusHistoryJob`].
    RecordNodeStatusHistory,
    /// [`RefreshNodeStatusViewJob`].
    RefreshNodeStatusView,
}

impl Job {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::RefreshServerStatus,
        Self::PackageExpiring,
        Self::BillTraffic,
        Self::RecordNodeStatusHistory,
        Self::RefreshNodeStatusView,
    ];

    /// The name on the command line, in metrics and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RefreshServerStatus => "refreshServerStatus",
            Self::PackageExpiring => "packageExpiring",
            Self::BillTraffic => "billTraffic",
            Self::RecordNodeStatusHistory => "recordNodeStatusHistory",
            Self::RefreshNodeStatusView => "refreshNodeStatusView",
        }
    }

    /// The job of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.as_str() == name)
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a job did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobReport {
    /// Rows that it added, changed or removed.
    pub changed: u64,
}

/// How the run of a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// It was done.
    Done(JobReport),
    /// Nothing was done: another process is at it.
    Elsewhere,
}

impl Processor<Job> for TelecomCronExecutor {
    type Output = Run;

    /// Does the job unless another process is at it.
    async fn process(&self, context: &Context, job: Job) -> Result<Run, DomainError> {
        // The lock lives as long as this transaction, whatever becomes of this process; the job has
        // transactions of its own.
        let mut guard = self.database.write(context.deadline).await?;
        if !job_lock::take(&mut guard, job.as_str(), context.deadline).await? {
            return Ok(Run::Elsewhere);
        }
        let report = match job {
            Job::RefreshServerStatus => self.process(context, RefreshServerStatus).await,
            Job::PackageExpiring => self.process(context, PackageExpiringJob).await,
            Job::BillTraffic => self.process(context, BillTrafficJob).await,
            Job::RecordNodeStatusHistory => self.process(context, RecordNodeStatusHistoryJob).await,
            Job::RefreshNodeStatusView => self.process(context, RefreshNodeStatusViewJob).await,
        };
        if let Err(error) = guard.commit().await {
            tracing::warn!(%error, %job, "another process may have begun the job meanwhile");
        }
        report.map(Run::Done)
    }
}
