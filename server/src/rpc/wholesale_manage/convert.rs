//! The vocabulary of wholesale to its messages.

use telecom_proto::v1 as proto;

use crate::domain::{ImportedRates, RatedSides, Rerated};
use crate::rpc::convert::timestamp;
use crate::wholesale::{
    ChargeSum, Deck, Problem, Rate, Side, SideName, Trunk, TrunkRole, nano_decimal,
};

pub(super) fn deck(deck: &Deck) -> proto::Deck {
    proto::Deck {
        id: deck.id.0,
        etag: deck.revision.etag(),
        name: deck.config.name().to_owned(),
        currency: deck.config.currency().to_string(),
        rate_count: deck.rates,
        created_at: Some(timestamp(deck.created_at)),
        updated_at: Some(timestamp(deck.updated_at)),
    }
}

pub(super) fn rate(rate: &Rate) -> proto::Rate {
    proto::Rate {
        prefix: rate.prefix.as_str().to_owned(),
        rate_per_minute: nano_decimal(rate.price.rate_nano),
        minimum_seconds: rate.price.minimum_seconds,
        increment_seconds: rate.price.increment_seconds,
        valid_from: Some(timestamp(rate.period.from)),
        valid_to: rate.period.to.map(timestamp),
    }
}

pub(super) fn imported(imported: &ImportedRates) -> proto::ImportRatesResponse {
    let problem = |problem: &Problem| proto::ImportProblem {
        line: problem.line,
        column: problem.column.clone(),
        description: problem.description.clone(),
    };
    proto::ImportRatesResponse {
        deck: Some(deck(&imported.deck)),
        added: imported.added,
        ended: imported.ended,
        removed: imported.removed,
        problems: imported.problems.told().iter().map(problem).collect(),
        problem_count: imported.problems.count(),
    }
}

pub(super) fn trunk(trunk: &Trunk) -> proto::Trunk {
    let role = match trunk.key.role {
        TrunkRole::Customer => proto::TrunkRole::Customer,
        TrunkRole::Carrier => proto::TrunkRole::Carrier,
    };
    proto::Trunk {
        pbx_id: trunk.key.pbx.0,
        trunk_id: trunk.key.trunk.as_str().to_owned(),
        role: role.into(),
        deck_id: trunk.deck.map(|deck| deck.0),
        etag: trunk.revision.etag(),
        created_at: Some(timestamp(trunk.created_at)),
        updated_at: Some(timestamp(trunk.updated_at)),
    }
}

fn side_name(side: SideName) -> proto::ChargeSide {
    match side {
        SideName::Sell => proto::ChargeSide::Sell,
        SideName::Buy => proto::ChargeSide::Buy,
    }
}

pub(super) fn rated(rated: RatedSides) -> proto::RateCallResponse {
    let side = |(name, side): (Option<SideName>, Side)| {
        let name = name.map_or(proto::ChargeSide::Unspecified, side_name);
        let blank = proto::RatedSide {
            side: name.into(),
            ..Default::default()
        };
        match side {
            Side::NoTrunk | Side::NotRated => proto::RatedSide {
                unrated_reason: "not_rated".to_owned(),
                ..blank
            },
            Side::Unrated(reason) => proto::RatedSide {
                unrated_reason: reason.as_str().to_owned(),
                ..blank
            },
            Side::Charged(charge) => proto::RatedSide {
                deck_id: charge.deck.0,
                prefix: charge.prefix.as_str().to_owned(),
                rate_per_minute: nano_decimal(charge.price.rate_nano),
                minimum_seconds: charge.price.minimum_seconds,
                increment_seconds: charge.price.increment_seconds,
                billable_seconds: charge.billable_seconds,
                amount_micro: charge.amount_micro,
                currency: charge.currency.to_string(),
                ..blank
            },
        }
    };
    proto::RateCallResponse {
        sides: rated.sides.into_iter().map(side).collect(),
        profit_micro: rated.profit_micro,
    }
}

pub(super) fn rerated(rerated: Rerated) -> proto::RerateResponse {
    let deltas = rerated.deltas.into_iter();
    proto::RerateResponse {
        examined: rerated.examined,
        changed: rerated.changed,
        unrated: rerated.unrated,
        erased: rerated.erased,
        deltas: deltas
            .map(|(currency, delta)| proto::ChargeDelta {
                currency: currency.to_string(),
                sell_micro: delta.sell.clamped(),
                buy_micro: delta.buy.clamped(),
            })
            .collect(),
        next_start: rerated.next_start.map(timestamp),
    }
}

pub(super) fn sum(sum: ChargeSum) -> proto::ChargeSum {
    proto::ChargeSum {
        pbx_id: sum.pbx.map_or(0, |pbx| pbx.0),
        trunk_id: sum.trunk.unwrap_or_default(),
        day: sum.day.map(|day| day.to_string()).unwrap_or_default(),
        side: side_name(sum.side).into(),
        currency: sum.currency.to_string(),
        charges: sum.charges,
        billable_seconds: sum.billable_seconds,
        amount_micro: sum.amount.clamped(),
        amount: sum.amount.to_string(),
    }
}
