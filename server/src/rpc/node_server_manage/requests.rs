//! Checks requests of administrators as far as the message alone can tell.

use std::time::Duration;

use telecom_proto::v1::{
    ListNodeServersRequest, RotateTokenRequest, SetMaintenanceRequest, UpdateNodeServerRequest,
};

use crate::auth::NodeSecret;
use crate::domain::{AdminListServers, AdminRotateToken, AdminSetMaintenance, AdminUpdateServer};
use crate::nodes::{ConfigField, NodeServerId, check_reason};
use crate::rpc::convert;
use crate::rpc::status::Refusal;

/// Rows on a page when the caller does not say.
const DEFAULT_LIMIT: u32 = 100;
/// Rows on a page at most.
const MAX_LIMIT: u32 = 500;
/// How long a replaced token goes on working when the caller does not say.
const DEFAULT_GRACE: Duration = Duration::from_hours(1);
/// How long it may.
const MAX_GRACE: Duration = Duration::from_hours(7 * 24);

pub(super) fn id(number: i32) -> Result<NodeServerId, Refusal> {
    if number > 0 {
        Ok(NodeServerId(number))
    } else {
        Err(Refusal::field(
            "id",
            "must be the number of a node server, 1 or more",
        ))
    }
}

/// An empty etag means that the caller does not care.
pub(super) fn etag(etag: String) -> Option<String> {
    (!etag.is_empty()).then_some(etag)
}

pub(super) fn list(request: &ListNodeServersRequest) -> Result<AdminListServers, Refusal> {
    let status = convert::status_filter(request.status)
        .map_err(|_| Refusal::field("status", "must be a known status, or unspecified for all"))?;
    let limit = match request.limit {
        0 => DEFAULT_LIMIT,
        limit if limit <= MAX_LIMIT => limit,
        _ => return Err(Refusal::field("limit", "must be at most 500")),
    };
    Ok(AdminListServers {
        status,
        limit,
        offset: request.offset,
    })
}

pub(super) fn update(request: UpdateNodeServerRequest) -> Result<AdminUpdateServer, Refusal> {
    let id = id(request.id)?;
    if request.etag.is_empty() {
        let description = "must be the etag of the state that the change is based on";
        return Err(Refusal::field("etag", description));
    }
    let config = request
        .config
        .ok_or_else(|| Refusal::field("config", "must be given"))?;
    let mask = request.update_mask.unwrap_or_default();
    let fields = mask.paths.iter().map(|path| {
        ConfigField::from_name(path).ok_or_else(|| {
            let known: Vec<_> = ConfigField::ALL.iter().map(|(name, _)| *name).collect();
            let description = format!("must name fields of config: {}", known.join(", "));
            Refusal::field("update_mask", &description)
        })
    });
    Ok(AdminUpdateServer {
        id,
        etag: request.etag,
        change: convert::draft(config),
        fields: fields.collect::<Result<_, _>>()?,
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
        Some(given) => Duration::try_from(given)
            .ok()
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
