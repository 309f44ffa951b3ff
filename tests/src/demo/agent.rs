//! A small node agent: heartbeats whose figures move as those of a busy machine do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rand::Rng;
use telecom_proto::v1::HeartbeatRequest;
use telecom_proto::v1::node_agent_client::NodeAgentClient;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tonic::Status;
use tonic::transport::Channel;
use uuid::Uuid;

use super::registry::Registered;
use crate::telecom::with_token;

const GIBIBYTE: u64 = 1 << 30;

/// What all agents together have sent.
#[derive(Debug, Default)]
pub struct Sent {
    /// Heartbeats the server took.
    pub taken: AtomicU64,
    /// Heartbeats it did not.
    pub failed: AtomicU64,
    /// How often the server wants a heartbeat, in milliseconds; 0 until it has said so.
    pub wanted_every_ms: AtomicU64,
}

impl Sent {
    /// The server's offline timeout: it asks for a heartbeat three times as often.
    pub fn offline_timeout(&self) -> Duration {
        Duration::from_millis(self.wanted_every_ms.load(Ordering::Relaxed)) * 3
    }
}

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
            clock: Some(now.into()),
            access_version: 0,
        }
    }
}

/// A running agent; it stops when told or dropped.
#[derive(Debug)]
pub struct Agent {
    /// The node it speaks for.
    pub node: Registered,
    task: JoinHandle<()>,
}

impl Agent {
    /// Sends a heartbeat every `period` until stopped.
    pub fn start(channel: Channel, node: Registered, period: Duration, sent: Arc<Sent>) -> Self {
        let token = node.token.clone();
        let mut random = rand::rng();
        let mut figures = Figures::new(node.bandwidth_bps, node.max_sessions, &mut random);
        let task = tokio::spawn(async move {
            let mut client = NodeAgentClient::new(channel);
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let heartbeat = figures.step(SystemTime::now(), &mut rand::rng());
                let counter = match beat(&mut client, heartbeat, &token).await {
                    Ok(interval) => {
                        let milliseconds = u64::try_from(interval.as_millis()).unwrap_or(0);
                        sent.wanted_every_ms.store(milliseconds, Ordering::Relaxed);
                        &sent.taken
                    }
                    Err(status) => {
                        tracing::warn!(%status, "a heartbeat was not taken");
                        &sent.failed
                    }
                };
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { node, task }
    }

    /// From now on the node is silent.
    pub fn stop(self) -> Registered {
        self.task.abort();
        self.node.clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends one heartbeat; returns how often the server wants one.
async fn beat(
    client: &mut NodeAgentClient<Channel>,
    heartbeat: HeartbeatRequest,
    token: &str,
) -> Result<Duration, Status> {
    let request = with_token(heartbeat, token)
        .map_err(|_| Status::unauthenticated("the node's token is not a header value"))?;
    let reply = client.heartbeat(request).await?.into_inner();
    let interval = reply.heartbeat_interval.unwrap_or_default();
    Duration::try_from(interval).map_err(|_| Status::internal("a negative heartbeat_interval"))
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
        assert!(
            steps
                .windows(2)
                .all(|pair| pair[0].boot_id == pair[1].boot_id)
        );
    }
}
