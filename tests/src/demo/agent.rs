//! The agents of the demo's nodes: the reference agent, with figures that move as those of a busy machine do.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use rand::Rng;
use telecom_node_agent::access::Policy;
use telecom_node_agent::agent::{Agent, Options};
use telecom_node_agent::connection::Token;
use telecom_node_agent::settings::OutOfContact;
use telecom_proto::v1::HeartbeatRequest;
use tonic::transport::Channel;
use uuid::Uuid;

use super::registry::Registered;

const GIBIBYTE: u64 = 1 << 30;

/// How one node is doing; each step is a little away from the last.
#[derive(Debug, Clone)]
pub struct Figures {
    busy: f64,
    bandwidth_bps: u64,
    max_sessions: u32,
    memory_total: u64,
    boot_id: Uuid,
}

impl Figures {
    /// A node somewhere between half asleep and busy.
    pub fn new(bandwidth_bps: u64, max_sessions: u32, random: &mut impl Rng) -> Self {
        Self {
            busy: random.random_range(0.15..0.75),
            bandwidth_bps,
            max_sessions,
            memory_total: 64 * GIBIBYTE,
            boot_id: Uuid::new_v4(),
        }
    }

    /// The next heartbeat.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "made-up figures between 0 and a size far below 2^53"
    )]
    pub fn step(&mut self, now: SystemTime, random: &mut impl Rng) -> HeartbeatRequest {
        self.busy = (self.busy + random.random_range(-0.04..0.04)).clamp(0.05, 0.95);
        let share = |of: f64, random: &mut dyn FnMut() -> f64| of * self.busy * random();
        let mut jitter = || random.random_range(0.9..1.0);
        let received = share(self.bandwidth_bps as f64 * 0.8, &mut jitter);
        let load = share(16.0, &mut jitter);
        HeartbeatRequest {
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol_version: 1,
            boot_id: self.boot_id.to_string(),
            clock: Some(now.into()),
            config_hash: "demo".to_owned(),
            cpu_usage_ratio: share(1.0, &mut jitter),
            memory_used_bytes: share(self.memory_total as f64, &mut jitter) as u64,
            memory_total_bytes: self.memory_total,
            load_1m: load,
            load_5m: load * 0.9,
            load_15m: load * 0.8,
            rx_bps: received as u64,
            tx_bps: (received * 0.3) as u64,
            sessions: share(f64::from(self.max_sessions), &mut jitter) as u32,
            ..Default::default()
        }
    }
}

/// The reference agent of a node; it stops when dropped.
pub struct NodeAgent {
    /// The node it speaks for.
    pub node: Registered,
    /// The agent itself.
    pub agent: Agent,
}

impl NodeAgent {
    /// Starts with made-up figures, on a folder of its own in `folder`.
    pub fn start(
        channel: Channel,
        node: Registered,
        period: Duration,
        folder: &Path,
    ) -> Result<Self> {
        let options = Options {
            heartbeat_every: period,
            policy: Policy {
                ttl: None,
                out_of_contact: OutOfContact::KeepLast,
            },
            spool_limit: 64 << 20,
        };
        let mut figures = Figures::new(node.bandwidth_bps, node.max_sessions, &mut rand::rng());
        let figures = move || figures.step(SystemTime::now(), &mut rand::rng());
        let token = Token::fixed(&node.token)?;
        let agent = Agent::start(channel, token, &folder.join(&node.name), options, figures)?;
        Ok(Self { node, agent })
    }
}

/// A folder that is removed in the end.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    /// A new one, where temporary files are.
    pub fn new() -> Self {
        Self(std::env::temp_dir().join(format!("telecom-demo-{}", Uuid::new_v4())))
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing is lost with it: what was reported has been answered.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_move_and_stay_inside_what_the_server_takes() {
        let mut random = rand::rng();
        let mut figures = Figures::new(10_000_000_000, 4_000, &mut random);
        let steps: Vec<_> = (0..1_000)
            .map(|_| figures.step(SystemTime::now(), &mut random))
            .collect();
        for step in &steps {
            assert!((0.0..=1.0).contains(&step.cpu_usage_ratio), "{step:?}");
            assert!(
                step.memory_used_bytes <= step.memory_total_bytes,
                "{step:?}"
            );
            assert!(
                step.rx_bps <= 10_000_000_000 && step.tx_bps <= step.rx_bps,
                "{step:?}"
            );
            assert!(step.sessions <= 4_000, "{step:?}");
        }
        assert!(
            steps
                .windows(2)
                .all(|pair| pair[0].rx_bps != pair[1].rx_bps)
        );
    }
}
