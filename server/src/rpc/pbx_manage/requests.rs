//! Checks requests of administrators as far as the message alone can tell.

use telecom_proto::v1::{
    CreatePbxRequest, ListPbxsRequest, ListRejectedCallRecordsRequest, RotatePbxTokenRequest,
    UpdatePbxRequest,
};

use super::convert;
use crate::auth::MachineSecret;
use crate::domain::{
    AdminCreatePbx, AdminListPbxs, AdminListRejectedCalls, AdminRotatePbxToken, AdminUpdatePbx,
};
use crate::pbxs::{ConfigField, PbxId};
use crate::rpc::requests::{
    before, etag, grace, idempotency, limit, mask, needed_etag, number_filter, number_of, word,
};
use crate::rpc::status::Refusal;

pub(super) fn id(number: i32) -> Result<PbxId, Refusal> {
    number_of("a PBX", "id", number).map(PbxId)
}

pub(super) fn list(request: ListPbxsRequest) -> Result<AdminListPbxs, Refusal> {
    Ok(AdminListPbxs {
        limit: limit(request.limit)?,
        offset: request.offset,
    })
}

pub(super) fn create(
    request: CreatePbxRequest,
    secret: MachineSecret,
) -> Result<AdminCreatePbx, Refusal> {
    let idempotency = idempotency(&request.idempotency_key, &request)?;
    let config = convert::draft(request.config.unwrap_or_default());
    Ok(AdminCreatePbx {
        config: config.check().map_err(Refusal::Invalid)?,
        secret,
        idempotency,
    })
}

pub(super) fn update(request: UpdatePbxRequest) -> Result<AdminUpdatePbx, Refusal> {
    let id = id(request.id)?;
    let etag = needed_etag(request.etag)?;
    let config = request
        .config
        .ok_or_else(|| Refusal::field("config", "must be given"))?;
    Ok(AdminUpdatePbx {
        id,
        etag,
        change: convert::draft(config),
        fields: mask(request.update_mask, &ConfigField::ALL)?,
    })
}

pub(super) fn rotation(
    request: RotatePbxTokenRequest,
    secret: MachineSecret,
) -> Result<AdminRotatePbxToken, Refusal> {
    Ok(AdminRotatePbxToken {
        id: id(request.id)?,
        grace: grace(request.grace_period)?,
        secret,
        etag: etag(request.etag),
    })
}

pub(super) fn list_rejected(
    request: ListRejectedCallRecordsRequest,
) -> Result<AdminListRejectedCalls, Refusal> {
    Ok(AdminListRejectedCalls {
        pbx: number_filter("a PBX", "pbx_id", request.pbx_id)?.map(PbxId),
        reason: word("reason", request.reason)?,
        limit: limit(request.limit)?,
        before_id: before("a row", request.before_id)?,
    })
}
