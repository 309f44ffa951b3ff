//! The vocabulary of PBXs: what they are called, how they prove who they are, what they say of the moment.
//!
//! Values only; a value that exists is valid. Nothing here knows SQL or gRPC.

mod config;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::revision::Revision;

pub use config::{ConfigField, PbxConfig, PbxDraft};

/// The number of a PBX; positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PbxId(pub i32);

impl fmt::Display for PbxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A PBX as it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pbx {
    /// Its number.
    pub id: PbxId,
    /// How often it was written.
    pub revision: Revision,
    /// What an administrator says about it.
    pub config: PbxConfig,
    /// When it was registered, by the database's clock.
    pub created_at: DateTime<Utc>,
    /// When an administrator last changed it, by the database's clock.
    pub updated_at: DateTime<Utc>,
}

/// How a queue of the call centre is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueState {
    /// Its name; 1 to 256 characters.
    pub queue: String,
    /// Callers who wait in it.
    pub length: u32,
    /// Agents who could take a call now.
    pub agents_available: u32,
}

/// Who said how a PBX is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateSource {
    /// It said so itself.
    Report,
    /// Its health endpoint was asked.
    Poll,
}

impl StateSource {
    /// The name in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Poll => "poll",
        }
    }
}

/// What a PBX says of the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PbxReport {
    /// Calls that are going on.
    pub active_calls: u32,
    /// Its queues, each once.
    pub queues: Vec<QueueState>,
    /// The version of the PBX; may be empty.
    pub version: String,
    /// How long it holds.
    pub ttl: Duration,
}

/// What a PBX said last of the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PbxState {
    /// Calls that are going on.
    pub active_calls: u32,
    /// The version of the PBX; may be empty.
    pub version: String,
    /// When it was said, by the database's clock.
    pub reported_at: DateTime<Utc>,
    /// Until when it holds.
    pub expires_at: DateTime<Utc>,
}
