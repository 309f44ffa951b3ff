//! What rating says of the two sides of a call.

use super::{Currency, DeckId, Prefix, Price, Side};

/// The side of a call that money moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SideName {
    /// Sold to the customer that it came from.
    Sell,
    /// Bought from the carrier that it went to.
    Buy,
}

impl SideName {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Sell, Self::Buy];

    /// The name in SQL, metrics and exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sell => "sell",
            Self::Buy => "buy",
        }
    }

    /// The side of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// Why a side that has a trunk has no charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unrated {
    /// Nobody has said whose the trunk is.
    UnmappedTrunk,
    /// The deck has no rate for the number at that time.
    NoRate,
    /// What was called is no telephone number.
    BadNumber,
    /// The amount is larger than can be kept: 2^63 micro-currency.
    AmountTooLarge,
}

impl Unrated {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::UnmappedTrunk,
        Self::NoRate,
        Self::BadNumber,
        Self::AmountTooLarge,
    ];

    /// The name in SQL, metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnmappedTrunk => "unmapped_trunk",
            Self::NoRate => "no_rate",
            Self::BadNumber => "bad_number",
            Self::AmountTooLarge => "amount_too_large",
        }
    }
}

/// What one side of a call costs, and how it was reckoned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The trunk that it is charged for.
    pub trunk_id: String,
    /// The deck.
    pub deck: DeckId,
    /// The prefix of its rate; empty for any number, and for a call that nobody answered.
    pub prefix: Prefix,
    /// The price; zero for a call that nobody answered.
    pub price: Price,
    /// Seconds that are charged.
    pub billable_seconds: i64,
    /// Micro-currency, not negative.
    pub amount_micro: i64,
    /// The currency of the deck.
    pub currency: Currency,
}

/// What both sides of a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rating {
    /// Sold to the customer.
    pub sell: Side,
    /// Bought from the carrier.
    pub buy: Side,
}

impl Rating {
    /// The sides with their names.
    pub fn sides(&self) -> [(SideName, &Side); 2] {
        [(SideName::Sell, &self.sell), (SideName::Buy, &self.buy)]
    }

    /// Why the charge for the customer is missing, for `call_record.unrated_sell`.
    pub fn unrated_sell(&self) -> Option<&'static str> {
        self.sell.unrated().map(Unrated::as_str)
    }

    /// Why the charge of the carrier is missing, for `call_record.unrated_buy`.
    pub fn unrated_buy(&self) -> Option<&'static str> {
        self.buy.unrated().map(Unrated::as_str)
    }

    /// What the call brings in one currency, in micro-currency: sell − buy, which may be negative. `None`
    /// unless both sides are charged, and in the same currency.
    pub fn profit_micro(&self) -> Option<(Currency, i64)> {
        let (sold, bought) = (self.sell.charge()?, self.buy.charge()?);
        // Neither is negative, so the difference always fits.
        (sold.currency == bought.currency)
            .then_some((sold.currency, sold.amount_micro - bought.amount_micro))
    }

    /// Whether both sides are charged, but in two currencies, so that there is no profit to speak of.
    pub fn currencies_differ(&self) -> bool {
        match (self.sell.charge(), self.buy.charge()) {
            (Some(sold), Some(bought)) => sold.currency != bought.currency,
            (None, _) | (_, None) => false,
        }
    }
}
