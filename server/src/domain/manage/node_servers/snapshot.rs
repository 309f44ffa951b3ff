//! The state of a node server as the audit log keeps it: what administrators decide, no secrets.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::nodes::NodeServer;

/// The node server.
pub(super) fn of(server: &NodeServer) -> Value {
    let values = server.config.values();
    let maintenance = server
        .maintenance
        .as_ref()
        .map(|maintenance| json!({ "since": maintenance.since, "reason": maintenance.reason }));
    json!({
        "etag": server.revision.etag(),
        "name": values.name,
        "address": values.address,
        "country": values.country,
        "location": values.location,
        "route_class": values.route_class,
        "bandwidth_bps": values.bandwidth_bps,
        "max_sessions": values.max_sessions,
        "metadata": values.metadata,
        "maintenance": maintenance,
    })
}

/// The node server, and when the token that was replaced ends.
pub(super) fn of_rotation(
    server: &NodeServer,
    previous_expires_at: Option<DateTime<Utc>>,
) -> Value {
    let mut snapshot = of(server);
    snapshot["previous_token_expires_at"] = json!(previous_expires_at);
    snapshot
}
