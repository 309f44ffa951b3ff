//! Keeps the watch on access open, from the version that the node has.

use std::sync::Arc;

use telecom_proto::v1::WatchAccessRequest;
use telecom_proto::v1::node_agent_client::NodeAgentClient;
use telecom_spool::backoff::Backoff;
use tokio::time::sleep;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::access::Keeper;
use crate::connection::Token;
use crate::retry;

/// Watches until the future is dropped. The server ends a watch after 15 minutes, and the next one goes on
/// where it was.
pub async fn run(channel: Channel, token: Arc<Token>, access: Arc<Keeper>) {
    let mut backoff = Backoff::default();
    loop {
        if let Err(status) = watch(&channel, &token, &access, &mut backoff).await {
            if status.code() == Code::Unauthenticated {
                token.read_again();
            }
            let pause = retry::after(&mut backoff, &status);
            tracing::warn!(code = ?status.code(), message = status.message(), ?pause, "the watch on access broke off");
            sleep(pause).await;
        }
    }
}

async fn watch(
    channel: &Channel,
    token: &Token,
    access: &Keeper,
    backoff: &mut Backoff,
) -> Result<(), Status> {
    let (last_version, offer) = access.watch_begins();
    let request = token.on(WatchAccessRequest {
        last_version,
        offer,
    });
    let mut client = NodeAgentClient::new(channel.clone());
    let mut messages = client.watch_access(request).await?.into_inner();
    while let Some(message) = messages.message().await? {
        backoff.reset();
        access.told(&message);
        if let Some(trace_id) = message.traceparent.split('-').nth(1) {
            let (version, changes) = (message.version, message.changes.len());
            tracing::info!(version, changes, trace_id, "told of access");
        }
    }
    Ok(())
}
