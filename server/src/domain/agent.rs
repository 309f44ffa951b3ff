//! What node agents do: prove who they are and say how they are.

use std::time::Duration;

use crate::auth::Caller;
use crate::nodes::{Compatibility, Heartbeat, NodeServerId};
use crate::store::{
    Database, StoreError,
    heartbeats::{self, Recorded},
    retry_conflicts, user_access,
};

use super::{AccessHub, Context, DomainError, Processor};
use crate::access::DeniedUser;

/// Serves node agents.
#[derive(Debug, Clone)]
pub struct AgentService {
    pub(super) database: Database,
    offline_timeout: Duration,
    pub(super) hub: AccessHub,
}

impl AgentService {
    /// A service over a clone of the database.
    pub fn new(database: Database, offline_timeout: Duration, hub: AccessHub) -> Self {
        Self {
            database,
            offline_timeout,
            hub,
        }
    }
}

/// Records a heartbeat of the calling node.
#[derive(Debug, Clone)]
pub struct ReceiveHeartbeat {
    /// What the node says.
    pub heartbeat: Heartbeat,
    /// The version of access that it has; 0 for none.
    pub access_version: u64,
}

/// Subscribers who are denied, in one answer.
const DENIED: u32 = 1000;

/// What a node should know of access, besides what it watches.
#[derive(Debug, Clone)]
pub struct AccessState {
    /// The latest version.
    pub version: u64,
    /// For how long a node may rely on what it was last told.
    pub ttl: Duration,
    /// Those who may use nothing, of those whom it should know of.
    pub denied: Vec<DeniedUser>,
}

/// What the server made of a heartbeat.
#[derive(Debug, Clone)]
pub struct HeartbeatReceipt {
    /// The node server.
    pub node: NodeServerId,
    /// As it was recorded.
    pub recorded: Recorded,
    /// How the agent's protocol version compares.
    pub compatibility: Compatibility,
    /// How often a heartbeat should come.
    pub interval: Duration,
    /// Those who may use nothing since the version that the node has.
    pub access: AccessState,
}

impl Processor<ReceiveHeartbeat> for AgentService {
    type Output = HeartbeatReceipt;

    async fn process(
        &self,
        context: &Context,
        input: ReceiveHeartbeat,
    ) -> Result<HeartbeatReceipt, DomainError> {
        let Caller::Node(node) = context.caller else {
            return Err(DomainError::WrongCaller);
        };
        let heartbeat = &input.heartbeat;
        let recorded = retry_conflicts(|| self.record(context, node, heartbeat)).await?;
        let denied = self.denied_since(context, input.access_version).await?;
        Ok(HeartbeatReceipt {
            node,
            recorded,
            compatibility: Compatibility::of(heartbeat.values().protocol_version),
            // Two may be lost before the third is missed.
            interval: self.offline_timeout.min(self.hub.ttl()) / 3,
            access: self.access(denied),
        })
    }
}

impl AgentService {
    async fn record(
        &self,
        context: &Context,
        node: NodeServerId,
        heartbeat: &Heartbeat,
    ) -> Result<Recorded, DomainError> {
        let mut transaction = self.database.write(context.deadline).await?;
        let waited = context.received.elapsed();
        let recorded = heartbeats::record(&mut transaction, node, heartbeat, waited).await;
        let recorded = match recorded {
            // Deleted between the check of its token and now.
            Err(StoreError::Orphan) => return Err(DomainError::TokenInvalid),
            result => result?,
        };
        transaction.commit().await?;
        Ok(recorded)
    }
}

impl AgentService {
    pub(super) fn access(&self, denied: Vec<DeniedUser>) -> AccessState {
        AccessState {
            version: self.hub.version(),
            ttl: self.hub.ttl(),
            denied,
        }
    }

    /// Those whom a node with this version should know of; none for a node that knows nothing.
    async fn denied_since(
        &self,
        context: &Context,
        version: u64,
    ) -> Result<Vec<DeniedUser>, DomainError> {
        if version == 0 || version >= self.hub.version() {
            return Ok(Vec::new());
        }
        let mut transaction = self.database.read_primary(context.deadline).await?;
        let denied = user_access::denied_since(&mut transaction, version, DENIED).await?;
        transaction.commit().await?;
        Ok(denied)
    }
}
