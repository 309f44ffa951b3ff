//! Every method of the gRPC port and who may call it. A test walks the descriptors, so that none
//! can be forgotten.

use crate::auth::Role;

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Anybody.
    Open,
    /// Callers with one of these roles.
    Roles(&'static [Role]),
}

/// A method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method {
    pub(super) service: &'static str,
    pub(super) name: &'static str,
    pub(super) access: Access,
    /// Whether the answer is a stream, which may last as long as it likes.
    pub(super) streams: bool,
}

const AGENT: &str = "telecom.v1.NodeAgent";
const AUDIT: &str = "telecom.v1.Audit";
const CALLS: &str = "telecom.v1.CallAnalytics";
const CALL_INGEST: &str = "telecom.v1.CallIngest";
const EVENT_INGEST: &str = "telecom.v1.EventIngest";
const EVENTS: &str = "telecom.v1.EventManage";
const JOBS: &str = "telecom.v1.JobManage";
const NODE_CLIENTS: &str = "telecom.v1.NodeClientManage";
const NODE_SERVERS: &str = "telecom.v1.NodeServerManage";
const PACKAGES: &str = "telecom.v1.PackageManage";
const QUEUE: &str = "telecom.v1.PackageQueueManage";
const PBXS: &str = "telecom.v1.PbxManage";
const TELECOM: &str = "telecom.v1.Telecom";
const USERS: &str = "telecom.v1.UserManage";
const WHOLESALE: &str = "telecom.v1.WholesaleManage";
const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// The services whose health follows the server's readiness.
pub const SERVICES: [&str; 15] = [
    AGENT,
    AUDIT,
    CALLS,
    CALL_INGEST,
    EVENT_INGEST,
    EVENTS,
    JOBS,
    NODE_CLIENTS,
    NODE_SERVERS,
    PACKAGES,
    QUEUE,
    PBXS,
    TELECOM,
    USERS,
    WHOLESALE,
];

const fn method(service: &'static str, name: &'static str, roles: &'static [Role]) -> Method {
    Method {
        service,
        name,
        access: Access::Roles(roles),
        streams: false,
    }
}

const fn open(service: &'static str, name: &'static str, streams: bool) -> Method {
    Method {
        service,
        name,
        access: Access::Open,
        streams,
    }
}

const fn stream(service: &'static str, name: &'static str, roles: &'static [Role]) -> Method {
    Method {
        streams: true,
        ..method(service, name, roles)
    }
}

// A caller with several roles acts in the first that is named here.
const ADMIN: &[Role] = &[Role::Admin];
/// Who may look at the network and at what is on sale.
const NETWORK: &[Role] = &[Role::Admin, Role::Support, Role::Viewer];
/// Who may look at subscribers.
const SUBSCRIBERS: &[Role] = &[Role::Admin, Role::Support];
/// Subscribers themselves, and who helps them.
const EVERYBODY: &[Role] = &[Role::Admin, Role::Support, Role::Viewer, Role::User];
/// Subscribers themselves, and who looks at subscribers.
const THEIRS: &[Role] = &[Role::Admin, Role::Support, Role::User];
/// Who has jobs done.
const SCHEDULERS: &[Role] = &[Role::Admin, Role::Operator];
const COLLECTOR: &[Role] = &[Role::Collector];
const NODE: &[Role] = &[Role::Node];
const PBX: &[Role] = &[Role::Pbx];

pub(super) const METHODS: [Method; 87] = [
    method(AGENT, "Heartbeat", NODE),
    method(AGENT, "ReportUsage", NODE),
    stream(AGENT, "StreamUsage", NODE),
    stream(AGENT, "WatchAccess", NODE),
    method(AUDIT, "ListAudit", ADMIN),
    method(CALLS, "ListCallRecords", SUBSCRIBERS),
    method(CALLS, "GetCallStatistics", NETWORK),
    stream(CALLS, "ExportCallRecords", ADMIN),
    method(CALL_INGEST, "IngestCallRecords", PBX),
    method(CALL_INGEST, "ReportPbxState", PBX),
    method(EVENT_INGEST, "Publish", COLLECTOR),
    method(EVENTS, "ListEvents", ADMIN),
    method(EVENTS, "ListDeadLetters", ADMIN),
    method(EVENTS, "Redrive", ADMIN),
    method(EVENTS, "Discard", ADMIN),
    method(JOBS, "RunJob", SCHEDULERS),
    method(JOBS, "GetJobStates", SCHEDULERS),
    method(JOBS, "ListJobRuns", SCHEDULERS),
    method(NODE_CLIENTS, "ListNodeClients", NETWORK),
    method(NODE_CLIENTS, "ShowNodeClient", NETWORK),
    method(NODE_CLIENTS, "CreateNodeClient", ADMIN),
    method(NODE_CLIENTS, "UpdateNodeClient", ADMIN),
    method(NODE_CLIENTS, "DeleteNodeClient", ADMIN),
    method(NODE_CLIENTS, "SetFactor", ADMIN),
    method(NODE_SERVERS, "ListNodeServers", NETWORK),
    method(NODE_SERVERS, "ShowNodeServer", NETWORK),
    method(NODE_SERVERS, "CreateNodeServer", ADMIN),
    method(NODE_SERVERS, "UpdateNodeServer", ADMIN),
    method(NODE_SERVERS, "DeleteNodeServer", ADMIN),
    method(NODE_SERVERS, "SetMaintenance", ADMIN),
    method(NODE_SERVERS, "RotateToken", ADMIN),
    method(NODE_SERVERS, "ListRefusedUsage", SUBSCRIBERS),
    method(NODE_SERVERS, "ReadmitUsage", ADMIN),
    method(PACKAGES, "ListPackageSeries", NETWORK),
    method(PACKAGES, "ShowPackageSeries", NETWORK),
    method(PACKAGES, "CreatePackageSeries", ADMIN),
    method(PACKAGES, "UpdatePackageSeries", ADMIN),
    method(PACKAGES, "RetirePackageSeries", ADMIN),
    method(PACKAGES, "ListPackages", NETWORK),
    method(PACKAGES, "ShowPackage", NETWORK),
    method(PACKAGES, "CreatePackage", ADMIN),
    method(PACKAGES, "UpdatePackage", ADMIN),
    method(PACKAGES, "RetirePackage", ADMIN),
    method(QUEUE, "CountQueuedPackages", SUBSCRIBERS),
    method(QUEUE, "ListQueuedPackages", SUBSCRIBERS),
    method(QUEUE, "ShowQueuedPackage", SUBSCRIBERS),
    method(QUEUE, "Enqueue", ADMIN),
    method(QUEUE, "Cancel", ADMIN),
    method(PBXS, "ListPbxs", NETWORK),
    method(PBXS, "ShowPbx", NETWORK),
    method(PBXS, "CreatePbx", ADMIN),
    method(PBXS, "UpdatePbx", ADMIN),
    method(PBXS, "DeletePbx", ADMIN),
    method(PBXS, "RotatePbxToken", ADMIN),
    method(PBXS, "ListRejectedCallRecords", ADMIN),
    method(TELECOM, "ListNodes", EVERYBODY),
    method(TELECOM, "ListNodeStatusHistory", EVERYBODY),
    method(TELECOM, "GetRecentTrafficUsage", THEIRS),
    method(TELECOM, "ListUsuallyUsedNodes", THEIRS),
    method(USERS, "CreateUser", ADMIN),
    method(USERS, "ShowUser", SUBSCRIBERS),
    method(USERS, "ListUsers", SUBSCRIBERS),
    method(USERS, "SuspendUser", ADMIN),
    method(USERS, "ResumeUser", ADMIN),
    method(USERS, "AdjustUsage", ADMIN),
    stream(USERS, "ExportUser", ADMIN),
    stream(USERS, "ExportUsage", ADMIN),
    method(USERS, "EraseUser", ADMIN),
    method(WHOLESALE, "ListDecks", ADMIN),
    method(WHOLESALE, "ShowDeck", ADMIN),
    method(WHOLESALE, "CreateDeck", ADMIN),
    method(WHOLESALE, "UpdateDeck", ADMIN),
    method(WHOLESALE, "DeleteDeck", ADMIN),
    method(WHOLESALE, "ListRates", ADMIN),
    method(WHOLESALE, "ImportRates", ADMIN),
    method(WHOLESALE, "SetRateEnd", ADMIN),
    method(WHOLESALE, "ListTrunks", ADMIN),
    method(WHOLESALE, "SetTrunk", ADMIN),
    method(WHOLESALE, "DeleteTrunk", ADMIN),
    method(WHOLESALE, "RateCall", ADMIN),
    method(WHOLESALE, "Rerate", ADMIN),
    method(WHOLESALE, "SumCharges", ADMIN),
    stream(WHOLESALE, "ExportCharges", ADMIN),
    open(HEALTH, "Check", false),
    open(HEALTH, "Watch", true),
    open(REFLECTION, "ServerReflectionInfo", true),
    open(REFLECTION_ALPHA, "ServerReflectionInfo", true),
];

/// The method of a request path.
pub(super) fn find(path: &str) -> Option<&'static Method> {
    let (service, name) = path.strip_prefix('/')?.split_once('/')?;
    METHODS
        .iter()
        .find(|method| method.service == service && method.name == name)
}
