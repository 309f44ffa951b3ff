//! Parts that requests have in common: pages, etags, masks, idempotency keys, numbers.

use prost::Message;
use prost_types::FieldMask;

use super::status::Refusal;
use crate::auth::Digest;
use crate::domain::Idempotency;

/// Rows on a page when the caller does not say.
const DEFAULT_LIMIT: u32 = 100;
/// Rows on a page at most.
const MAX_LIMIT: u32 = 500;

/// Rows on a page.
pub(super) fn limit(given: u32) -> Result<u32, Refusal> {
    match given {
        0 => Ok(DEFAULT_LIMIT),
        limit if limit <= MAX_LIMIT => Ok(limit),
        _ => Err(Refusal::field("limit", "must be at most 500")),
    }
}

/// An empty etag means that the caller does not care.
pub(super) fn etag(etag: String) -> Option<String> {
    (!etag.is_empty()).then_some(etag)
}

/// The etag of an update, which needs one.
pub(super) fn needed_etag(given: String) -> Result<String, Refusal> {
    let description = "must be the etag of the state that the change is based on";
    etag(given).ok_or_else(|| Refusal::field("etag", description))
}

/// The fields of `config` that a mask names; none means all.
pub(super) fn mask<F: Copy>(
    mask: Option<FieldMask>,
    known: &[(&'static str, F)],
) -> Result<Vec<F>, Refusal> {
    let paths = mask.unwrap_or_default().paths;
    let fields = paths.iter().map(|path| {
        let field = known.iter().find(|(name, _)| name == path);
        field.map(|(_, field)| *field).ok_or_else(|| {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            let description = format!("must name fields of config: {}", names.join(", "));
            Refusal::field("update_mask", &description)
        })
    });
    fields.collect()
}

/// The key of a create and what the whole request said; an empty key is none.
pub(super) fn idempotency(
    key: &str,
    request: &impl Message,
) -> Result<Option<Idempotency>, Refusal> {
    if key.is_empty() {
        return Ok(None);
    }
    if key.len() > 64 || !key.bytes().all(|b| b.is_ascii_graphic()) {
        let description = "must be up to 64 visible ASCII characters, such as a UUID";
        return Err(Refusal::field("idempotency_key", description));
    }
    Ok(Some(Idempotency {
        key: key.to_owned(),
        // Maps are ordered, so that one request has one encoding.
        fingerprint: Digest::of_bytes(&request.encode_to_vec()),
    }))
}

/// The number of a thing, at `field`.
pub(super) fn number_of(thing: &str, field: &str, number: i32) -> Result<i32, Refusal> {
    if number > 0 {
        Ok(number)
    } else {
        let description = format!("must be the number of {thing}, 1 or more");
        Err(Refusal::field(field, &description))
    }
}
