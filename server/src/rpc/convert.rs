//! The vocabulary of node servers to and from its messages.

use chrono::{DateTime, Utc};
use prost::UnknownEnumValue;
use prost_types::{Duration, Timestamp};
use telecom_proto::v1 as proto;

use crate::access::Access;
use crate::auth::MachineToken;
use crate::nodes::{
    Compatibility, HeartbeatDraft, LastHeartbeat, Maintenance, NodeServer, NodeServerConfig,
    NodeServerDraft, NodeStatus, Performance,
};
use crate::usage::Refusal;

pub(super) fn timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: time.timestamp(),
        nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}

/// `None` outside of the years 1970 to 9999, or when the nanoseconds are none.
pub(super) fn time(timestamp: Timestamp) -> Option<DateTime<Utc>> {
    const YEAR_10000: i64 = 253_402_300_800;
    let nanos = u32::try_from(timestamp.nanos).ok()?;
    if !(0..YEAR_10000).contains(&timestamp.seconds) || nanos >= 1_000_000_000 {
        return None;
    }
    DateTime::from_timestamp(timestamp.seconds, nanos)
}

/// `None` when it is negative, or when the nanoseconds are none. `Duration`'s own conversion overflows at
/// the least of all seconds.
pub(super) fn span(duration: Duration) -> Option<std::time::Duration> {
    let seconds = u64::try_from(duration.seconds).ok()?;
    let nanos = u32::try_from(duration.nanos).ok()?;
    (nanos < 1_000_000_000).then(|| std::time::Duration::new(seconds, nanos))
}

pub(super) fn micros(micros: i64) -> Duration {
    let nanos = i32::try_from(micros % 1_000_000).unwrap_or_default() * 1000;
    Duration {
        seconds: micros / 1_000_000,
        nanos,
    }
}

pub(super) fn duration(duration: std::time::Duration) -> Duration {
    micros(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

pub(super) fn draft(config: proto::NodeServerConfig) -> NodeServerDraft {
    NodeServerDraft {
        name: config.name,
        address: config.address,
        country: config.country,
        location: config.location,
        route_class: config.route_class,
        bandwidth_bps: config.bandwidth_bps,
        max_sessions: config.max_sessions,
        metadata: config.metadata,
    }
}

fn config(config: &NodeServerConfig) -> proto::NodeServerConfig {
    let values = config.values().clone();
    proto::NodeServerConfig {
        name: values.name,
        address: values.address,
        country: values.country,
        location: values.location,
        route_class: values.route_class,
        bandwidth_bps: values.bandwidth_bps,
        max_sessions: values.max_sessions,
        metadata: values.metadata,
    }
}

pub(super) fn status(status: NodeStatus) -> proto::NodeStatus {
    match status {
        NodeStatus::Online => proto::NodeStatus::Online,
        NodeStatus::Offline => proto::NodeStatus::Offline,
        NodeStatus::Maintenance => proto::NodeStatus::Maintenance,
    }
}

/// `Ok(None)` for any status; an error for a number that names none.
pub(super) fn status_filter(number: i32) -> Result<Option<NodeStatus>, UnknownEnumValue> {
    Ok(match proto::NodeStatus::try_from(number)? {
        proto::NodeStatus::Unspecified => None,
        proto::NodeStatus::Online => Some(NodeStatus::Online),
        proto::NodeStatus::Offline => Some(NodeStatus::Offline),
        proto::NodeStatus::Maintenance => Some(NodeStatus::Maintenance),
    })
}

pub(super) fn access(access: Access) -> proto::Access {
    match access {
        Access::Granted => proto::Access::Granted,
        Access::NoPackage => proto::Access::NoPackage,
        Access::QuotaUsedUp => proto::Access::QuotaUsedUp,
        Access::Suspended => proto::Access::Suspended,
        Access::Erased => proto::Access::Erased,
    }
}

pub(super) fn compatibility(compatibility: Compatibility) -> proto::Compatibility {
    match compatibility {
        Compatibility::Supported => proto::Compatibility::Supported,
        Compatibility::AgentTooOld => proto::Compatibility::AgentTooOld,
        Compatibility::AgentTooNew => proto::Compatibility::AgentTooNew,
    }
}

fn maintenance(maintenance: Maintenance) -> proto::Maintenance {
    proto::Maintenance {
        since: Some(timestamp(maintenance.since)),
        reason: maintenance.reason,
    }
}

pub(super) fn node_server(server: NodeServer) -> proto::NodeServer {
    let heartbeat = server.last_heartbeat.as_ref();
    let protocol_version = heartbeat.map(|heartbeat| heartbeat.protocol_version);
    proto::NodeServer {
        id: server.id.0,
        etag: server.revision.etag(),
        config: Some(config(&server.config)),
        status: status(server.status).into(),
        last_online_at: heartbeat.map(|heartbeat| timestamp(heartbeat.received_at)),
        compatibility: protocol_version
            .map_or(proto::Compatibility::Unspecified, |version| {
                compatibility(Compatibility::of(version))
            })
            .into(),
        agent_version: heartbeat
            .map(|heartbeat| heartbeat.agent_version.clone())
            .unwrap_or_default(),
        protocol_version: protocol_version.unwrap_or_default(),
        maintenance: server.maintenance.map(maintenance),
        created_at: Some(timestamp(server.created_at)),
        updated_at: Some(timestamp(server.updated_at)),
        client_count: server.client_count,
    }
}

pub(super) fn performance(heartbeat: &LastHeartbeat) -> proto::PerformanceSample {
    let sample = heartbeat.performance;
    proto::PerformanceSample {
        received_at: Some(timestamp(heartbeat.received_at)),
        cpu_usage_ratio: sample.cpu_usage_ratio,
        memory_used_bytes: sample.memory_used_bytes,
        memory_total_bytes: sample.memory_total_bytes,
        load_1m: sample.load[0],
        load_5m: sample.load[1],
        load_15m: sample.load[2],
        rx_bps: sample.rx_bps,
        tx_bps: sample.tx_bps,
        sessions: sample.sessions,
        clock_skew: Some(micros(heartbeat.clock_skew_micros)),
    }
}

pub(super) fn token(token: &MachineToken) -> proto::NodeToken {
    proto::NodeToken {
        created_at: Some(timestamp(token.created_at)),
        expires_at: token.expires_at.map(timestamp),
    }
}

pub(super) fn heartbeat(request: proto::HeartbeatRequest) -> HeartbeatDraft {
    HeartbeatDraft {
        agent_version: request.agent_version,
        protocol_version: request.protocol_version,
        boot_id: request.boot_id,
        config_hash: request.config_hash,
        performance: Performance {
            cpu_usage_ratio: request.cpu_usage_ratio,
            memory_used_bytes: request.memory_used_bytes,
            memory_total_bytes: request.memory_total_bytes,
            load: [request.load_1m, request.load_5m, request.load_15m],
            rx_bps: request.rx_bps,
            tx_bps: request.tx_bps,
            sessions: request.sessions,
        },
        clock: request.clock.and_then(time),
    }
}

pub(super) fn refusal_reason(reason: Refusal) -> proto::RefusalReason {
    match reason {
        Refusal::Negative => proto::RefusalReason::Negative,
        Refusal::TooLarge => proto::RefusalReason::TooLarge,
        Refusal::NodeClientUnknown => proto::RefusalReason::NodeClientUnknown,
        Refusal::UserUnknown => proto::RefusalReason::UserUnknown,
        Refusal::UserErased => proto::RefusalReason::UserErased,
        Refusal::TooOld => proto::RefusalReason::TooOld,
        Refusal::TooNew => proto::RefusalReason::TooNew,
        Refusal::TimeInvalid => proto::RefusalReason::TimeInvalid,
        Refusal::UserInvalid => proto::RefusalReason::UserInvalid,
    }
}

/// `Ok(None)` for any reason; an error for a number that names none.
pub(super) fn refusal_reason_filter(number: i32) -> Result<Option<Refusal>, UnknownEnumValue> {
    let wanted = proto::RefusalReason::try_from(number)?;
    let mut reasons = Refusal::ALL.into_iter();
    Ok(reasons.find(|reason| refusal_reason(*reason) == wanted))
}
