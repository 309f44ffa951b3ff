//! The vocabulary of PBXs to and from its messages.

use telecom_proto::v1 as proto;

use crate::auth::MachineToken;
use crate::pbxs::{Pbx, PbxDraft, PbxState};
use crate::rpc::convert::timestamp;
use crate::store::call_rejections::StoredRejection;

pub(super) fn draft(config: proto::PbxConfig) -> PbxDraft {
    PbxDraft {
        name: config.name,
        health_url: config.health_url,
        metadata: config.metadata,
    }
}

pub(super) fn pbx(pbx: &Pbx) -> proto::Pbx {
    let values = pbx.config.values();
    proto::Pbx {
        id: pbx.id.0,
        etag: pbx.revision.etag(),
        config: Some(proto::PbxConfig {
            name: values.name.clone(),
            health_url: values.health_url.clone(),
            metadata: values.metadata.clone(),
        }),
        created_at: Some(timestamp(pbx.created_at)),
        updated_at: Some(timestamp(pbx.updated_at)),
    }
}

pub(super) fn state(state: PbxState) -> proto::PbxState {
    proto::PbxState {
        active_calls: state.active_calls,
        version: state.version,
        reported_at: Some(timestamp(state.reported_at)),
        expires_at: Some(timestamp(state.expires_at)),
    }
}

pub(super) fn token(token: &MachineToken) -> proto::PbxToken {
    proto::PbxToken {
        created_at: Some(timestamp(token.created_at)),
        expires_at: token.expires_at.map(timestamp),
    }
}

pub(super) fn rejected(record: StoredRejection) -> proto::RejectedCallRecord {
    proto::RejectedCallRecord {
        id: record.id,
        pbx_id: record.pbx.0,
        reason: record.reason,
        field: record.field,
        description: record.description,
        start_time: record.start_time.map(timestamp),
        call_id: record.call_id,
        body: record.body,
        times: record.times,
        received_at: Some(timestamp(record.received_at)),
    }
}
