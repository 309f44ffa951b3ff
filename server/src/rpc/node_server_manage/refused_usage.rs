//! Requests and replies on usage that was refused.

use telecom_proto::v1 as proto;
use telecom_proto::v1::{
    ListRefusedUsageRequest, ListRefusedUsageResponse, ReadmitUsageRequest, ReadmitUsageResponse,
};

use crate::domain::{AdminListRefusedUsage, AdminReadmitUsage, ReadmittedUsage, RefusedUsagePage};
use crate::nodes::NodeServerId;
use crate::rpc::convert::{refusal_reason, refusal_reason_filter, timestamp};
use crate::rpc::requests::{before, limit, number_filter, number_of};
use crate::rpc::status::Refusal;
use crate::usage::{RefusedUsage, RefusedUsageFilter};

/// Most rows of one request.
const MAX_IDS: usize = 500;

pub(super) fn list(request: &ListRefusedUsageRequest) -> Result<AdminListRefusedUsage, Refusal> {
    let node = number_filter("a node server", "node_server_id", request.node_server_id)?;
    let reason = refusal_reason_filter(request.reason)
        .map_err(|_| Refusal::field("reason", "must be a reason, or unspecified for all"))?;
    Ok(AdminListRefusedUsage {
        limit: limit(request.limit)?,
        filter: RefusedUsageFilter {
            node_server: node.map(NodeServerId),
            reason,
            with_readmitted: request.with_readmitted,
            before_id: before("a row", request.before_id)?,
        },
    })
}

pub(super) fn page(page: RefusedUsagePage) -> ListRefusedUsageResponse {
    ListRefusedUsageResponse {
        refused: page.refused.into_iter().map(refused).collect(),
        next_before_id: page.next_before_id.unwrap_or_default(),
    }
}

fn refused(usage: RefusedUsage) -> proto::RefusedUsage {
    proto::RefusedUsage {
        id: usage.id,
        node_server_id: usage.node_server.0,
        boot_id: usage.boot_id,
        seq: usage.seq,
        index: usage.place,
        reason: refusal_reason(usage.reason).into(),
        row: Some(proto::UsageRow {
            user_id: usage.row.user_id,
            node_client_id: usage.row.node_client_id,
            used_at: usage.row.used_at.map(timestamp),
            upload_bytes: usage.row.upload,
            download_bytes: usage.row.download,
        }),
        refused_at: Some(timestamp(usage.refused_at)),
        readmitted_at: usage.readmitted_at.map(timestamp),
    }
}

pub(super) fn readmit(request: ReadmitUsageRequest) -> Result<AdminReadmitUsage, Refusal> {
    let node = number_of("a node server", "node_server_id", request.node_server_id)?;
    if !(1..=MAX_IDS).contains(&request.ids.len()) || request.ids.iter().any(|id| *id < 1) {
        let description = "must be 1 to 500 numbers of refused rows";
        return Err(Refusal::field("ids", description));
    }
    Ok(AdminReadmitUsage {
        node_server: NodeServerId(node),
        ids: request.ids.into_iter().collect(),
    })
}

pub(super) fn readmitted(usage: ReadmittedUsage) -> ReadmitUsageResponse {
    let still_refused = usage.still_refused.into_iter();
    ReadmitUsageResponse {
        readmitted_ids: usage.readmitted,
        still_refused: still_refused
            .map(|(id, reason)| proto::StillRefused {
                id,
                reason: refusal_reason(reason).into(),
            })
            .collect(),
    }
}
