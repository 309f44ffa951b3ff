//! Wholesale as administrators manage it: decks, rates, trunks, and what calls came to.

mod decks;
mod export;
mod import;
mod messages;
mod rates;
mod rerate;
mod sample;
mod snapshot;
mod sums;
mod trunks;

pub use messages::{
    AdminCreateDeck, AdminDeleteDeck, AdminDeleteTrunk, AdminExportCharges, AdminImportRates,
    AdminListDecks, AdminListRates, AdminListTrunks, AdminRateCall, AdminRerate, AdminSetRateEnd,
    AdminSetTrunk, AdminShowDeck, AdminSumCharges, AdminUpdateDeck, ChargeDelta, DeckPage,
    ImportMode, ImportedRates, RatePage, RatedBy, RatedSides, Rerated, TrunkPage,
};

use crate::domain::manage::write::check_etag;
use crate::domain::{DomainError, Kind, Thing};
use crate::store::{Transaction, wholesale_decks};
use crate::wholesale::{Deck, DeckId};

/// The deck, held against other writers, if it is still what the caller knows.
async fn locked(
    transaction: &mut Transaction,
    id: DeckId,
    etag: Option<&str>,
) -> Result<Deck, DomainError> {
    let deck = wholesale_decks::lock(transaction, id).await?;
    let deck = deck.ok_or_else(|| DomainError::NotFound(thing(id)))?;
    check_etag(|| thing(id), deck.revision, etag)?;
    Ok(deck)
}

/// The deck as the transaction has left it.
async fn present(transaction: &mut Transaction, id: DeckId) -> Result<Deck, DomainError> {
    let deck = wholesale_decks::find(transaction, id).await?;
    deck.ok_or_else(|| DomainError::NotFound(thing(id)))
}

fn thing(id: DeckId) -> Thing {
    Thing::new(Kind::WholesaleDeck, id)
}
