//! Who calls: tokens and the roles they prove.

mod jwks;
mod jwt;
mod token;

use std::fmt;
use std::sync::Arc;

pub use jwks::{Jwks, JwksUrl};
pub use jwt::{
    InvalidToken, Jwt, Keys, MAX_SUBJECT, MIN_SECRET_BYTES, Rules, Verifier, is_subject, mint,
};
pub use token::{Digest, Machine, MachineSecret, MachineToken, Secret};

use crate::nodes::NodeServerId;
use crate::pbxs::PbxId;
use crate::users::UserId;

/// What a caller may do; each method names the roles it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Manages the provider.
    Admin,
    /// Helps subscribers: sees them, but neither money nor tokens, and changes nothing.
    Support,
    /// Looks at the network.
    Viewer,
    /// A subscriber, with their own data.
    User,
    /// Brings events from elsewhere.
    Collector,
    /// Runs the jobs.
    Operator,
    /// The agent of a node server.
    Node,
    /// A PBX.
    Pbx,
}

impl Role {
    /// Those that a JWT can carry.
    pub const OF_TOKENS: [Self; 6] = [
        Self::Admin,
        Self::Support,
        Self::Viewer,
        Self::User,
        Self::Collector,
        Self::Operator,
    ];

    /// The name in tokens, the audit log and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Support => "support",
            Self::Viewer => "viewer",
            Self::User => "user",
            Self::Collector => "collector",
            Self::Operator => "operator",
            Self::Node => "node",
            Self::Pbx => "pbx",
        }
    }

    /// The role of a name in a token.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::OF_TOKENS
            .into_iter()
            .find(|role| role.as_str() == name)
    }
}

/// Somebody who has proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Whoever a JWT was issued to, with all the roles it carries.
    Person(Jwt),
    /// The operator, by its own token.
    Operator,
    /// The agent of this node server.
    Node(NodeServerId),
    /// This PBX.
    Pbx(PbxId),
}

impl Identity {
    /// The caller in the first of `roles` that is theirs.
    pub fn in_role(self, roles: &[Role]) -> Option<Caller> {
        let person = |jwt: Jwt| {
            let role = roles.iter().find(|role| jwt.roles.contains(role))?;
            Some(match (role, jwt.user) {
                (Role::User, Some(user)) => Caller::User(user),
                (Role::User, None) => return None,
                (role, _) => Caller::Staff(*role, jwt.subject),
            })
        };
        match self {
            Self::Person(jwt) => person(jwt),
            Self::Operator => roles.contains(&Role::Operator).then_some(Caller::Operator),
            Self::Node(id) => roles.contains(&Role::Node).then_some(Caller::Node(id)),
            Self::Pbx(id) => roles.contains(&Role::Pbx).then_some(Caller::Pbx(id)),
        }
    }
}

/// A caller in the role that a method takes them in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A person or program of the provider, by role and subject.
    Staff(Role, Arc<str>),
    /// A subscriber.
    User(UserId),
    /// The operator.
    Operator,
    /// The agent of this node server.
    Node(NodeServerId),
    /// This PBX.
    Pbx(PbxId),
}

impl Caller {
    /// Whether the caller manages the provider.
    pub fn is_admin(&self) -> bool {
        matches!(self, Self::Staff(Role::Admin, _))
    }

    /// The caller as the log names them: a subscriber by the first 16 digits of the SHA-256 of their id, so that
    /// lines of one can be found by who has the id, and nobody has one from the log.
    pub fn in_log(&self) -> String {
        match self {
            Self::User(id) => {
                let digest = Digest::of(&id.to_string());
                let first = digest.as_bytes().first_chunk().copied();
                format!(
                    "user/{:016x}",
                    u64::from_be_bytes(first.unwrap_or_default())
                )
            }
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Staff(role, subject) => write!(f, "{}/{subject}", role.as_str()),
            Self::User(id) => write!(f, "user/{id}"),
            Self::Operator => f.write_str("operator"),
            Self::Node(id) => write!(f, "node/{id}"),
            Self::Pbx(id) => write!(f, "pbx/{id}"),
        }
    }
}
