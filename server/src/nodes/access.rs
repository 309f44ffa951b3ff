//! What subscribers see of node clients.

use std::collections::BTreeMap;

use super::{Factor, NodeClientId, NodeStatus};

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
