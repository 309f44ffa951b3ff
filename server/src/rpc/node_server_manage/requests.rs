//! Checks requests of administrators as far as the message alone can tell.

use telecom_proto::v1::{
    CreateNodeServerRequest, ListNodeServersRequest, RotateTokenRequest, SetMaintenanceRequest,
    UpdateNodeServerRequest,
};

use crate::auth::MachineSecret;
use crate::domain::{
    AdminCreateServer, AdminListServers, AdminRotateToken, AdminSetMaintenance, AdminUpdateServer,
};
use crate::nodes::{ConfigField, NodeServerId};
use crate::rpc::convert;
use crate::rpc::requests::{etag, grace, idempotency, limit, mask, needed_etag, number_of};
use crate::rpc::status::Refusal;
use crate::violation::check_reason;

pub(super) fn id(number: i32) -> Result<NodeServerId, Refusal> {
    number_of("a node server", "id", number).map(NodeServerId)
}

pub(super) fn create(
    request: CreateNodeServerRequest,
    secret: MachineSecret,
) -> Result<AdminCreateServer, Refusal> {
    let idempotency = idempotency(&request.idempotency_key, &request)?;
    let config = convert::draft(request.config.unwrap_or_default());
    Ok(AdminCreateServer {
        config: config.check().map_err(Refusal::Invalid)?,
        secret,
        idempotency,
    })
}

pub(super) fn list(request: &ListNodeServersRequest) -> Result<AdminListServers, Refusal> {
    let status = convert::status_filter(request.status)
        .map_err(|_| Refusal::field("status", "must be a known status, or unspecified for all"))?;
    Ok(AdminListServers {
        status,
        limit: limit(request.limit)?,
        offset: request.offset,
    })
}

pub(super) fn update(request: UpdateNodeServerRequest) -> Result<AdminUpdateServer, Refusal> {
    let id = id(request.id)?;
    let etag = needed_etag(request.etag)?;
    let config = request
        .config
        .ok_or_else(|| Refusal::field("config", "must be given"))?;
    Ok(AdminUpdateServer {
        id,
        etag,
        change: convert::draft(config),
        fields: mask(request.update_mask, &ConfigField::ALL)?,
    })
}

pub(super) fn maintenance(request: SetMaintenanceRequest) -> Result<AdminSetMaintenance, Refusal> {
    let id = id(request.id)?;
    check_reason("reason", &request.reason).map_err(Refusal::Invalid)?;
    if !request.enabled && !request.reason.is_empty() {
        let description = "must be empty when maintenance ends";
        return Err(Refusal::field("reason", description));
    }
    Ok(AdminSetMaintenance {
        id,
        reason: request.enabled.then_some(request.reason),
        etag: etag(request.etag),
    })
}

pub(super) fn rotation(
    request: RotateTokenRequest,
    secret: MachineSecret,
) -> Result<AdminRotateToken, Refusal> {
    Ok(AdminRotateToken {
        id: id(request.id)?,
        grace: grace(request.grace_period)?,
        secret,
        etag: etag(request.etag),
    })
}
