//! Secrets in memory: never printed, and compared as digests in constant time.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::nodes::NodeServerId;
use crate::pbxs::PbxId;

/// A value that no log, error or debug output may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the value over.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept and compared instead of the value.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

/// The SHA-256 digest of a token. All have one length, so comparing tells nothing about the token's.
#[derive(Clone)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// The digest of anything else.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest as it was stored; `None` when it is not 32 bytes long.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are of one token, in time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<digest>")
    }
}

/// What is kept of a machine's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineToken {
    /// When it was issued, by the database's clock.
    pub created_at: DateTime<Utc>,
    /// When it stops working; `None` for the current one.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Whoever proves who they are by a token of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Machine {
    /// The agent of a node server.
    Node(NodeServerId),
    /// A PBX.
    Pbx(PbxId),
}

/// The chance in the token of a machine: `tnode_<id>_<secret>`, `tpbx_<id>_<secret>`. The number in it finds the digest
/// to compare with.
#[derive(Debug, Clone)]
pub struct MachineSecret(Secret);

impl MachineSecret {
    /// Bytes of chance in a token.
    pub const RANDOM_BYTES: usize = 32;
    const NODE: &str = "tnode_";
    const PBX: &str = "tpbx_";

    /// The secret part made of random bytes.
    pub fn from_random(bytes: [u8; Self::RANDOM_BYTES]) -> Self {
        Self(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The token for a machine.
    pub fn token(&self, machine: Machine) -> Secret {
        let (prefix, id) = match machine {
            Machine::Node(id) => (Self::NODE, id.0),
            Machine::Pbx(id) => (Self::PBX, id.0),
        };
        Secret::new(format!("{prefix}{id}_{}", self.0.expose()))
    }

    /// The machine that a token says it belongs to; nothing is proved by it.
    pub fn claimed(token: &str) -> Option<Machine> {
        let id = |prefix| {
            let (id, _) = token.strip_prefix(prefix)?.split_once('_')?;
            id.parse().ok().filter(|id| *id > 0)
        };
        let node = id(Self::NODE).map(|id| Machine::Node(NodeServerId(id)));
        node.or_else(|| id(Self::PBX).map(|id| Machine::Pbx(PbxId(id))))
    }
}
