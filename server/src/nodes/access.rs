//! What subscribers see of node clients.

use std::collections::BTreeMap;

use super::{Factor, NodeClientId, NodeStatus};

/// Whether a subscriber may use nodes, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Those of the present package.
    Granted,
    /// None: no package is active.
    NoPackage,
    /// None: the subscriber is suspended.
    Suspended,
    /// None: the subscriber has been erased.
    Erased,
}

/// A node client as subscribers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Number of the node client.
    pub id: NodeClientId,
    /// Name of the node client.
    pub name: String,
    /// What its traffic counts.
    pub factor: Factor,
    /// Lower comes first.
    pub display_order: i32,
    /// The smaller of the node client's and the package's, in bits per second; 0 for no limit.
    pub speed_limit_bps: u64,
    /// What its node server is doing.
    pub status: NodeStatus,
    /// Its own, or its node server's.
    pub country: String,
    /// Its own, or its node server's; may be empty.
    pub location: String,
    /// Its own, or its node server's; may be empty.
    pub route_class: String,
    /// The provider's own.
    pub metadata: BTreeMap<String, String>,
}
