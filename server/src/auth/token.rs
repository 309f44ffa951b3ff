//! Secrets in memory: never printed, and compared as digests in constant time.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::nodes::NodeServerId;

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

/// A node's token: `tnode_<id>_<secret>`. The number in it finds the digest to compare with.
#[derive(Debug, Clone)]
pub struct NodeSecret(Secret);

impl NodeSecret {
    /// Bytes of chance in a token.
    pub const RANDOM_BYTES: usize = 32;
    const PREFIX: &str = "tnode_";

    /// The secret part made of random bytes.
    pub fn from_random(bytes: [u8; Self::RANDOM_BYTES]) -> Self {
        Self(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The token for a node server.
    pub fn token(&self, node: NodeServerId) -> Secret {
        Secret::new(format!("{}{node}_{}", Self::PREFIX, self.0.expose()))
    }

    /// The node server that a token says it belongs to; nothing is proved by it.
    pub fn claimed_node(token: &str) -> Option<NodeServerId> {
        let (id, _) = token.strip_prefix(Self::PREFIX)?.split_once('_')?;
        id.parse().ok().filter(|id| *id > 0).map(NodeServerId)
    }
}
