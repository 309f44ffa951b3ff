//! Decks.

use super::messages::{
    AdminCreateDeck, AdminDeleteDeck, AdminListDecks, AdminShowDeck, AdminUpdateDeck, DeckPage,
};
use super::{locked, present, snapshot, thing};
use crate::domain::manage::ManageService;
use crate::domain::manage::write::{Begun, Write, taken};
use crate::domain::{Context, DomainError, Kind, Obstacle, Processor};
use crate::store::wholesale_decks::UNIQUE_NAME;
use crate::store::{retry_conflicts, wholesale_decks, wholesale_trunks};
use crate::wholesale::{Deck, DeckId};

impl Processor<AdminListDecks> for ManageService {
    type Output = DeckPage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListDecks,
    ) -> Result<DeckPage, DomainError> {
        let AdminListDecks { limit, offset } = input;
        let (decks, total) = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let found = wholesale_decks::list(&mut transaction, limit, offset).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(DeckPage { decks, total })
    }
}

impl Processor<AdminShowDeck> for ManageService {
    type Output = Deck;

    async fn process(
        &self,
        context: &Context,
        AdminShowDeck(id): AdminShowDeck,
    ) -> Result<Deck, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let deck = present(&mut transaction, id).await?;
            transaction.commit().await?;
            Ok(deck)
        })
        .await
    }
}

impl Processor<AdminCreateDeck> for ManageService {
    type Output = Deck;

    async fn process(
        &self,
        context: &Context,
        input: AdminCreateDeck,
    ) -> Result<Deck, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let (method, idempotency) = ("CreateDeck", input.idempotency.as_ref());
            let begun = Write::begin_create(&self.database, context, method, idempotency);
            let mut write = match begun.await? {
                Begun::New(write) => write,
                Begun::Before(mut write, id) => {
                    let id = DeckId(id.parse().unwrap_or_default());
                    return present(&mut write.transaction, id).await;
                }
            };
            let inserted = wholesale_decks::insert(&mut write.transaction, &input.config).await;
            let name = input.config.name();
            let id = inserted.map_err(taken(UNIQUE_NAME, Kind::WholesaleDeck, name))?;
            let deck = present(&mut write.transaction, id).await?;
            let after = snapshot::of_deck(&deck);
            write.commit(&thing(id), None, Some(after)).await?;
            Ok(deck)
        })
        .await
    }
}

impl Processor<AdminUpdateDeck> for ManageService {
    type Output = Deck;

    async fn process(
        &self,
        context: &Context,
        input: AdminUpdateDeck,
    ) -> Result<Deck, DomainError> {
        let (id, input) = (input.id, &input);
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "UpdateDeck").await?;
            let transaction = &mut write.transaction;
            let before = locked(transaction, id, Some(&input.etag)).await?;
            let renamed = wholesale_decks::rename(transaction, id, &input.name).await;
            renamed.map_err(taken(UNIQUE_NAME, Kind::WholesaleDeck, &input.name))?;
            let deck = present(transaction, id).await?;
            let (old, new) = (snapshot::of_deck(&before), snapshot::of_deck(&deck));
            write.commit(&thing(id), Some(old), Some(new)).await?;
            Ok(deck)
        })
        .await
    }
}

impl Processor<AdminDeleteDeck> for ManageService {
    type Output = ();

    async fn process(&self, context: &Context, input: AdminDeleteDeck) -> Result<(), DomainError> {
        let (id, etag) = (input.id, input.etag.as_deref());
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "DeleteDeck").await?;
            let transaction = &mut write.transaction;
            let before = locked(transaction, id, etag).await?;
            if let Some(trunk) = wholesale_trunks::of_deck(transaction, id).await? {
                let trunk = trunk.to_string();
                return Err(Obstacle::WholesaleDeckInUse { id: id.0, trunk }.into());
            }
            wholesale_decks::delete(transaction, id).await?;
            let before = snapshot::of_deck(&before);
            write.commit(&thing(id), Some(before), None).await
        })
        .await
    }
}
