//! The state of decks, rates and trunks as the audit log keeps it.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::messages::AdminRerate;
use crate::wholesale::{Deck, Rate, Trunk, TrunkId, nano_decimal};

pub(super) fn of_deck(deck: &Deck) -> Value {
    json!({
        "etag": deck.revision.etag(),
        "name": deck.config.name(),
        "currency": deck.config.currency().as_str(),
        "rate_count": deck.rates,
    })
}

pub(super) fn of_rate(rate: &Rate) -> Value {
    json!({
        "prefix": rate.prefix.as_str(),
        "rate_per_minute": nano_decimal(rate.price.rate_nano),
        "minimum_seconds": rate.price.minimum_seconds,
        "increment_seconds": rate.price.increment_seconds,
        "valid_from": rate.period.from.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        "valid_to": rate.period.to,
    })
}

pub(super) fn of_trunk(trunk: &Trunk) -> Value {
    json!({
        "etag": trunk.revision.etag(),
        "deck_id": trunk.deck.map(|deck| deck.0),
    })
}

pub(super) fn of_rerating(input: &AdminRerate) -> Value {
    json!({
        "start": input.start,
        "end": input.end,
        "pbx_id": input.pbx.map(|pbx| pbx.0),
        "trunk_id": input.trunk.as_ref().map(TrunkId::as_str),
    })
}
