//! Events as administrators see them, and what they do about those that could not be taken up.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use serde_json::{Value, json};

use super::ManageService;
use super::write::Write;
use crate::billing::{Arrival, USER_USAGE_BILLING, UserUsageBillingEvent};
use crate::domain::{Context, DomainError, Kind, Processor, Thing};
use crate::events::{DeadLetter, Event};
use crate::store::outbox::{self, EventFilter};
use crate::store::package_usage::{self, Place, Sums};
use crate::store::{Transaction, consumed_events, dead_letters, queued_packages, retry_conflicts};

/// Lists events.
#[derive(Debug, Clone)]
pub struct AdminListEvents {
    /// Which ones.
    pub filter: EventFilter,
    /// Events at most.
    pub limit: u32,
}

/// Lists dead letters.
#[derive(Debug, Clone)]
pub struct AdminListDeadLetters {
    /// Only those of this route.
    pub route: Option<String>,
    /// Only those with a smaller number.
    pub before_id: Option<i64>,
    /// Dead letters at most.
    pub limit: u32,
}

/// The newest of what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Newest<T> {
    /// The newest first.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next_before_id: Option<i64>,
}

impl<T> Newest<T> {
    /// A page out of the items that were found, of which one more than `limit` was looked for.
    pub(in crate::domain) fn of(mut items: Vec<T>, limit: u32, id: impl Fn(&T) -> i64) -> Self {
        let page = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > page;
        items.truncate(page);
        Self {
            next_before_id: items.last().filter(|_| more).map(id),
            items,
        }
    }
}

/// Has dead letters taken up once more; all or none.
#[derive(Debug, Clone)]
pub struct AdminRedrive {
    /// Their numbers, each once.
    pub ids: Vec<i64>,
}

/// Gives a dead letter up.
#[derive(Debug, Clone)]
pub struct AdminDiscard {
    /// Its number.
    pub id: i64,
    /// Why.
    pub reason: String,
}

impl Processor<AdminListEvents> for ManageService {
    type Output = Newest<Event>;

    async fn process(
        &self,
        context: &Context,
        input: AdminListEvents,
    ) -> Result<Newest<Event>, DomainError> {
        let (filter, limit) = (&input.filter, input.limit);
        let found = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let found = outbox::list(&mut transaction, filter, limit + 1).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(Newest::of(found, limit, |event| event.id))
    }
}

impl Processor<AdminListDeadLetters> for ManageService {
    type Output = Newest<DeadLetter>;

    async fn process(
        &self,
        context: &Context,
        input: AdminListDeadLetters,
    ) -> Result<Newest<DeadLetter>, DomainError> {
        let (route, before_id, limit) = (input.route.as_deref(), input.before_id, input.limit);
        let found = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let found = dead_letters::list(&mut transaction, route, before_id, limit + 1).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(Newest::of(found, limit, |letter| letter.id))
    }
}

impl Processor<AdminRedrive> for ManageService {
    /// How many.
    type Output = u32;

    async fn process(&self, context: &Context, input: AdminRedrive) -> Result<u32, DomainError> {
        let ids = &input.ids;
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "Redrive").await?;
            let letters = dead_letters::lock(&mut write.transaction, ids).await?;
            let there = |id: &&i64| letters.iter().any(|letter| letter.id == **id);
            if let Some(missing) = ids.iter().find(|id| !there(id)) {
                return Err(DomainError::NotFound(thing(*missing)));
            }
            dead_letters::redrive(&mut write.transaction, ids).await?;
            for letter in &letters {
                let after = json!({"event_id": letter.event_id, "pending": true});
                let before = Some(snapshot(letter));
                write.note(&thing(letter.id), before, Some(after)).await?;
            }
            outbox::wake(&mut write.transaction).await?;
            write.transaction.commit().await?;
            Ok(u32::try_from(letters.len()).unwrap_or(u32::MAX))
        })
        .await
    }
}

impl Processor<AdminDiscard> for ManageService {
    /// Bytes that now count as without a package.
    type Output = u128;

    async fn process(&self, context: &Context, input: AdminDiscard) -> Result<u128, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "Discard").await?;
            let transaction = &mut write.transaction;
            let letter = dead_letters::lock(transaction, &[input.id]).await?.pop();
            let letter = letter.ok_or_else(|| DomainError::NotFound(thing(input.id)))?;
            dead_letters::delete(transaction, letter.id).await?;
            let unassigned = settle(transaction, &letter).await?;
            let after = json!({
                "discarded": input.reason,
                "unassigned_bytes": u64::try_from(unassigned).unwrap_or(u64::MAX),
            });
            let (before, thing) = (snapshot(&letter), thing(letter.id));
            write.commit(&thing, Some(before), Some(after)).await?;
            Ok(unassigned)
        })
        .await
    }
}

/// What becomes of an event that is given up: bytes that were billed here are without a package; an
/// event of others, should it come again, has been seen.
async fn settle(transaction: &mut Transaction, letter: &DeadLetter) -> Result<u128, DomainError> {
    if let Some(id) = &letter.source_id {
        let key = (letter.source.clone(), id.clone());
        consumed_events::claim(transaction, &[key]).await?;
        return Ok(0);
    }
    let now = queued_packages::now(transaction).await?;
    let Some((place, bytes)) = billed(letter, now) else {
        return Ok(0);
    };
    let sums = Sums {
        unassigned: bytes,
        ..Sums::default()
    };
    package_usage::add(transaction, [(&place, &sums)].into_iter()).await?;
    Ok(bytes)
}

/// The bytes that an event of the provider's own billing tells of, and where they belong.
fn billed(letter: &DeadLetter, now: DateTime<Utc>) -> Option<(Place, u128)> {
    if letter.route != USER_USAGE_BILLING {
        return None;
    }
    let arrival = Arrival {
        created_at: letter.created_at,
        now,
        external: false,
    };
    let event = UserUsageBillingEvent::read(&letter.payload, arrival).ok()?;
    let place = Place {
        user: event.user,
        hour: event.time.duration_trunc(TimeDelta::hours(1)).ok()?,
        node_server: event.server_id,
        package: None,
    };
    let bytes = u128::from(event.billed.download) + u128::from(event.billed.upload);
    Some((place, bytes))
}

/// The state of a dead letter as the audit log keeps it: not what the event says of whom.
fn snapshot(letter: &DeadLetter) -> Value {
    json!({
        "event_id": letter.event_id,
        "route": letter.route,
        "source": letter.source,
        "reason": letter.reason,
        "attempts": letter.attempts,
    })
}

fn thing(id: i64) -> Thing {
    Thing::new(Kind::DeadLetter, id)
}
