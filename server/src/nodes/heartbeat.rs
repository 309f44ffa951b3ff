//! What a node reports in a heartbeat, and the rules for each of its fields.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};

use super::config::{MAX_BPS, MAX_SESSIONS};
use crate::violation::{Violation, Violations};

/// The protocol versions this server understands in full.
pub const PROTOCOL_VERSIONS: RangeInclusive<u32> = 1..=1;

/// Most memory of one node, in bytes: a pebibyte.
const MAX_MEMORY: u64 = 1 << 50;
/// A run queue no machine has.
const MAX_LOAD: f64 = 1_000_000.0;

/// How an agent's protocol version compares with [`PROTOCOL_VERSIONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatibility {
    /// Inside the range.
    Supported,
    /// Below it.
    AgentTooOld,
    /// Above it.
    AgentTooNew,
}

impl Compatibility {
    /// Compares a version.
    pub fn of(protocol_version: u32) -> Self {
        if protocol_version < *PROTOCOL_VERSIONS.start() {
            Self::AgentTooOld
        } else if protocol_version > *PROTOCOL_VERSIONS.end() {
            Self::AgentTooNew
        } else {
            Self::Supported
        }
    }
}

/// How a node is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Performance {
    /// Share of all processors in use, 0 to 1.
    pub cpu_usage_ratio: f64,
    /// Bytes.
    pub memory_used_bytes: u64,
    /// Bytes.
    pub memory_total_bytes: u64,
    /// Mean length of the run queue over one, five and fifteen minutes.
    pub load: [f64; 3],
    /// Bits per second.
    pub rx_bps: u64,
    /// Bits per second.
    pub tx_bps: u64,
    /// Sessions open.
    pub sessions: u32,
}

/// A heartbeat as a node sent it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeartbeatDraft {
    /// Version of the agent.
    pub agent_version: String,
    /// Version of the protocol.
    pub protocol_version: u32,
    /// Identity of the boot.
    pub boot_id: String,
    /// Hash of the agent's configuration.
    pub config_hash: String,
    /// How the node is doing.
    pub performance: Performance,
    /// The node's clock.
    pub clock: Option<DateTime<Utc>>,
}

/// A checked heartbeat; the only way to get one is [`HeartbeatDraft::check`].
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    values: HeartbeatDraft,
    clock: DateTime<Utc>,
}

impl Heartbeat {
    /// The values.
    pub fn values(&self) -> &HeartbeatDraft {
        &self.values
    }

    /// The node's clock when it sent this.
    pub fn clock(&self) -> DateTime<Utc> {
        self.clock
    }
}

impl HeartbeatDraft {
    /// Checks every field; all violations are found at once.
    pub fn check(self) -> Result<Heartbeat, Vec<Violation>> {
        let mut violations = Violations::default();
        violations.require(
            (1..=64).contains(&self.agent_version.len())
                && self
                    .agent_version
                    .bytes()
                    .all(|b| (b' '..=b'~').contains(&b)),
            "agent_version",
            "must be 1 to 64 printable ASCII characters",
        );
        violations.require(
            self.protocol_version >= 1 && i32::try_from(self.protocol_version).is_ok(),
            "protocol_version",
            "must be between 1 and 2147483647",
        );
        violations.require(
            (1..=64).contains(&self.boot_id.len())
                && self
                    .boot_id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "boot_id",
            "must be 1 to 64 letters, digits and dashes",
        );
        violations.require(
            self.config_hash.len() <= 128
                && self
                    .config_hash
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b":+/=-".contains(&b)),
            "config_hash",
            "must be up to 128 letters, digits, `:`, `+`, `/`, `=` and dashes",
        );
        self.performance.check(&mut violations);
        violations.require(
            self.clock.is_some(),
            "clock",
            "must be the node's present time, between the years 1970 and 9999",
        );
        let clock = self.clock.unwrap_or_default();
        violations.into_result(Heartbeat {
            values: self,
            clock,
        })
    }
}

impl Performance {
    fn check(&self, violations: &mut Violations) {
        violations.require(
            (0.0..=1.0).contains(&self.cpu_usage_ratio),
            "cpu_usage_ratio",
            "must be between 0 and 1",
        );
        violations.require(
            self.memory_total_bytes <= MAX_MEMORY,
            "memory_total_bytes",
            "must be at most 2^50 bytes",
        );
        violations.require(
            self.memory_used_bytes <= self.memory_total_bytes,
            "memory_used_bytes",
            "must be at most memory_total_bytes",
        );
        for (field, load) in ["load_1m", "load_5m", "load_15m"].iter().zip(self.load) {
            violations.require(
                (0.0..=MAX_LOAD).contains(&load),
                field,
                "must be between 0 and 1 000 000",
            );
        }
        for (field, bps) in [("rx_bps", self.rx_bps), ("tx_bps", self.tx_bps)] {
            violations.require(
                bps <= MAX_BPS,
                field,
                "must be at most 10^15 bits per second",
            );
        }
        violations.require(
            self.sessions <= MAX_SESSIONS,
            "sessions",
            "must be at most 10 000 000",
        );
    }
}
