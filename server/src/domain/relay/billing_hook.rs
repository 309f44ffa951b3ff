//! Charges billed usage to the packages of those who used it.

mod batch;

use telecom_telemetry::propagation;
use tracing::{Instrument as _, Span};

use super::EventRelay;
use crate::billing::{USER_USAGE_BILLING, Unusable};
use crate::domain::{Context, DomainError, Processor, queues};
use crate::store::outbox::{self, Dead, PendingEvent, Which};
use crate::store::{StoreError, Transaction, package_usage, queued_packages, retry_conflicts};

use batch::Batch;

/// Events taken up in one transaction.
const BATCH: u32 = 1000;
/// An event that has failed so often is dead.
const ATTEMPTS: u16 = 5;

/// Takes up the billing events that are due, a batch of them.
///
/// Each is taken up once, however many relays are at it and however often they are killed: that it
/// was, and what came of it, is one transaction. An event that cannot be taken up goes to the dead
/// letters; one that makes a transaction fail is found by halves, tried again later, five times.
#[derive(Debug, Clone, Copy)]
pub struct TelecomBillingHook;

/// What came of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenUp {
    /// Events that were charged.
    pub charged: u64,
    /// Events of other sources that had been taken up before.
    pub repeated: u64,
    /// Events that went to the dead letters.
    pub dead: u64,
    /// Events that failed and are for later.
    pub put_off: u64,
    /// Bytes that no package took.
    pub unassigned: u128,
    /// The greatest number of an event that was looked at; 0 when there was none.
    pub last: i64,
    /// Whether there may be more behind it.
    pub more: bool,
}

impl TakenUp {
    /// What came of both.
    pub fn add(&mut self, other: &Self) {
        self.charged += other.charged;
        self.repeated += other.repeated;
        self.dead += other.dead;
        self.put_off += other.put_off;
        self.unassigned += other.unassigned;
        self.last = self.last.max(other.last);
        self.more |= other.more;
    }
}

impl Processor<TelecomBillingHook> for EventRelay {
    type Output = TakenUp;

    async fn process(
        &self,
        context: &Context,
        TelecomBillingHook: TelecomBillingHook,
    ) -> Result<TakenUp, DomainError> {
        let first = Which::First {
            after: self.after,
            limit: BATCH,
        };
        match self.attempt(context, first).await {
            Err(error) if is_for_an_events_sake(&error) => self.by_halves(context).await,
            result => result,
        }
    }
}

/// Whether what was in the batch made it fail, rather than the state of the database.
fn is_for_an_events_sake(error: &DomainError) -> bool {
    let DomainError::Store(error) = error else {
        return false;
    };
    match error {
        StoreError::Duplicate { .. }
        | StoreError::Orphan
        | StoreError::Corrupt(_)
        | StoreError::PartitionMissing(_)
        | StoreError::Other(_) => true,
        StoreError::Unavailable(_)
        | StoreError::Authentication(_)
        | StoreError::Deadline
        | StoreError::Overtaken
        | StoreError::Conflict(_) => false,
    }
}

fn dead(id: i64, why: &Unusable) -> Dead {
    Dead {
        id,
        reason: why.reason(),
        detail: why.to_string(),
    }
}

impl EventRelay {
    async fn attempt(&self, context: &Context, which: Which<'_>) -> Result<TakenUp, DomainError> {
        retry_conflicts(|| self.take_up(context, which)).await
    }

    async fn by_halves(&self, context: &Context) -> Result<TakenUp, DomainError> {
        let mut transaction = self.database.read_primary(context.deadline).await?;
        let (after, limit) = (self.after, BATCH);
        let due = outbox::due(&mut transaction, USER_USAGE_BILLING, after, limit).await?;
        transaction.commit().await?;
        let last = due.last().copied().unwrap_or_default();
        let mut done = TakenUp::default();
        let mut parts = vec![due];
        while let Some(part) = parts.pop() {
            match self.attempt(context, Which::These(&part)).await {
                Ok(taken) => done.add(&taken),
                Err(error) if is_for_an_events_sake(&error) => {
                    if let [id] = part[..] {
                        done.add(&self.put_off(context, id, &error).await?);
                    } else {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.extend([second.to_vec(), first.to_vec()]);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        done.last = last;
        done.more = true;
        Ok(done)
    }

    /// Later, and each time much later: 4, 16, 64, 256 seconds.
    async fn put_off(
        &self,
        context: &Context,
        id: i64,
        error: &DomainError,
    ) -> Result<TakenUp, DomainError> {
        let mut transaction = self.database.write(context.deadline).await?;
        let mut taken = TakenUp::default();
        let failed = outbox::put_off(&mut transaction, id).await?;
        // A partition comes with the next maintenance.
        let waits = matches!(error, DomainError::Store(StoreError::PartitionMissing(_)));
        if !waits && failed.is_some_and(|attempts| attempts >= ATTEMPTS) {
            let failed = Unusable::Failed(error.to_string());
            outbox::bury(&mut transaction, &[dead(id, &failed)]).await?;
            outbox::published(&mut transaction, &[id]).await?;
            taken.dead = 1;
        } else if failed.is_some() {
            taken.put_off = 1;
        }
        transaction.commit().await?;
        tracing::warn!(id, %error, "an event failed");
        Ok(taken)
    }

    /// One transaction.
    async fn take_up(&self, context: &Context, which: Which<'_>) -> Result<TakenUp, DomainError> {
        let mut transaction = self.database.write(context.deadline).await?;
        let pending = outbox::take(&mut transaction, USER_USAGE_BILLING, which).await?;
        if pending.is_empty() {
            return Ok(TakenUp::default());
        }
        let span = span(&pending);
        charge(transaction, pending).instrument(span).await
    }
}

/// The span of a batch: part of the trace of the run that billed the first of it.
fn span(pending: &[PendingEvent]) -> Span {
    let span = tracing::info_span!(
        parent: None,
        "event",
        otel.name = format_args!("process {USER_USAGE_BILLING}"),
        otel.kind = "consumer",
        messaging.system = "telecom",
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.destination.name = USER_USAGE_BILLING,
        messaging.batch.message_count = pending.len(),
    );
    let causes = pending
        .iter()
        .filter_map(|event| event.traceparent.as_deref());
    propagation::carry_on(&span, causes);
    span
}

async fn charge(
    mut transaction: Transaction,
    pending: Vec<PendingEvent>,
) -> Result<TakenUp, DomainError> {
    let ids: Vec<_> = pending.iter().map(|event| event.id).collect();
    let now = queued_packages::now(&mut transaction).await?;
    let mut batch = Batch::default();
    batch.read(&mut transaction, pending, now).await?;
    let changes = batch.charge(&mut transaction).await?;
    queues::save_all(&mut transaction, changes).await?;
    package_usage::add(&mut transaction, batch.places.iter()).await?;
    outbox::bury(&mut transaction, &batch.dead).await?;
    outbox::published(&mut transaction, &ids).await?;
    transaction.commit().await?;
    batch.taken.last = ids.last().copied().unwrap_or_default();
    batch.taken.more = ids.len() >= BATCH as usize;
    Ok(batch.taken)
}
