//! Decks as administrators know them.

use chrono::{DateTime, Utc};

use super::{Currency, DeckId};
use crate::revision::Revision;
use crate::violation::{Violation, Violations};

/// What an administrator says about a deck; the only ways to get one are [`Self::check`] and the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeckConfig {
    pub(crate) name: String,
    pub(crate) currency: Currency,
}

impl DeckConfig {
    /// Checks both fields; all violations are found at once.
    pub fn check(name: String, currency: &str) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        violations.name("name", &name);
        let currency = Currency::new(currency);
        let description = "must be a currency of ISO 4217: three capital letters, such as EUR";
        violations.require(currency.is_some(), "currency", description);
        violations.into_checked(currency.map(|currency| Self { name, currency }))
    }

    /// Unique name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The currency of all its rates.
    pub fn currency(&self) -> Currency {
        self.currency
    }
}

/// Checks the name of a deck.
pub fn check_deck_name(name: &str) -> Result<(), Vec<Violation>> {
    let mut violations = Violations::default();
    violations.name("name", name);
    violations.into_result(())
}

/// A deck as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deck {
    /// Its number.
    pub id: DeckId,
    /// What an administrator said about it.
    pub config: DeckConfig,
    /// How often it or its rates were written.
    pub revision: Revision,
    /// How many rates it has.
    pub rates: u64,
    /// When it was made, by the database's clock.
    pub created_at: DateTime<Utc>,
    /// When an administrator last changed it or its rates, by the database's clock.
    pub updated_at: DateTime<Utc>,
}
