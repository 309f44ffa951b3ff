//! Use cases: what may happen, and in which transaction. Knows neither gRPC nor SQL.

mod access;
mod agent;
mod analysis;
mod call_analytics;
mod calls;
mod cron;
mod error;
mod events;
mod ledger;
mod machines;
mod manage;
mod queues;
mod relay;
mod usage;
pub mod wholesale;

use tokio::time::Instant;

pub use access::{AccessHub, AccessMessage, AccessWatch, NodeAccess, WatchAccess};
pub use agent::{AccessState, AgentService, HeartbeatReceipt, ReceiveHeartbeat};
pub use analysis::{
    AnalysisService, GetRecentTrafficUsage, GetUserDailyUsage, GetUserHourlyUsage,
    ListUserNodeStatusHistory, ListUserNodes, ListUserUsuallyUsedNodes, NodeStatusHistory,
    UserNodes,
};
pub use call_analytics::{
    CallAnalyticsService, CallStatistics, GetCallStatistics, ListCallRecords,
};
pub use calls::{CallService, Incoming, ReceivePbxReport, StoredCalls};
pub use cron::{
    Attempt, BillTrafficJob, JobService, ListJobRuns, PackageExpiringJob,
    RecordNodeStatusHistoryJob, RefreshNodeStatusViewJob, RefreshServerStatus, RunJob, RunOfKey,
    ShowJobStates, Start, StartJob, TelecomCronExecutor,
};
pub use error::{DomainError, Kind, Obstacle, Thing};
pub use events::{EventService, PublishEvents, PublishedEvents};
pub use ledger::{CheckLedger, Ledger, LedgerService};
pub use machines::{AuthenticateMachine, MachineService};
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
    AdminCreateDeck, AdminDeleteDeck, AdminDeleteTrunk, AdminExportCharges, AdminImportRates,
    AdminListDecks, AdminListRates, AdminListTrunks, AdminRateCall, AdminRerate, AdminSetRateEnd,
    AdminSetTrunk, AdminShowDeck, AdminSumCharges, AdminUpdateDeck, ChargeDelta, DeckPage,
    ImportMode, ImportedRates, RatePage, RatedBy, RatedSides, Rerated, TrunkPage,
};
pub use manage::{
    AdminCreatePackage, AdminCreateSeries, AdminListPackages, AdminListSeries, AdminRetirePackage,
    AdminRetireSeries, AdminShowPackage, AdminShowSeries, AdminUpdatePackage, AdminUpdateSeries,
    PackagePage, SeriesPage,
};
pub use manage::{
    AdminCreatePbx, AdminDeletePbx, AdminListPbxs, AdminListRejectedCalls, AdminRotatePbxToken,
    AdminShowPbx, AdminUpdatePbx, CreatedPbx, PbxDetail, PbxPage, RejectedCallPage,
    RotatedPbxToken,
};
pub use manage::{
    AdminCreateServer, AdminCreateUser, AdminDeleteServer, AdminEraseUser, AdminExportUser,
    AdminListAudit, AdminListServers, AdminListUsers, AdminResumeUser, AdminRotateToken,
    AdminSetMaintenance, AdminShowServer, AdminShowUser, AdminSuspendUser, AdminUpdateServer,
    AuditPage, CreatedServer, ErasedCalls, ErasedUser, Export, ExportRecord, Idempotency,
    ManageService, RotatedToken, ServerDetail, ServerPage, UserDetail, UserPage,
};
pub use manage::{AdminDiscard, AdminListDeadLetters, AdminListEvents, AdminRedrive, Newest};
pub use manage::{AdminExportCallRecords, AdminExportUsage, Pieces};
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
