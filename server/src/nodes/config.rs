//! The configuration of a node server, and the rules for each of its fields.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::violation::{Violation, Violations};

/// Largest capacity, in bits per second: a petabit.
pub(super) const MAX_BPS: u64 = 1_000_000_000_000_000;
/// Most sessions on one node.
pub(super) const MAX_SESSIONS: u32 = 10_000_000;

/// A configuration as a caller sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeServerDraft {
    /// Unique name.
    pub name: String,
    /// Host name or IP address.
    pub address: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Shown to people.
    pub location: String,
    /// Class of route.
    pub route_class: String,
    /// Bits per second; 0 when unknown.
    pub bandwidth_bps: u64,
    /// 0 for no limit.
    pub max_sessions: u32,
    /// The provider's own.
    pub metadata: BTreeMap<String, String>,
}

/// A checked configuration; the only ways to get one are [`NodeServerDraft::check`] and the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeServerConfig(NodeServerDraft);

/// A field of the configuration that an update can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields of NodeServerDraft")]
pub enum ConfigField {
    Name,
    Address,
    Country,
    Location,
    RouteClass,
    BandwidthBps,
    MaxSessions,
    Metadata,
}

impl ConfigField {
    /// All of them with the names that update masks use.
    pub const ALL: [(&'static str, Self); 8] = [
        ("name", Self::Name),
        ("address", Self::Address),
        ("country", Self::Country),
        ("location", Self::Location),
        ("route_class", Self::RouteClass),
        ("bandwidth_bps", Self::BandwidthBps),
        ("max_sessions", Self::MaxSessions),
        ("metadata", Self::Metadata),
    ];

    /// The field of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, field)| *field)
    }
}

impl NodeServerConfig {
    /// A configuration that was checked before it was stored.
    pub(crate) fn from_stored(stored: NodeServerDraft) -> Self {
        Self(stored)
    }

    /// The values.
    pub fn values(&self) -> &NodeServerDraft {
        &self.0
    }

    /// This configuration with the named fields taken from `change`; none named means all.
    pub fn changed(
        self,
        change: NodeServerDraft,
        fields: &[ConfigField],
    ) -> Result<Self, Vec<Violation>> {
        if fields.is_empty() {
            return change.check();
        }
        let mut draft = self.0;
        for field in fields {
            match field {
                ConfigField::Name => draft.name.clone_from(&change.name),
                ConfigField::Address => draft.address.clone_from(&change.address),
                ConfigField::Country => draft.country.clone_from(&change.country),
                ConfigField::Location => draft.location.clone_from(&change.location),
                ConfigField::RouteClass => draft.route_class.clone_from(&change.route_class),
                ConfigField::BandwidthBps => draft.bandwidth_bps = change.bandwidth_bps,
                ConfigField::MaxSessions => draft.max_sessions = change.max_sessions,
                ConfigField::Metadata => draft.metadata.clone_from(&change.metadata),
            }
        }
        draft.check()
    }
}

impl NodeServerDraft {
    /// Checks every field; all violations are found at once, with paths below `config`.
    pub fn check(self) -> Result<NodeServerConfig, Vec<Violation>> {
        let mut violations = Violations::default();
        violations.name("config.name", &self.name);
        violations.require(
            is_address(&self.address),
            "config.address",
            "must be a host name, an IPv4 or an IPv6 address, without brackets or port",
        );
        violations.country("config.country", &self.country);
        violations.text("config.location", &self.location, 100);
        violations.slug("config.route_class", &self.route_class);
        violations.require(
            self.bandwidth_bps <= MAX_BPS,
            "config.bandwidth_bps",
            "must be at most 10^15 bits per second",
        );
        violations.require(
            self.max_sessions <= MAX_SESSIONS,
            "config.max_sessions",
            "must be at most 10 000 000",
        );
        violations.metadata("config.metadata", &self.metadata);
        violations.into_result(NodeServerConfig(self))
    }
}

/// An IP address, or a DNS name by RFC 1123: labels of 1 to 63 letters, digits and inner dashes.
fn is_address(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits only would be taken for a mistyped IPv4 address everywhere.
    let numeric_end = text
        .rsplit('.')
        .next()
        .is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    text.len() <= 253 && text.split('.').all(is_label) && !numeric_end
}
