//! Access in messages.

use telecom_proto::v1 as proto;
use telecom_proto::v1::{WatchAccessRequest, WatchAccessResponse};
use telecom_telemetry::propagation;

use crate::access::DeniedUser;
use crate::domain::{AccessMessage, NodeAccess, WatchAccess};
use crate::metrics::Metrics;
use crate::nodes::NodeServerId;
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

/// The span of a message, part of the trace of what made its first change, as a `traceparent`; empty without one that
/// is recorded.
fn traceparent(node: NodeServerId, message: &AccessMessage) -> String {
    if message.causes.is_empty() {
        return String::new();
    }
    let denied = message.changes.iter().filter(|change| !change.allowed);
    let span = tracing::info_span!(
        parent: None,
        "access",
        otel.name = "send telecom.access",
        otel.kind = "producer",
        messaging.system = "telecom",
        messaging.operation.name = "send",
        messaging.operation.type = "send",
        messaging.destination.name = "telecom.access",
        messaging.batch.message_count = message.changes.len(),
        telecom.node_server = node.0,
        telecom.access.version = message.version,
        telecom.access.denied = denied.count(),
    );
    propagation::carry_on(&span, message.causes.iter().map(String::as_str));
    span.in_scope(propagation::sampled_traceparent)
        .unwrap_or_default()
}

pub(super) fn message(node: NodeServerId, message: AccessMessage) -> WatchAccessResponse {
    WatchAccessResponse {
        traceparent: traceparent(node, &message),
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
