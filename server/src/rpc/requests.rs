//! Parts that requests have in common: pages, etags, masks, idempotency keys, ids, times.

use chrono::{DateTime, Utc};
use prost::Message;
use prost_types::{FieldMask, Timestamp};

use super::convert::time;
use super::status::Refusal;
use crate::auth::Digest;
use crate::domain::Idempotency;
use crate::users::UserId;

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

/// The fields of `config` that a mask names, each once however often it does; none means all.
pub(super) fn mask<F: Copy + PartialEq>(
    mask: Option<FieldMask>,
    known: &[(&'static str, F)],
) -> Result<Vec<F>, Refusal> {
    let mut fields = Vec::new();
    for path in mask.unwrap_or_default().paths {
        let Some((_, field)) = known.iter().find(|(name, _)| *name == path) else {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            let description = format!("must name fields of config: {}", names.join(", "));
            return Err(Refusal::field("update_mask", &description));
        };
        if !fields.contains(field) {
            fields.push(*field);
        }
    }
    Ok(fields)
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

/// Text that something is looked up by, at `field`; empty means that it does not matter.
pub(super) fn word(field: &str, text: String) -> Result<Option<String>, Refusal> {
    const MAX_CHARS: usize = 300;
    if text.chars().count() > MAX_CHARS || text.chars().any(char::is_control) {
        let description = "must be up to 300 characters without control characters";
        return Err(Refusal::field(field, description));
    }
    Ok((!text.is_empty()).then_some(text))
}

/// From and until when; absent where there is no limit.
pub(super) type Span = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The span between the fields `start` and `end`.
pub(super) fn between(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<Span, Refusal> {
    let start = start.map(|at| moment("start", at)).transpose()?;
    let end = end.map(|at| moment("end", at)).transpose()?;
    match (start, end) {
        (Some(start), Some(end)) if end <= start => {
            Err(Refusal::field("end", "must be after start"))
        }
        between => Ok(between),
    }
}

/// A moment at `field`.
pub(super) fn moment(field: &str, at: Timestamp) -> Result<DateTime<Utc>, Refusal> {
    let description = "must be a moment of the years 1970 to 9999";
    time(at).ok_or_else(|| Refusal::field(field, description))
}

/// A subscriber, at `field`.
pub(super) fn user_id(field: &str, id: &str) -> Result<UserId, Refusal> {
    let description = "must be a UUID: 32 hexadecimal digits in five groups";
    id.parse().map_err(|_| Refusal::field(field, description))
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

/// The number of a thing to filter by, at `field`; 0 for all.
pub(super) fn number_filter(thing: &str, field: &str, number: i32) -> Result<Option<i32>, Refusal> {
    match number {
        0 => Ok(None),
        number if number > 0 => Ok(Some(number)),
        _ => {
            let description = format!("must be the number of {thing}, or 0 for all");
            Err(Refusal::field(field, &description))
        }
    }
}
