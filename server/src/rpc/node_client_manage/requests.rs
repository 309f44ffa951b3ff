//! Checks requests of administrators as far as the message alone can tell.

use telecom_proto::v1::{
    CreateNodeClientRequest, DeleteNodeClientRequest, ListNodeClientsRequest, SetFactorRequest,
    UpdateNodeClientRequest,
};

use super::convert::draft;
use crate::domain::{
    AdminCreateClient, AdminDeleteClient, AdminListClients, AdminSetFactor, AdminUpdateClient,
};
use crate::nodes::{ClientField, Factor, NodeClientId, NodeServerId};
use crate::rpc::convert::time;
use crate::rpc::requests::{etag, idempotency, limit, mask, needed_etag, number_of};
use crate::rpc::status::Refusal;
use crate::violation::Violation;

pub(super) fn id(number: i32) -> Result<NodeClientId, Refusal> {
    number_of("a node client", "id", number).map(NodeClientId)
}

pub(super) fn list(request: &ListNodeClientsRequest) -> Result<AdminListClients, Refusal> {
    let node_server = match request.node_server_id {
        0 => None,
        number => Some(number_of("a node server", "node_server_id", number)?),
    };
    Ok(AdminListClients {
        node_server: node_server.map(NodeServerId),
        limit: limit(request.limit)?,
        offset: request.offset,
    })
}

pub(super) fn create(request: CreateNodeClientRequest) -> Result<AdminCreateClient, Refusal> {
    let idempotency = idempotency(&request.idempotency_key, &request)?;
    let factor = request.factor_millionths.map_or(Ok(Factor::ONCE), factor);
    let config = draft(request.config.unwrap_or_default()).check();
    match (config, factor) {
        (Ok(config), Ok(factor)) => Ok(AdminCreateClient {
            config,
            factor,
            idempotency,
        }),
        (config, factor) => {
            let violations = config.err().into_iter().flatten();
            let violations = violations.chain(factor.err());
            Err(Refusal::Invalid(violations.collect()))
        }
    }
}

pub(super) fn update(request: UpdateNodeClientRequest) -> Result<AdminUpdateClient, Refusal> {
    let id = id(request.id)?;
    let etag = needed_etag(request.etag)?;
    let config = request
        .config
        .ok_or_else(|| Refusal::field("config", "must be given"))?;
    Ok(AdminUpdateClient {
        id,
        etag,
        change: draft(config),
        fields: mask(request.update_mask, &ClientField::ALL)?,
    })
}

pub(super) fn delete(request: DeleteNodeClientRequest) -> Result<AdminDeleteClient, Refusal> {
    Ok(AdminDeleteClient {
        id: id(request.id)?,
        etag: etag(request.etag),
    })
}

pub(super) fn set_factor(request: SetFactorRequest) -> Result<AdminSetFactor, Refusal> {
    let id = id(request.id)?;
    let factor =
        factor(request.factor_millionths).map_err(|violation| Refusal::Invalid(vec![violation]))?;
    let valid_from = request.valid_from.map(|given| {
        let description = "must be a moment between the years 1970 and 9999";
        time(given).ok_or_else(|| Refusal::field("valid_from", description))
    });
    Ok(AdminSetFactor {
        id,
        factor,
        valid_from: valid_from.transpose()?,
        etag: etag(request.etag),
    })
}

fn factor(millionths: u64) -> Result<Factor, Violation> {
    Factor::from_millionths(millionths).ok_or_else(|| {
        let description = "must be at most 1 000 000 000, which is a thousand times";
        Violation::new("factor_millionths", description)
    })
}
