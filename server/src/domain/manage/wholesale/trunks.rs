//! What trunks are rated by.

use super::messages::{AdminDeleteTrunk, AdminListTrunks, AdminSetTrunk, TrunkPage};
use super::{snapshot, thing as deck_thing};
use crate::domain::manage::ManageService;
use crate::domain::manage::write::{Write, check_etag};
use crate::domain::{Context, DomainError, Kind, Obstacle, Processor, Thing};
use crate::store::wholesale_trunks::{self, Page};
use crate::store::{Transaction, retry_conflicts, wholesale_decks};
use crate::wholesale::{Trunk, TrunkKey};

impl Processor<AdminListTrunks> for ManageService {
    type Output = TrunkPage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListTrunks,
    ) -> Result<TrunkPage, DomainError> {
        let page = Page {
            pbx: input.pbx,
            role: input.role,
            limit: input.limit,
            offset: input.offset,
        };
        let (trunks, total) = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let found = wholesale_trunks::list(&mut transaction, page).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(TrunkPage { trunks, total })
    }
}

impl Processor<AdminSetTrunk> for ManageService {
    type Output = Trunk;

    async fn process(&self, context: &Context, input: AdminSetTrunk) -> Result<Trunk, DomainError> {
        let (key, input) = (&input.key, &input);
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "SetTrunk").await?;
            let transaction = &mut write.transaction;
            if !wholesale_trunks::hold_pbx(transaction, key.pbx).await? {
                return Err(Obstacle::Missing(Thing::new(Kind::Pbx, key.pbx)).into());
            }
            if let Some(deck) = input.deck
                && !wholesale_decks::hold(transaction, deck).await?
            {
                return Err(Obstacle::Missing(deck_thing(deck)).into());
            }
            let before = locked(transaction, key, input.etag.as_deref()).await?;
            let trunk = wholesale_trunks::put(transaction, key, input.deck).await?;
            let (old, new) = (
                before.as_ref().map(snapshot::of_trunk),
                snapshot::of_trunk(&trunk),
            );
            write.commit(&thing(key), old, Some(new)).await?;
            Ok(trunk)
        })
        .await
    }
}

impl Processor<AdminDeleteTrunk> for ManageService {
    type Output = ();

    async fn process(&self, context: &Context, input: AdminDeleteTrunk) -> Result<(), DomainError> {
        let (key, etag) = (&input.key, input.etag.as_deref());
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "DeleteTrunk").await?;
            let before = match locked(&mut write.transaction, key, etag).await {
                Ok(Some(before)) => before,
                Ok(None) => return Err(DomainError::NotFound(thing(key))),
                Err(error) => return Err(error),
            };
            wholesale_trunks::delete(&mut write.transaction, key).await?;
            let before = snapshot::of_trunk(&before);
            write.commit(&thing(key), Some(before), None).await
        })
        .await
    }
}

/// What the trunk is rated by, held against other writers, if it is still what the caller knows.
async fn locked(
    transaction: &mut Transaction,
    key: &TrunkKey,
    etag: Option<&str>,
) -> Result<Option<Trunk>, DomainError> {
    let trunk = wholesale_trunks::lock(transaction, key).await?;
    match &trunk {
        Some(trunk) => check_etag(|| thing(key), trunk.revision, etag)?,
        // Somebody knows it, so it was there.
        None if etag.is_some() => return Err(DomainError::EtagStale { thing: thing(key) }),
        None => {}
    }
    Ok(trunk)
}

fn thing(key: &TrunkKey) -> Thing {
    Thing::new(Kind::WholesaleTrunk, key)
}
