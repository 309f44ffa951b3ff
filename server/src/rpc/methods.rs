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

const MANAGE: &str = "telecom.v1.NodeServerManage";
const AGENT: &str = "telecom.v1.NodeAgent";
const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// The services whose health follows the server's readiness.
pub const SERVICES: [&str; 2] = [MANAGE, AGENT];

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

const ADMIN: &[Role] = &[Role::Admin];
const NODE: &[Role] = &[Role::Node];

pub(super) const METHODS: [Method; 12] = [
    method(MANAGE, "ListNodeServers", ADMIN),
    method(MANAGE, "ShowNodeServer", ADMIN),
    method(MANAGE, "CreateNodeServer", ADMIN),
    method(MANAGE, "UpdateNodeServer", ADMIN),
    method(MANAGE, "DeleteNodeServer", ADMIN),
    method(MANAGE, "SetMaintenance", ADMIN),
    method(MANAGE, "RotateToken", ADMIN),
    method(AGENT, "Heartbeat", NODE),
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
