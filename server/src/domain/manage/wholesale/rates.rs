//! Rates, one by one.

use chrono::SecondsFormat;

use super::messages::{AdminListRates, AdminSetRateEnd, RatePage};
use super::{locked, present, snapshot};
use crate::domain::manage::ManageService;
use crate::domain::manage::write::Write;
use crate::domain::{Context, DomainError, Kind, Processor, Thing};
use crate::store::wholesale_rates::{self, Page};
use crate::store::{Transaction, retry_conflicts, wholesale_decks};
use crate::violation::Violation;
use crate::wholesale::{Period, Rate};

impl Processor<AdminListRates> for ManageService {
    type Output = RatePage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListRates,
    ) -> Result<RatePage, DomainError> {
        let page = Page {
            deck: input.deck,
            prefix: &input.prefix,
            at: input.at,
            limit: input.limit,
            offset: input.offset,
        };
        let (rates, total) = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            present(&mut transaction, page.deck).await?;
            let found = wholesale_rates::list(&mut transaction, page).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(RatePage { rates, total })
    }
}

impl Processor<AdminSetRateEnd> for ManageService {
    /// The rate as it is now; `None` when it was removed.
    type Output = Option<Rate>;

    async fn process(
        &self,
        context: &Context,
        input: AdminSetRateEnd,
    ) -> Result<Option<Rate>, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "SetRateEnd").await?;
            let (deck, prefix, from) = (input.deck, &input.prefix, input.from);
            let transaction = &mut write.transaction;
            locked(transaction, deck, input.etag.as_deref()).await?;
            let before = wholesale_rates::at_start(transaction, deck, prefix, from).await?;
            let before = before.ok_or_else(|| DomainError::NotFound(thing(input)))?;
            let after = if input.to == Some(from) {
                wholesale_rates::delete(transaction, deck, prefix, from).await?;
                None
            } else {
                keeps_apart(transaction, input).await?;
                wholesale_rates::set_end(transaction, deck, prefix, from, input.to).await?;
                wholesale_rates::at_start(transaction, deck, prefix, from).await?
            };
            wholesale_decks::touch(transaction, deck).await?;
            let (old, new) = (
                snapshot::of_rate(&before),
                after.as_ref().map(snapshot::of_rate),
            );
            write.commit(&thing(input), Some(old), new).await?;
            Ok(after)
        })
        .await
    }
}

/// Whether the rate can end then: the next one of its prefix may not have begun.
async fn keeps_apart(
    transaction: &mut Transaction,
    input: &AdminSetRateEnd,
) -> Result<(), DomainError> {
    let (deck, prefix, from) = (input.deck, &input.prefix, input.from);
    let wanted = Period { from, to: input.to };
    let next = wholesale_rates::next_start(transaction, deck, prefix, from).await?;
    match next.filter(|next| next.period.overlaps(wanted)) {
        None => Ok(()),
        Some(next) => {
            let description = format!(
                "would overlap the next rate of this prefix, which counts {}",
                next.period
            );
            Err(DomainError::Invalid(vec![Violation::new(
                "valid_to",
                description,
            )]))
        }
    }
}

fn thing(input: &AdminSetRateEnd) -> Thing {
    let from = input.from.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let id = format!("{}/{}/{from}", input.deck, input.prefix.as_str());
    Thing::new(Kind::WholesaleRate, id)
}
