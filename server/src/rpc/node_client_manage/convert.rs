//! The vocabulary of node clients to and from its messages.

use telecom_proto::v1 as proto;

use crate::nodes::{FactorFrom, NodeClient, NodeClientConfig, NodeClientDetail, NodeClientDraft};
use crate::rpc::convert::{node_server, performance, status, timestamp};

pub(super) fn draft(config: proto::NodeClientConfig) -> NodeClientDraft {
    let routing = config.routing.unwrap_or_default();
    NodeClientDraft {
        name: config.name,
        node_server: config.node_server_id,
        protocol: config.protocol,
        port: config.port,
        display_order: config.display_order,
        speed_limit_bps: config.speed_limit_bps,
        country: config.country,
        location: config.location,
        route_class: routing.route_class,
        routes: routing.routes,
        metadata: config.metadata,
    }
}

fn config(config: &NodeClientConfig) -> proto::NodeClientConfig {
    let values = config.values().clone();
    proto::NodeClientConfig {
        name: values.name,
        node_server_id: values.node_server,
        protocol: values.protocol,
        port: values.port,
        display_order: values.display_order,
        speed_limit_bps: values.speed_limit_bps,
        country: values.country,
        location: values.location,
        routing: Some(proto::Routing {
            route_class: values.route_class,
            routes: values.routes,
        }),
        metadata: values.metadata,
    }
}

pub(super) fn factor(factor: FactorFrom) -> proto::TrafficFactor {
    proto::TrafficFactor {
        factor_millionths: factor.factor.millionths().into(),
        valid_from: Some(timestamp(factor.valid_from)),
    }
}

pub(super) fn node_client(client: &NodeClient) -> proto::NodeClient {
    proto::NodeClient {
        id: client.id.0,
        etag: client.revision.etag(),
        config: Some(config(&client.config)),
        status: status(client.status).into(),
        factor: Some(factor(client.factor)),
        created_at: Some(timestamp(client.created_at)),
        updated_at: Some(timestamp(client.updated_at)),
    }
}

pub(super) fn detail(detail: NodeClientDetail) -> proto::ShowNodeClientResponse {
    proto::ShowNodeClientResponse {
        node_client: Some(node_client(&detail.client)),
        performance: detail.server.last_heartbeat.as_ref().map(performance),
        node_server: Some(node_server(detail.server)),
        coming_factors: detail.coming.into_iter().map(factor).collect(),
    }
}
