//! The vocabulary of node servers and of the node clients that run on them: what they are called, how
//! they are configured, what they report.
//!
//! Values only; a value that exists is valid. Nothing here knows SQL or gRPC.

mod access;
mod client;
mod config;
mod factor;
mod heartbeat;
mod history;
mod route;
#[cfg(test)]
mod tests;

use std::fmt;

use chrono::{DateTime, Utc};

use crate::revision::Revision;

pub use access::Node;
pub use client::{
    ClientField, NodeClient, NodeClientConfig, NodeClientDetail, NodeClientDraft, NodeClientId,
};
pub use config::{ConfigField, NodeServerConfig, NodeServerDraft};
pub use factor::{Factor, FactorFrom};
pub use heartbeat::{Compatibility, Heartbeat, HeartbeatDraft, PROTOCOL_VERSIONS, Performance};
pub use history::{HourStatus, Period, filled};
pub use route::{NotARoute, Route};

/// The number of a node server; positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeServerId(pub i32);

impl fmt::Display for NodeServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a node server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeStatus {
    /// Its last heartbeat is recent enough.
    Online,
    /// No heartbeat, or too old a one.
    Offline,
    /// Out of service by an administrator's word.
    Maintenance,
}

impl NodeStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Online, Self::Offline, Self::Maintenance];

    /// The name in SQL, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Maintenance => "maintenance",
        }
    }

    /// The status of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// Out of service since when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// By the database's clock.
    pub since: DateTime<Utc>,
    /// May be empty.
    pub reason: String,
}

/// A node server as it is stored, with its status at the time of reading.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeServer {
    /// Its number.
    pub id: NodeServerId,
    /// How often it was written.
    pub revision: Revision,
    /// What an administrator said about it.
    pub config: NodeServerConfig,
    /// What it is doing.
    pub status: NodeStatus,
    /// While in maintenance.
    pub maintenance: Option<Maintenance>,
    /// Its last heartbeat.
    pub last_heartbeat: Option<LastHeartbeat>,
    /// How many node clients run on it.
    pub client_count: u32,
    /// When it was registered, by the database's clock.
    pub created_at: DateTime<Utc>,
    /// When an administrator last changed it, by the database's clock.
    pub updated_at: DateTime<Utc>,
}

/// The last heartbeat of a node, as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct LastHeartbeat {
    /// When it arrived, by the database's clock.
    pub received_at: DateTime<Utc>,
    /// Version of the agent.
    pub agent_version: String,
    /// Version of the protocol the agent speaks.
    pub protocol_version: u32,
    /// Identity of the boot.
    pub boot_id: String,
    /// Hash of the agent's configuration; may be empty.
    pub config_hash: String,
    /// How the node was doing.
    pub performance: Performance,
    /// The node's clock minus the database's, in microseconds.
    pub clock_skew_micros: i64,
}
