//! What the provider's staff does. Each write leaves a row in the audit log, in its own transaction.

mod audit;
mod events;
mod exports;
mod node_clients;
mod node_servers;
mod package_series;
mod packages;
mod pbxs;
mod queue;
mod refused_usage;
mod users;
mod wholesale;
mod write;

use std::time::Duration;

pub use audit::{AdminListAudit, AuditPage};
pub use events::{AdminDiscard, AdminListDeadLetters, AdminListEvents, AdminRedrive, Newest};
pub use exports::{AdminExportCallRecords, AdminExportUsage, Pieces};
pub use node_clients::{
    AdminCreateClient, AdminDeleteClient, AdminListClients, AdminSetFactor, AdminShowClient,
    AdminUpdateClient, ClientPage, SetFactor,
};
pub use node_servers::{
    AdminCreateServer, AdminDeleteServer, AdminListServers, AdminRotateToken, AdminSetMaintenance,
    AdminShowServer, AdminUpdateServer, CreatedServer, RotatedToken, ServerDetail, ServerPage,
};
pub use package_series::{
    AdminCreateSeries, AdminListSeries, AdminRetireSeries, AdminShowSeries, AdminUpdateSeries,
    SeriesPage,
};
pub use packages::{
    AdminCreatePackage, AdminListPackages, AdminRetirePackage, AdminShowPackage,
    AdminUpdatePackage, PackagePage,
};
pub use pbxs::{
    AdminCreatePbx, AdminDeletePbx, AdminListPbxs, AdminListRejectedCalls, AdminRotatePbxToken,
    AdminShowPbx, AdminUpdatePbx, CreatedPbx, PbxDetail, PbxPage, RejectedCallPage,
    RotatedPbxToken,
};
pub use queue::{
    AdminCancel, AdminCountQueuedPackages, AdminEnqueue, AdminListQueuedPackages,
    AdminShowQueuedPackage, CancelledPackage, QueuedPackageCount, QueuedPackagePage,
};
pub use refused_usage::{
    AdminListRefusedUsage, AdminReadmitUsage, ReadmittedUsage, RefusedUsagePage,
};
pub use users::{
    AdjustedUsage, AdminAdjustUsage, AdminCreateUser, AdminEraseUser, AdminExportUser,
    AdminListUsers, AdminResumeUser, AdminShowUser, AdminSuspendUser, ErasedCalls, ErasedUser,
    Export, ExportRecord, UserDetail, UserPage,
};
pub use wholesale::{
    AdminCreateDeck, AdminDeleteDeck, AdminDeleteTrunk, AdminExportCharges, AdminImportRates,
    AdminListDecks, AdminListRates, AdminListTrunks, AdminRateCall, AdminRerate, AdminSetRateEnd,
    AdminSetTrunk, AdminShowDeck, AdminSumCharges, AdminUpdateDeck, ChargeDelta, DeckPage,
    ImportMode, ImportedRates, RatePage, RatedBy, RatedSides, Rerated, TrunkPage,
};
pub use write::Idempotency;

use crate::store::Database;

/// Serves the provider's staff.
#[derive(Debug, Clone)]
pub struct ManageService {
    database: Database,
    offline_timeout: Duration,
}

impl ManageService {
    /// A service over a clone of the database.
    pub fn new(database: Database, offline_timeout: Duration) -> Self {
        Self {
            database,
            offline_timeout,
        }
    }
}
