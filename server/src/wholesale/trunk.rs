//! Trunks of PBXs, and what they are to wholesale.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{DeckId, SideName};
use crate::pbxs::PbxId;
use crate::revision::Revision;

/// A PBX's own name for a trunk: 1 to 64 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrunkId(String);

impl TrunkId {
    /// The trunk of that name, if it is one.
    pub fn new(name: String) -> Option<Self> {
        let good = (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        good.then_some(Self(name))
    }
    /// A name that was checked before it was stored.
    pub(crate) fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who is at the other end of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TrunkRole {
    /// Who calls are sold to: `sip_trunk_id` of a call record.
    Customer,
    /// Who calls are bought from: `outbound_sip_trunk_id` of a call record.
    Carrier,
}

impl TrunkRole {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Customer, Self::Carrier];

    /// The name in SQL and in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Carrier => "carrier",
        }
    }

    /// The role of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }

    /// The side of a call that it pays for, or is paid for.
    pub fn side(self) -> SideName {
        match self {
            Self::Customer => SideName::Sell,
            Self::Carrier => SideName::Buy,
        }
    }
}

/// What the mapping of a trunk is known by: one trunk may be a customer's and a carrier's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrunkKey {
    /// The PBX.
    pub pbx: PbxId,
    /// The trunk.
    pub trunk: TrunkId,
    /// Which end it is looked at from.
    pub role: TrunkRole,
}

impl fmt::Display for TrunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pbx, role, trunk) = (self.pbx, self.role.as_str(), self.trunk.as_str());
        write!(f, "{pbx}/{role}/{trunk}")
    }
}

/// What a trunk is rated by, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// What it is known by.
    pub key: TrunkKey,
    /// The deck; `None`: its calls are not rated, and nothing is missing.
    pub deck: Option<DeckId>,
    /// How often it was written.
    pub revision: Revision,
    /// When it was first set, by the database's clock.
    pub created_at: DateTime<Utc>,
    /// When it was last set, by the database's clock.
    pub updated_at: DateTime<Utc>,
}
