//! Checks requests on decks, rates and trunks as far as the message alone can tell.

use prost_types::Timestamp;
use telecom_proto::v1 as proto;
use telecom_proto::v1::{
    CreateDeckRequest, DeleteDeckRequest, DeleteTrunkRequest, ImportRatesRequest, ListDecksRequest,
    ListRatesRequest, ListTrunksRequest, SetRateEndRequest, SetTrunkRequest, UpdateDeckRequest,
};

use crate::domain::{
    AdminCreateDeck, AdminDeleteDeck, AdminDeleteTrunk, AdminImportRates, AdminListDecks,
    AdminListRates, AdminListTrunks, AdminSetRateEnd, AdminSetTrunk, AdminUpdateDeck, ImportMode,
};
use crate::pbxs::PbxId;
use crate::rpc::requests::{
    etag, idempotency, limit, moment, needed_etag, number_filter, number_of,
};
use crate::rpc::status::Refusal;
use crate::violation::Violations;
use crate::wholesale::{
    DeckConfig, DeckId, MAX_CSV_BYTES, Prefix, TrunkId, TrunkKey, TrunkRole, check_deck_name,
};

pub(super) fn deck(field: &str, number: i32) -> Result<DeckId, Refusal> {
    number_of("a wholesale deck", field, number).map(DeckId)
}

pub(super) fn pbx_filter(number: i32) -> Result<Option<PbxId>, Refusal> {
    Ok(number_filter("a PBX", "pbx_id", number)?.map(PbxId))
}

pub(super) fn list_decks(request: ListDecksRequest) -> Result<AdminListDecks, Refusal> {
    Ok(AdminListDecks {
        limit: limit(request.limit)?,
        offset: request.offset,
    })
}

pub(super) fn create_deck(request: CreateDeckRequest) -> Result<AdminCreateDeck, Refusal> {
    let idempotency = idempotency(&request.idempotency_key, &request)?;
    let config = DeckConfig::check(request.name, &request.currency);
    Ok(AdminCreateDeck {
        config: config.map_err(Refusal::Invalid)?,
        idempotency,
    })
}

pub(super) fn update_deck(request: UpdateDeckRequest) -> Result<AdminUpdateDeck, Refusal> {
    let id = deck("id", request.id)?;
    let etag = needed_etag(request.etag)?;
    check_deck_name(&request.name).map_err(Refusal::Invalid)?;
    let name = request.name;
    Ok(AdminUpdateDeck { id, etag, name })
}

pub(super) fn delete_deck(request: DeleteDeckRequest) -> Result<AdminDeleteDeck, Refusal> {
    Ok(AdminDeleteDeck {
        id: deck("id", request.id)?,
        etag: etag(request.etag),
    })
}

pub(super) fn list_rates(request: ListRatesRequest) -> Result<AdminListRates, Refusal> {
    Ok(AdminListRates {
        deck: deck("deck_id", request.deck_id)?,
        prefix: prefix(request.prefix)?,
        at: request.at.map(|at| moment("at", at)).transpose()?,
        limit: limit(request.limit)?,
        offset: request.offset,
    })
}

pub(super) fn import_rates(request: ImportRatesRequest) -> Result<AdminImportRates, Refusal> {
    let deck = deck("deck_id", request.deck_id)?;
    if request.csv.len() > MAX_CSV_BYTES {
        return Err(Refusal::field("csv", "must be at most 4 MiB"));
    }
    Ok(AdminImportRates {
        deck,
        etag: etag(request.etag),
        csv: request.csv,
        mode: import_mode(request.mode, request.replace_from)?,
        dry_run: request.dry_run,
    })
}

fn import_mode(mode: i32, from: Option<Timestamp>) -> Result<ImportMode, Refusal> {
    let from = from.map(|at| moment("replace_from", at)).transpose()?;
    match (proto::ImportMode::try_from(mode), from) {
        (Ok(proto::ImportMode::Add), None) => Ok(ImportMode::Add),
        (Ok(proto::ImportMode::Add), Some(_)) => {
            let description = "is for IMPORT_MODE_REPLACE_FROM only";
            Err(Refusal::field("replace_from", description))
        }
        (Ok(proto::ImportMode::ReplaceFrom), from) => Ok(ImportMode::ReplaceFrom(from)),
        (Ok(proto::ImportMode::Unspecified) | Err(_), _) => {
            let description = "must be IMPORT_MODE_ADD or IMPORT_MODE_REPLACE_FROM";
            Err(Refusal::field("mode", description))
        }
    }
}

pub(super) fn set_rate_end(request: SetRateEndRequest) -> Result<AdminSetRateEnd, Refusal> {
    let deck = deck("deck_id", request.deck_id)?;
    let prefix = prefix(request.prefix)?;
    let from = request
        .valid_from
        .ok_or_else(|| Refusal::field("valid_from", "must be given"))?;
    let from = moment("valid_from", from)?;
    let to = request.valid_to.map(|at| moment("valid_to", at));
    let to = to.transpose()?;
    if to.is_some_and(|to| to < from) {
        return Err(Refusal::field("valid_to", "must not be before valid_from"));
    }
    Ok(AdminSetRateEnd {
        deck,
        prefix,
        from,
        to,
        etag: etag(request.etag),
    })
}

pub(super) fn list_trunks(request: &ListTrunksRequest) -> Result<AdminListTrunks, Refusal> {
    let description = "must be a known role, or unspecified for both";
    let role = proto::TrunkRole::try_from(request.role);
    let role = role.map_err(|_| Refusal::field("role", description))?;
    Ok(AdminListTrunks {
        pbx: pbx_filter(request.pbx_id)?,
        role: role_of(role),
        limit: limit(request.limit)?,
        offset: request.offset,
    })
}

pub(super) fn set_trunk(request: SetTrunkRequest) -> Result<AdminSetTrunk, Refusal> {
    let key = trunk_key(request.pbx_id, request.trunk_id, request.role)?;
    let deck = request.deck_id.map(|id| deck("deck_id", id)).transpose()?;
    let etag = etag(request.etag);
    Ok(AdminSetTrunk { key, deck, etag })
}

pub(super) fn delete_trunk(request: DeleteTrunkRequest) -> Result<AdminDeleteTrunk, Refusal> {
    let key = trunk_key(request.pbx_id, request.trunk_id, request.role)?;
    let etag = etag(request.etag);
    Ok(AdminDeleteTrunk { key, etag })
}

/// All fields at fault are named at once.
fn trunk_key(pbx: i32, trunk: String, role: i32) -> Result<TrunkKey, Refusal> {
    let mut violations = Violations::default();
    let trunk = TrunkId::new(trunk);
    let role = proto::TrunkRole::try_from(role).ok().and_then(role_of);
    violations.require(pbx > 0, "pbx_id", "must be the number of a PBX, 1 or more");
    violations.require(trunk.is_some(), "trunk_id", TRUNK);
    let description = "must be TRUNK_ROLE_CUSTOMER or TRUNK_ROLE_CARRIER";
    violations.require(role.is_some(), "role", description);
    let key = trunk.zip(role).map(|(trunk, role)| TrunkKey {
        pbx: PbxId(pbx),
        trunk,
        role,
    });
    violations.into_checked(key).map_err(Refusal::Invalid)
}

pub(super) const TRUNK: &str =
    "must be the PBX's name of a trunk: 1 to 64 characters without control characters";

fn role_of(role: proto::TrunkRole) -> Option<TrunkRole> {
    match role {
        proto::TrunkRole::Unspecified => None,
        proto::TrunkRole::Customer => Some(TrunkRole::Customer),
        proto::TrunkRole::Carrier => Some(TrunkRole::Carrier),
    }
}

fn prefix(digits: String) -> Result<Prefix, Refusal> {
    Prefix::new(digits).ok_or_else(|| Refusal::field("prefix", "must be up to 15 digits"))
}
