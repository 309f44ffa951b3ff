//! What administrators ask for, and what they get.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::auth::{MachineSecret, MachineToken, Secret};
use crate::domain::Idempotency;
use crate::nodes::{
    ConfigField, NodeServer, NodeServerConfig, NodeServerDraft, NodeServerId, NodeStatus,
};

/// Lists node servers.
#[derive(Debug, Clone, Copy)]
pub struct AdminListServers {
    /// Only those with this status.
    pub status: Option<NodeStatus>,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// A page of node servers.
#[derive(Debug, Clone)]
pub struct ServerPage {
    /// By ascending id.
    pub servers: Vec<NodeServer>,
    /// Over all pages.
    pub total: u64,
}

/// Shows one node server.
#[derive(Debug, Clone, Copy)]
pub struct AdminShowServer(pub NodeServerId);

/// A node server in full.
#[derive(Debug, Clone)]
pub struct ServerDetail {
    /// The node server.
    pub server: NodeServer,
    /// Tokens that work now.
    pub tokens: Vec<MachineToken>,
    /// Since when its status is what the job last found; `None` before its first run.
    pub status_since: Option<DateTime<Utc>>,
}

/// Registers a node server.
#[derive(Debug, Clone)]
pub struct AdminCreateServer {
    /// Its configuration.
    pub config: NodeServerConfig,
    /// Chance for its first token.
    pub secret: MachineSecret,
    /// What recognizes a repetition.
    pub idempotency: Option<Idempotency>,
}

/// A new node server.
#[derive(Debug, Clone)]
pub struct CreatedServer {
    /// The node server.
    pub server: NodeServer,
    /// Its token; shown once, so not when the node server was made by an earlier request.
    pub token: Option<Secret>,
}

/// Changes the configuration.
#[derive(Debug, Clone)]
pub struct AdminUpdateServer {
    /// The node server.
    pub id: NodeServerId,
    /// What the change is based on.
    pub etag: String,
    /// The new values.
    pub change: NodeServerDraft,
    /// Which of them count; none named means all.
    pub fields: Vec<ConfigField>,
}

/// Removes a node server.
#[derive(Debug, Clone)]
pub struct AdminDeleteServer {
    /// The node server.
    pub id: NodeServerId,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// Into maintenance or out of it.
#[derive(Debug, Clone)]
pub struct AdminSetMaintenance {
    /// The node server.
    pub id: NodeServerId,
    /// Why; `None` takes it out.
    pub reason: Option<String>,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// Issues a new token.
#[derive(Debug, Clone)]
pub struct AdminRotateToken {
    /// The node server.
    pub id: NodeServerId,
    /// How long the current token goes on working.
    pub grace: Duration,
    /// Chance for the new token.
    pub secret: MachineSecret,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// A new token.
#[derive(Debug, Clone)]
pub struct RotatedToken {
    /// The node server.
    pub server: NodeServer,
    /// Its new token; shown once.
    pub token: Secret,
    /// When the one before stops working.
    pub previous_expires_at: Option<DateTime<Utc>>,
}
