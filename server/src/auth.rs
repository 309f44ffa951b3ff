//! Who calls: tokens and the roles they prove.

mod token;

pub use token::{Digest, NodeSecret, Secret};

use crate::nodes::NodeServerId;

/// What a caller may do; each method names the roles it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Manages the provider.
    Admin,
    /// The agent of a node server.
    Node,
}

/// A caller who has proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Whoever holds the administrator's token.
    Admin,
    /// The agent of this node server.
    Node(NodeServerId),
}

impl Caller {
    /// The role that the caller has.
    pub fn role(self) -> Role {
        match self {
            Self::Admin => Role::Admin,
            Self::Node(_) => Role::Node,
        }
    }
}

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Admin => f.write_str("admin"),
            Self::Node(id) => write!(f, "node/{id}"),
        }
    }
}
