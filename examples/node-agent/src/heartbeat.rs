//! Says regularly that the node is alive and how it is doing, and takes up what the answer says of access.

use std::sync::Arc;
use std::time::Duration;

use telecom_proto::v1::node_agent_client::NodeAgentClient;
use telecom_proto::v1::{Compatibility, HeartbeatRequest};
use tokio::time::sleep;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::access::Keeper;
use crate::connection::Token;

/// Sends heartbeats until the future is dropped: every `every`, and as often as the server wants.
///
/// `figures` is asked before each how the node is doing; its `access_version` and `clock` are filled in here.
pub async fn run(
    channel: Channel,
    token: Arc<Token>,
    access: Arc<Keeper>,
    every: Duration,
    mut figures: impl FnMut() -> HeartbeatRequest,
) {
    let mut pause = every;
    loop {
        match beat(&channel, &token, &access, figures()).await {
            Ok(wanted) => pause = every.min(wanted),
            Err(status) => {
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
