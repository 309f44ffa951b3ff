//! What one side of a call comes to, by what its trunk is mapped to.

use super::{Charge, Currency, DeckId, Prefix, Price, Rated, TooLarge, Unrated};

/// What one side of a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// No trunk on this side.
    NoTrunk,
    /// The trunk is known, and its calls are not to be rated.
    NotRated,
    /// A charge is missing.
    Unrated(Unrated),
    /// A charge.
    Charged(Charge),
}

impl Side {
    /// The charge, if there is one.
    pub fn charge(&self) -> Option<&Charge> {
        match self {
            Self::Charged(charge) => Some(charge),
            Self::NoTrunk | Self::NotRated | Self::Unrated(_) => None,
        }
    }

    /// Why a charge is missing, if it is.
    pub fn unrated(&self) -> Option<Unrated> {
        match self {
            Self::Unrated(reason) => Some(*reason),
            Self::NoTrunk | Self::NotRated | Self::Charged(_) => None,
        }
    }

    /// What the side of `trunk` comes to. `talk_ms` is absent when nobody answered, and `number_good` says whether
    /// a telephone number was called, which only an answered call needs.
    pub fn of(trunk: &str, mapping: Mapping, number_good: bool, talk_ms: Option<i64>) -> Self {
        let terms = match mapping {
            Mapping::Unknown => return Self::Unrated(Unrated::UnmappedTrunk),
            Mapping::WithoutDeck => return Self::NotRated,
            Mapping::Deck(terms) => terms,
        };
        let charged = |prefix,
                       price,
                       Rated {
                           billable_seconds,
                           amount_micro,
                       }| {
            Self::Charged(Charge {
                trunk_id: trunk.to_owned(),
                deck: terms.deck,
                prefix,
                price,
                billable_seconds,
                amount_micro,
                currency: terms.currency,
            })
        };
        let Some(talk_ms) = talk_ms else {
            return charged(Prefix::default(), Price::ZERO, Rated::NOTHING);
        };
        match terms.rate {
            _ if !number_good => Self::Unrated(Unrated::BadNumber),
            None => Self::Unrated(Unrated::NoRate),
            Some((prefix, price)) => match price.rate(talk_ms) {
                Ok(rated) => charged(prefix, price, rated),
                Err(TooLarge) => Self::Unrated(Unrated::AmountTooLarge),
            },
        }
    }
}

/// What a trunk is mapped to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapping {
    /// Nothing.
    Unknown,
    /// No deck: its calls are not to be rated.
    WithoutDeck,
    /// A deck.
    Deck(Terms),
}

/// What a deck says of a number at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The deck.
    pub deck: DeckId,
    /// Its currency.
    pub currency: Currency,
    /// The longest prefix of the number that has a price then.
    pub rate: Option<(Prefix, Price)>,
}
