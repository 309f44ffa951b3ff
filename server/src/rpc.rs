//! gRPC: maps requests to use cases and their results to replies, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use telecom_proto::v1::audit_server::AuditServer;
use telecom_proto::v1::call_analytics_server::CallAnalyticsServer;
use telecom_proto::v1::call_ingest_server::CallIngestServer;
use telecom_proto::v1::event_ingest_server::EventIngestServer;
use telecom_proto::v1::event_manage_server::EventManageServer;
use telecom_proto::v1::job_manage_server::JobManageServer;
use telecom_proto::v1::node_agent_server::NodeAgentServer;
use telecom_proto::v1::node_client_manage_server::NodeClientManageServer;
use telecom_proto::v1::node_server_manage_server::NodeServerManageServer;
use telecom_proto::v1::package_manage_server::PackageManageServer;
use telecom_proto::v1::package_queue_manage_server::PackageQueueManageServer;
use telecom_proto::v1::pbx_manage_server::PbxManageServer;
use telecom_proto::v1::telecom_server::TelecomServer;
use telecom_proto::v1::user_manage_server::UserManageServer;
use telecom_proto::v1::wholesale_manage_server::WholesaleManageServer;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::Layer as _;

use crate::call_intake::CallIntake;
use crate::domain::{
    AccessHub, AgentService, AnalysisService, CallAnalyticsService, CallService, EventService,
    JobService, ManageService,
};
use crate::metrics::Metrics;
use crate::store::Database;

mod audit;
mod authenticate;
mod call;
mod call_analytics;
mod call_ingest;
mod convert;
mod deadline;
mod event_ingest;
mod event_manage;
mod gateway;
mod job_manage;
mod methods;
mod node_agent;
mod node_client_manage;
mod node_server_manage;
mod package_manage;
mod package_queue_manage;
mod pbx_manage;
mod requests;
mod status;
mod streams;
mod telecom;
#[cfg(test)]
mod tests;
mod user_manage;
mod wholesale_manage;

pub use authenticate::Authenticator;
pub(crate) use authenticate::bearer;
pub use gateway::Gateway;
use gateway::Limits;
pub use methods::SERVICES;
use tokio_util::sync::CancellationToken;

/// What the gRPC port needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Knows who calls.
    pub authenticator: Arc<Authenticator>,
    /// The largest message that is read, in bytes.
    pub max_message_bytes: usize,
    /// Requests worked on at a time.
    pub max_in_flight: usize,
    /// The longest a unary request may take.
    pub request_timeout: Duration,
    /// A node is offline when its last heartbeat is older.
    pub offline_timeout: Duration,
    /// Where changes of access come from.
    pub hub: AccessHub,
    /// Where records of calls are handed in.
    pub intake: CallIntake,
    /// Begins the runs of jobs.
    pub jobs: JobService,
    /// Whether administrators see telephone numbers masked; support always does.
    pub mask_numbers: bool,
}

/// Reflection cannot be built from the descriptors.
#[derive(Debug, thiserror::Error)]
#[error("reflection: {0}")]
pub struct ReflectionError(#[from] tonic_reflection::server::Error);

// A service for people and their programs, whose replies may be long.
macro_rules! staffed {
    ($server:ident, $rpc:expr, $limit:expr) => {
        $server::new($rpc)
            .max_decoding_message_size($limit)
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip)
    };
}

/// All services of the gRPC port, gRPC-Web included. Streams end when `drain` is cancelled.
pub fn service<H: Health>(
    options: Options,
    database: &Database,
    metrics: Metrics,
    health: HealthServer<H>,
    drain: CancellationToken,
) -> Result<GrpcWebService<Gateway>, ReflectionError> {
    let limits = Limits::of(&options);
    let routes = routes(&options, database, &metrics, health)?;
    let gateway = Gateway::new(routes, options.authenticator, limits, metrics, drain);
    Ok(GrpcWebLayer::new().layer(gateway))
}

/// The methods alone, without what the gateway does before and after them: a request has to carry
/// the [`crate::domain::Context`] that says who asks, or it is refused.
pub fn routes<H: Health>(
    options: &Options,
    database: &Database,
    metrics: &Metrics,
    health: HealthServer<H>,
) -> Result<Routes, ReflectionError> {
    let limit = options.max_message_bytes;
    let manage = ManageService::new(database.clone(), options.offline_timeout);
    let analysis = AnalysisService::new(database.clone(), options.offline_timeout);
    let agent = AgentService::new(
        database.clone(),
        options.offline_timeout,
        options.hub.clone(),
    );
    let mask = options.mask_numbers;
    let analytics = CallAnalyticsService::new(database.clone(), mask);
    let analytics = call_analytics::Rpc::new(analytics, manage.clone(), mask);
    let limits = Limits::of(options);
    let events = EventService::new(database.clone());
    let calls = call_ingest::Rpc::new(CallService::new(database.clone()), options.intake.clone());
    let agents = NodeAgentServer::new(node_agent::Rpc::new(agent, metrics.clone(), limits))
        .max_decoding_message_size(limit)
        .accept_compressed(CompressionEncoding::Gzip);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(telecom_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // The details of errors, so that clients without our files can show them.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(Routes::new(agents)
        .add_service(staffed!(NodeServerManageServer, manage.clone(), limit))
        .add_service(staffed!(NodeClientManageServer, manage.clone(), limit))
        .add_service(staffed!(TelecomServer, analysis, limit))
        .add_service(staffed!(CallAnalyticsServer, analytics, limit))
        .add_service(staffed!(PackageManageServer, manage.clone(), limit))
        .add_service(staffed!(PackageQueueManageServer, manage.clone(), limit))
        .add_service(staffed!(PbxManageServer, manage.clone(), limit))
        .add_service(staffed!(CallIngestServer, calls, limit))
        .add_service(staffed!(UserManageServer, manage.clone(), limit))
        .add_service(staffed!(WholesaleManageServer, manage.clone(), limit))
        .add_service(staffed!(EventIngestServer, events, limit))
        .add_service(staffed!(EventManageServer, manage.clone(), limit))
        .add_service(staffed!(JobManageServer, options.jobs.clone(), limit))
        .add_service(staffed!(AuditServer, manage, limit))
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .prepare())
}
