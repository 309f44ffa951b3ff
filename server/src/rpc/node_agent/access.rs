//! Access in messages.

use telecom_proto::v1 as proto;
use telecom_proto::v1::{WatchAccessRequest, WatchAccessResponse};

use crate::access::DeniedUser;
use crate::domain::{AccessMessage, NodeAccess, WatchAccess};
use crate::metrics::Metrics;
use crate::rpc::convert::{self, timestamp};

pub(super) fn watch(request: WatchAccessRequest) -> WatchAccess {
    WatchAccess {
        last_version: request.last_version,
        offer: request.offer,
    }
}

/// From the change to here: what is left is the way to the node.
pub(super) fn observe(metrics: &Metrics, message: &AccessMessage) {
    if let Some((age, read)) = message.age {
        let lag = age + read.elapsed();
        metrics.access_lag.observe(lag.as_secs_f64());
    }
}

pub(super) fn message(message: AccessMessage) -> WatchAccessResponse {
    WatchAccessResponse {
        version: message.version,
        snapshot: message.snapshot,
        complete: message.complete,
        changes: message.changes.into_iter().map(change).collect(),
        offer: message.offer,
    }
}

fn change(change: NodeAccess) -> proto::AccessChange {
    proto::AccessChange {
        user_id: change.user.to_string(),
        node_client_id: change.client.0,
        allowed: change.allowed,
        reason: convert::access(change.reason).into(),
        speed_limit_bps: change.speed_limit_bps,
        valid_until: change.valid_until.map(timestamp),
    }
}

pub(super) fn denied(denied: &[DeniedUser]) -> Vec<proto::DeniedUser> {
    let denied = denied.iter().map(|denied| proto::DeniedUser {
        user_id: denied.user.to_string(),
        reason: convert::access(denied.reason).into(),
    });
    denied.collect()
}
