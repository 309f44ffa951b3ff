//! Checks requests of administrators as far as the message alone can tell.

use std::time::Duration;

use telecom_proto::v1::{
    CreateNodeServerRequest, ListNodeServersRequest, RotateTokenRequest, SetMaintenanceRequest,
    UpdateNodeServerRequest,
};

use crate::auth::NodeSecret;
use crate::domain::{
    AdminCreateServer, AdminListServers, AdminRotateToken, AdminSetMaintenance, AdminUpdateServer,
};
use crate::nodes::{ConfigField, NodeServerId};
use crate::rpc::convert;
use crate::rpc::requests::{etag, idempotency, limit, mask, needed_etag, number_of};
use crate::rpc::status::Refusal;
use crate::violation::check_reason;

/// How long a replaced token goes on working when the caller does not say.
const DEFAULT_GRACE: Duration = Duration::from_hours(1);
/// How long it may.
const MAX_GRACE: Duration = Duration::from_hours(7 * 24);

pub(super) fn id(number: i32) -> Result<NodeServerId, Refusal> {
    number_of("a node server", "id", number).map(NodeServerId)
}

pub(super) fn create(
    request: CreateNodeServerRequest,
    secret: NodeSecret,
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
    secret: NodeSecret,
) -> Result<AdminRotateToken, Refusal> {
    let id = id(request.id)?;
    let grace = match request.grace_period {
        None => DEFAULT_GRACE,
        Some(given) => convert::span(given)
            .filter(|grace| *grace <= MAX_GRACE)
            .ok_or_else(|| Refusal::field("grace_period", "must be between 0 and 7 days"))?,
    };
    Ok(AdminRotateToken {
        id,
        grace,
        secret,
        etag: etag(request.etag),
    })
}
