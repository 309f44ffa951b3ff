//! Use cases: what may happen, and in which transaction. Knows neither gRPC nor SQL.

mod access;
mod agent;
mod analysis;
mod cron;
mod error;
mod events;
mod ledger;
mod manage;
mod queues;
mod relay;
mod usage;

use tokio::time::Instant;

pub use access::{AccessHub, AccessMessage, AccessWatch, NodeAccess, WatchAccess};
pub use agent::{AccessState, AgentService, AuthenticateNode, HeartbeatReceipt, ReceiveHeartbeat};
pub use analysis::{
    AnalysisService, GetRecentTrafficUsage, GetUserDailyUsage, GetUserHourlyUsage,
    ListUserNodeStatusHistory, ListUserNodes, ListUserUsuallyUsedNodes, NodeStatusHistory,
    UserNodes,
};
pub use cron::{
    Attempt, BillTrafficJob, JobService, ListJobRuns, PackageExpiringJob,
    RecordNodeStatusHistoryJob, RefreshNodeStatusViewJob, RefreshServerStatus, RunJob, RunOfKey,
    ShowJobStates, Start, StartJob, TelecomCronExecutor,
};
pub use error::{DomainError, Kind, Obstacle, Thing};
pub use events::{EventService, PublishEvents, PublishedEvents};
pub use ledger::{CheckLedger, Ledger, LedgerService};
pub use manage::{AdjustedUsage, AdminAdjustUsage};
pub use manage::{
    AdminCancel, AdminCountQueuedPackages, AdminEnqueue, AdminListQueuedPackages,
    AdminShowQueuedPackage, CancelledPackage, QueuedPackageCount, QueuedPackagePage,
};
pub use manage::{
    AdminCreateClient, AdminDeleteClient, AdminListClients, AdminSetFactor, AdminShowClient,
    AdminUpdateClient, ClientPage, SetFactor,
};
pub use manage::{
    AdminCreatePackage, AdminCreateSeries, AdminListPackages, AdminListSeries, AdminRetirePackage,
    AdminRetireSeries, AdminShowPackage, AdminShowSeries, AdminUpdatePackage, AdminUpdateSeries,
    PackagePage, SeriesPage,
};
pub use manage::{
    AdminCreateServer, AdminCreateUser, AdminDeleteServer, AdminEraseUser, AdminExportUser,
    AdminListAudit, AdminListServers, AdminListUsers, AdminResumeUser, AdminRotateToken,
    AdminSetMaintenance, AdminShowServer, AdminShowUser, AdminSuspendUser, AdminUpdateServer,
    AuditPage, CreatedServer, ErasedUser, Export, ExportRecord, Idempotency, ManageService,
    RotatedToken, ServerDetail, ServerPage, UserDetail, UserPage,
};
pub use manage::{AdminDiscard, AdminListDeadLetters, AdminListEvents, AdminRedrive, Newest};
pub use manage::{AdminListRefusedUsage, AdminReadmitUsage, ReadmittedUsage, RefusedUsagePage};
pub use relay::{EventRelay, PublishOthers, ROUTES, TakenUp, TelecomBillingHook};
pub use usage::{ReceiveUsage, UsageReceipt};

use crate::auth::Caller;

/// Circumstances of one request.
#[derive(Debug, Clone)]
pub struct Context {
    /// Who asks.
    pub caller: Caller,
    /// When the answer is no longer wanted.
    pub deadline: Instant,
    /// When the request reached this server.
    pub received: Instant,
    /// The trace of the request, for the audit log.
    pub trace_id: String,
}

/// A use case: an input becomes an output or an error. Implemented by services that own a clone of
/// the database, once for each input they take.
pub trait Processor<Input> {
    /// What comes of it.
    type Output;

    /// Does it, within the context's deadline.
    fn process(
        &self,
        context: &Context,
        input: Input,
    ) -> impl Future<Output = Result<Self::Output, DomainError>> + Send;
}
