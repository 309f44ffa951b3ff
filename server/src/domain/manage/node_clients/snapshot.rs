//! The state of a node client as the audit log keeps it: what administrators decide.

use serde_json::{Value, json};

use crate::nodes::{FactorFrom, NodeClient};

/// The node client.
pub(super) fn of(client: &NodeClient) -> Value {
    let values = client.config.values();
    json!({
        "etag": client.revision.etag(),
        "name": values.name,
        "node_server_id": values.node_server,
        "protocol": values.protocol,
        "port": values.port,
        "display_order": values.display_order,
        "speed_limit_bps": values.speed_limit_bps,
        "country": values.country,
        "location": values.location,
        "route_class": values.route_class,
        "routes": values.routes,
        "metadata": values.metadata,
        "factor": factor(&client.factor),
    })
}

/// The node client, and the factor that was set, which may count later.
pub(super) fn with_set(client: &NodeClient, set: &FactorFrom) -> Value {
    let mut snapshot = of(client);
    snapshot["set_factor"] = factor(set);
    snapshot
}

fn factor(factor: &FactorFrom) -> Value {
    json!({
        "factor_millionths": factor.factor.millionths(),
        "valid_from": factor.valid_from,
    })
}
