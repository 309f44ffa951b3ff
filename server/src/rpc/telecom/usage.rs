//! Recent usage from and to its messages.

use telecom_proto::v1 as proto;
use telecom_proto::v1::{
    GetRecentTrafficUsageRequest, RecentTrafficUsageResponse, UsuallyUsedNode as NodeMessage,
};

use super::user;
use crate::domain::GetRecentTrafficUsage;
use crate::packages::Traffic;
use crate::rpc::convert::timestamp;
use crate::rpc::requests::time_zone;
use crate::rpc::status::Refusal;
use crate::usage::{RecentRange, RecentTrafficUsage, TrafficBucket, UsuallyUsedNode};

pub(super) fn recent(
    request: &GetRecentTrafficUsageRequest,
) -> Result<GetRecentTrafficUsage, Refusal> {
    let user = user(&request.user_id)?;
    let range = match request.range() {
        proto::RecentRange::Day => RecentRange::Day,
        proto::RecentRange::Week => RecentRange::Week,
        proto::RecentRange::Month => RecentRange::Month,
        proto::RecentRange::Unspecified => {
            let description = "must be RECENT_RANGE_DAY, RECENT_RANGE_WEEK or RECENT_RANGE_MONTH";
            return Err(Refusal::field("range", description));
        }
    };
    Ok(GetRecentTrafficUsage {
        user,
        range,
        time_zone: time_zone(&request.time_zone)?,
    })
}

pub(super) fn recent_response(usage: &RecentTrafficUsage) -> RecentTrafficUsageResponse {
    let series = |of: fn(&TrafficBucket) -> Traffic| {
        let buckets = usage.buckets.iter().map(|bucket| {
            let Traffic { download, upload } = of(bucket);
            proto::TrafficBucket {
                bucket_start: Some(timestamp(bucket.start)),
                upload_bytes: upload,
                download_bytes: download,
            }
        });
        buckets.collect()
    };
    RecentTrafficUsageResponse {
        raw: series(|bucket| bucket.raw),
        actually_billed: series(|bucket| bucket.billed),
        billed_through: Some(timestamp(usage.billed_through)),
    }
}

pub(super) fn node(node: UsuallyUsedNode) -> NodeMessage {
    NodeMessage {
        node_client_id: node.node_client.0,
        node_name: node.name,
        upload_bytes: node.traffic.upload,
        download_bytes: node.traffic.download,
        billed_traffic: node.billed,
    }
}
