//! Says regularly that the node is alive and how it is doing, and takes up what the answer says of access.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use telecom_proto::v1::node_agent_client::NodeAgentClient;
use telecom_proto::v1::{Compatibility, HeartbeatRequest};
use tokio::time::sleep;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::access::Keeper;
use crate::connection::Token;

/// What became of the heartbeats.
#[derive(Debug, Default)]
pub struct Beats {
    /// Those the server took.
    pub taken: AtomicU64,
    /// Those it did not.
    pub failed: AtomicU64,
    /// How often the server wants one, in milliseconds; 0 until it has said so.
    pub wanted_every_ms: AtomicU64,
}

/// Sends heartbeats until the future is dropped: every `every`, and as often as the server wants.
///
/// `figures` is asked before each how the node is doing; its `access_version` and `clock` are filled in here.
pub async fn run(
    channel: Channel,
    token: Arc<Token>,
    access: Arc<Keeper>,
    every: Duration,
    beats: Arc<Beats>,
    mut figures: impl FnMut() -> HeartbeatRequest,
) {
    let mut pause = every;
    loop {
        match beat(&channel, &token, &access, figures()).await {
            Ok(wanted) => {
                pause = every.min(wanted);
                let wanted = u64::try_from(wanted.as_millis()).unwrap_or(u64::MAX);
                beats.wanted_every_ms.store(wanted, Ordering::Relaxed);
                beats.taken.fetch_add(1, Ordering::Relaxed);
            }
            Err(status) => {
                beats.failed.fetch_add(1, Ordering::Relaxed);
                if status.code() == Code::Unauthenticated {
                    token.read_again();
                }
                tracing::warn!(code = ?status.code(), message = status.message(), "a heartbeat was not taken");
            }
        }
        sleep(pause).await;
    }
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends one; gives how often the server wants one.
async fn beat(
    channel: &Channel,
    token: &Token,
    access: &Keeper,
    figures: HeartbeatRequest,
) -> Result<Duration, Status> {
    let mut request = token.on(HeartbeatRequest {
        access_version: access.version(),
        clock: Some(std::time::SystemTime::now().into()),
        ..figures
    });
    request.set_timeout(PATIENCE);
    let mut client = NodeAgentClient::new(channel.clone());
    let answer = client.heartbeat(request).await?.into_inner();
    if answer.compatibility() != Compatibility::Supported {
        tracing::warn!(
            lowest = answer.supported_protocol_min,
            highest = answer.supported_protocol_max,
            "the server does not support this agent's protocol version"
        );
    }
    if let Err(error) = access.heartbeat(&answer) {
        tracing::error!(%error, "contact.json could not be written");
    }
    let wanted = answer.heartbeat_interval.unwrap_or_default();
    let wanted = Duration::try_from(wanted).unwrap_or_default();
    Ok(wanted.max(Duration::from_millis(100)))
}
