//! The vocabulary of wholesale: decks of rates, trunks, and what a call comes to by them.
//!
//! Values only; a value that exists is valid. Nothing here knows SQL or gRPC.

mod charge;
mod correction;
mod decimal;
mod deck;
mod export;
mod facts;
mod import;
mod number;
#[cfg(test)]
mod properties;
mod rate;
mod rating;
mod side;
mod sums;
#[cfg(test)]
mod tests;
mod timeline;
mod trunk;

use std::fmt;

pub use charge::{Charge, Rating, SideName, Unrated};
pub use correction::{Correction, Standing};
pub use decimal::{Amount, micro_decimal, nano_decimal, parse_nano};
pub use deck::{Deck, DeckConfig, check_deck_name};
pub use export::{ChargeCursor, ChargeRow};
pub use facts::CallFacts;
pub use import::{Imported, MAX_CSV_BYTES, Problem, Problems, parse};
pub use number::digits;
pub use rate::{Period, Prefix, Price, Rate};
pub use rating::{Rated, TooLarge};
pub use side::{Mapping, Side, Terms};
pub use sums::{ChargeGroup, ChargeSum};
pub use timeline::overlaps;
pub use trunk::{Trunk, TrunkId, TrunkKey, TrunkRole};

/// The number of a deck; positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeckId(pub i32);

impl fmt::Display for DeckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A currency: three capital letters, as ISO 4217 names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The currency of that name; whether ISO 4217 has it is for the administrator to know.
    pub fn new(name: &str) -> Option<Self> {
        let letters: [u8; 3] = name.as_bytes().try_into().ok()?;
        letters
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(letters))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
