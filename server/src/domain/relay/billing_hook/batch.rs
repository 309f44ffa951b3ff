//! The events of one transaction, from what they say to what came of them.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};

use super::{TakenUp, dead};
use crate::billing::{Arrival, Unusable, UserUsageBillingEvent};
use crate::domain::DomainError;
use crate::packages::{Changes, Charged, Queue, QueuedPackage};
use crate::store::consumed_events::{self, SourceKey};
use crate::store::outbox::{Dead, PendingEvent};
use crate::store::package_usage::{Place, Sums};
use crate::store::subscribers::{self, Locked};
use crate::store::{Transaction, queued_packages};
use crate::users::UserId;

/// What a transaction takes up, and what it will write down.
#[derive(Debug, Default)]
pub(super) struct Batch {
    events: BTreeMap<UserId, Vec<Due>>,
    pub(super) places: BTreeMap<Place, Sums>,
    pub(super) dead: Vec<Dead>,
    pub(super) taken: TakenUp,
}

/// An event that can be taken up.
#[derive(Debug)]
struct Due {
    id: i64,
    source: Option<SourceKey>,
    trace_id: String,
    event: UserUsageBillingEvent,
}

impl Batch {
    /// Reads the events, and leaves out those of other sources that were taken up before.
    pub(super) async fn read(
        &mut self,
        transaction: &mut Transaction,
        pending: Vec<PendingEvent>,
        now: DateTime<Utc>,
    ) -> Result<(), DomainError> {
        let mut due = Vec::with_capacity(pending.len());
        for given in pending {
            let arrival = Arrival {
                created_at: given.created_at,
                now,
                external: given.source.is_some(),
            };
            match UserUsageBillingEvent::read(&given.payload, arrival) {
                Ok(event) => due.push(Due {
                    id: given.id,
                    source: given.source,
                    trace_id: given.trace_id,
                    event,
                }),
                Err(why) => self.dead.push(dead(given.id, &why)),
            }
        }
        let sources: Vec<_> = due.iter().filter_map(|due| due.source.clone()).collect();
        let mut new = consumed_events::claim(transaction, &sources).await?;
        for due in due {
            // The first of a source's key in the batch, and no other.
            if due.source.as_ref().is_none_or(|source| new.remove(source)) {
                self.events.entry(due.event.user).or_default().push(due);
            } else {
                self.taken.repeated += 1;
            }
        }
        Ok(())
    }

    /// Charges the events of each subscriber in the order of their times, under the lock on the
    /// subscriber; gives what has changed in the queues, with the trace of what changed it.
    pub(super) async fn charge(
        &mut self,
        transaction: &mut Transaction,
    ) -> Result<Vec<(Changes, String)>, DomainError> {
        let users: Vec<_> = self.events.keys().copied().collect();
        let locked = subscribers::lock_all(transaction, &users).await?;
        let mut packages = self.packages(transaction, &users).await?;
        let mut all = Vec::new();
        let mut unusable = Vec::new();
        for Locked { user, time_zone } in locked {
            let mut events = self.events.remove(&user).unwrap_or_default();
            events.sort_by_key(|due| (due.event.time, due.id));
            let packages = packages.remove(&user).unwrap_or_default();
            let mut queue = Queue::new(user, time_zone.rules().clone(), packages);
            let before = queue.access();
            let mut trace_id = String::new();
            for due in events {
                trace_id.clone_from(&due.trace_id);
                match queue.charge(due.event.time, due.event.billed) {
                    Ok(charged) => self.book(&due, &charged),
                    Err(_) => unusable.push((due, Unusable::TooMuch)),
                }
            }
            let mut changes = queue.into_changes();
            // What follows from the same queue is there already, and most charges change nothing of it.
            changes.access.retain(|(_, access)| *access != before);
            all.push((changes, trace_id));
        }
        // Nobody was found for these.
        let unknown = std::mem::take(&mut self.events).into_values().flatten();
        unusable.extend(unknown.map(|due| (due, Unusable::UserUnknown)));
        for (due, why) in unusable {
            if let Some(source) = &due.source {
                consumed_events::forget(transaction, source).await?;
            }
            self.dead.push(dead(due.id, &why));
        }
        self.taken.dead = self.dead.len() as u64;
        Ok(all)
    }

    /// The open packages of the subscribers, and those that have ended to which an event is dated.
    async fn packages(
        &self,
        transaction: &mut Transaction,
        users: &[UserId],
    ) -> Result<HashMap<UserId, Vec<QueuedPackage>>, DomainError> {
        let mut packages: HashMap<_, Vec<_>> = HashMap::new();
        for package in queued_packages::open(transaction, users).await? {
            packages.entry(package.user).or_default().push(package);
        }
        let mut late = Vec::new();
        for (user, events) in &self.events {
            let Some(first) = events.iter().map(|due| due.event.time).min() else {
                continue;
            };
            let mut spans = packages.get(user).into_iter().flatten();
            let active = spans.find_map(QueuedPackage::span);
            if active.is_none_or(|span| first < span.active_from) {
                late.push((*user, first));
            }
        }
        if !late.is_empty() {
            for package in queued_packages::ended_after(transaction, &late).await? {
                packages.entry(package.user).or_default().push(package);
            }
        }
        Ok(packages)
    }

    /// Notes what became of an event.
    fn book(&mut self, due: &Due, charged: &Charged) {
        let event = &due.event;
        let hour = event.time.duration_trunc(TimeDelta::hours(1));
        let mut add = |package, sums: Sums| {
            let place = Place {
                user: event.user,
                hour: hour.unwrap_or(event.time),
                node_server: event.server_id,
                package,
            };
            let all = self.places.entry(place).or_default();
            all.charged += sums.charged;
            all.overage += sums.overage;
            all.uncounted += sums.uncounted;
            all.unassigned += sums.unassigned;
            if due.source.is_some() {
                all.external += sums.charged + sums.overage + sums.uncounted + sums.unassigned;
            }
        };
        for (id, counts) in &charged.packages {
            let sums = Sums {
                charged: counts.charged.into(),
                overage: counts.overage.into(),
                uncounted: counts.uncounted.into(),
                ..Sums::default()
            };
            add(Some(*id), sums);
        }
        let unassigned = u128::from(charged.left.download) + u128::from(charged.left.upload);
        if unassigned > 0 {
            let sums = Sums {
                unassigned,
                ..Sums::default()
            };
            add(None, sums);
        }
        self.taken.charged += 1;
        self.taken.unassigned += unassigned;
    }
}
