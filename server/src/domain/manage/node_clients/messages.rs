//! What administrators ask for, and what they get.

use chrono::{DateTime, Utc};

use crate::domain::Idempotency;
use crate::nodes::{
    ClientField, Factor, FactorFrom, NodeClient, NodeClientConfig, NodeClientDraft, NodeClientId,
    NodeServerId,
};

/// Lists node clients.
#[derive(Debug, Clone, Copy)]
pub struct AdminListClients {
    /// Only those of this node server.
    pub node_server: Option<NodeServerId>,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// A page of node clients.
#[derive(Debug, Clone)]
pub struct ClientPage {
    /// By display order, then id.
    pub clients: Vec<NodeClient>,
    /// Over all pages.
    pub total: u64,
}

/// Shows one node client.
#[derive(Debug, Clone, Copy)]
pub struct AdminShowClient(pub NodeClientId);

/// Adds a node client.
#[derive(Debug, Clone)]
pub struct AdminCreateClient {
    /// Its configuration.
    pub config: NodeClientConfig,
    /// What its traffic counts from the start.
    pub factor: Factor,
    /// What recognizes a repetition.
    pub idempotency: Option<Idempotency>,
}

/// Changes the configuration.
#[derive(Debug, Clone)]
pub struct AdminUpdateClient {
    /// The node client.
    pub id: NodeClientId,
    /// What the change is based on.
    pub etag: String,
    /// The new values.
    pub change: NodeClientDraft,
    /// Which of them count; none named means all.
    pub fields: Vec<ClientField>,
}

/// Removes a node client.
#[derive(Debug, Clone)]
pub struct AdminDeleteClient {
    /// The node client.
    pub id: NodeClientId,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// Sets what traffic counts.
#[derive(Debug, Clone)]
pub struct AdminSetFactor {
    /// The node client.
    pub id: NodeClientId,
    /// What its traffic counts.
    pub factor: Factor,
    /// From when; `None`: at once.
    pub valid_from: Option<DateTime<Utc>>,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// A factor was set.
#[derive(Debug, Clone)]
pub struct SetFactor {
    /// The node client.
    pub client: NodeClient,
    /// The factor, and from when it counts.
    pub factor: FactorFrom,
}
