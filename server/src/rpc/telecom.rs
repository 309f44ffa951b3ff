//! The `Telecom` service.

mod usage;

use telecom_proto::v1::telecom_server::Telecom;
use telecom_proto::v1::{
    self as proto, GetRecentTrafficUsageRequest, ListNodeStatusHistoryReply,
    ListNodeStatusHistoryRequest, ListNodesReply, ListNodesRequest, ListUsuallyUsedNodesRequest,
    ListUsuallyUsedNodesResponse, NodeStatusBucket, RecentTrafficUsageResponse,
};
use tonic::{Request, Response, Status};

use super::call::{context, run};
use super::convert::{access, status, time, timestamp};
use super::status::Refusal;
use crate::domain::{
    AnalysisService, ListUserNodeStatusHistory, ListUserNodes, ListUserUsuallyUsedNodes,
};
use crate::nodes::{HourStatus, Node, Period};
use crate::users::UserId;

#[tonic::async_trait]
impl Telecom for AnalysisService {
    async fn list_nodes(
        &self,
        mut request: Request<ListNodesRequest>,
    ) -> Result<Response<ListNodesReply>, Status> {
        let context = context(&mut request)?;
        let user = user(&request.into_inner().user_id);
        let input = user.map(|user| ListUserNodes { user });
        let listed = run(self, &context, input).await?;
        Ok(Response::new(ListNodesReply {
            nodes: listed.nodes.into_iter().map(node).collect(),
            access: listed
                .access
                .map_or(proto::Access::Unspecified, access)
                .into(),
        }))
    }

    async fn list_node_status_history(
        &self,
        mut request: Request<ListNodeStatusHistoryRequest>,
    ) -> Result<Response<ListNodeStatusHistoryReply>, Status> {
        let context = context(&mut request)?;
        let input = history(&request.into_inner());
        let history = run(self, &context, input).await?;
        Ok(Response::new(ListNodeStatusHistoryReply {
            buckets: history.hours.iter().map(bucket).collect(),
            refreshed_at: Some(timestamp(history.refreshed_at)),
        }))
    }

    async fn get_recent_traffic_usage(
        &self,
        mut request: Request<GetRecentTrafficUsageRequest>,
    ) -> Result<Response<RecentTrafficUsageResponse>, Status> {
        let context = context(&mut request)?;
        let input = usage::recent(&request.into_inner());
        let usage = run(self, &context, input).await?;
        Ok(Response::new(usage::recent_response(&usage)))
    }

    async fn list_usually_used_nodes(
        &self,
        mut request: Request<ListUsuallyUsedNodesRequest>,
    ) -> Result<Response<ListUsuallyUsedNodesResponse>, Status> {
        let context = context(&mut request)?;
        let user = user(&request.into_inner().user_id);
        let input = user.map(|user| ListUserUsuallyUsedNodes { user });
        let nodes = run(self, &context, input).await?;
        Ok(Response::new(ListUsuallyUsedNodesResponse {
            nodes: nodes.into_iter().map(usage::node).collect(),
        }))
    }
}

fn user(text: &str) -> Result<Option<UserId>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let description = "must be a UUID, such as 0193a1b0-7c1e-7000-8000-0123456789ab, or empty";
    let user = text.parse().map(Some);
    user.map_err(|_| Refusal::field("user_id", description))
}

fn history(request: &ListNodeStatusHistoryRequest) -> Result<ListUserNodeStatusHistory, Refusal> {
    let user = user(&request.user_id)?;
    let moment = |field, given: Option<prost_types::Timestamp>| {
        let description = "must be a moment between the years 1970 and 9999";
        given
            .and_then(time)
            .ok_or_else(|| Refusal::field(field, description))
    };
    let start = moment("start", request.start)?;
    let end = moment("end", request.end)?;
    let period = Period::of(start, end).map_err(Refusal::Invalid)?;
    Ok(ListUserNodeStatusHistory { user, period })
}

fn node(node: Node) -> proto::Node {
    proto::Node {
        id: node.id.0,
        name: node.name,
        traffic_factor_millionths: node.factor.millionths().into(),
        display_order: node.display_order,
        speed_limit_bps: node.speed_limit_bps,
        status: status(node.status).into(),
        country: node.country,
        location: node.location,
        route_class: node.route_class,
        metadata: node.metadata,
    }
}

fn bucket(hour: &HourStatus) -> NodeStatusBucket {
    NodeStatusBucket {
        bucket_start: Some(timestamp(hour.start)),
        online_nodes: hour.online,
        offline_nodes: hour.offline,
        maintenance_nodes: hour.maintenance,
        missing: hour.is_missing(),
    }
}
