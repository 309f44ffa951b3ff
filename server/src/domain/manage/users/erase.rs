//! Erasing a subscriber: what is personal in their own row at once, then their telephone numbers in records of calls,
//! day by day, each in a transaction of its own. Whatever is interrupted is done by a repetition.

use tokio::time::Instant;

use super::{changed, locked, present, snapshot, thing};
use crate::domain::manage::ManageService;
use crate::domain::manage::write::Write;
use crate::domain::{AdminEraseUser, Context, DomainError, ErasedUser, Processor, queues};
use crate::store::{call_history, retry_conflicts, subscribers};
use crate::users::{SubscriberNumber, User, UserStatus};

impl Processor<AdminEraseUser> for ManageService {
    type Output = ErasedUser;

    async fn process(
        &self,
        context: &Context,
        input: AdminEraseUser,
    ) -> Result<ErasedUser, DomainError> {
        let input = &input;
        let (user, cancelled) = retry_conflicts(|| self.erase_subscriber(context, input)).await?;
        let calls = self.erase_calls(context, &input.numbers).await?;
        Ok(ErasedUser {
            user,
            cancelled,
            calls,
        })
    }
}

/// What was erased of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ErasedCalls {
    /// Records that lost numbers.
    pub records: u64,
    /// Records that were not stored and lost their text.
    pub rejected: u64,
    /// Whether nothing is left to do.
    pub complete: bool,
}

impl ManageService {
    /// Erases the subscriber, unless that was done, and writes down that it was, or that numbers are to be erased; not
    /// which. How many packages were cancelled.
    async fn erase_subscriber(
        &self,
        context: &Context,
        input: &AdminEraseUser,
    ) -> Result<(User, u32), DomainError> {
        let mut write = Write::begin(&self.database, context, "EraseUser").await?;
        let transaction = &mut write.transaction;
        let before = locked(transaction, input.id, input.etag.as_deref()).await?;
        let numbers = input.numbers.len();
        if before.status == UserStatus::Erased {
            if numbers > 0 {
                let state = snapshot::of(&before);
                let mut after = state.clone();
                after["numbers"] = numbers.into();
                write
                    .commit(&thing(input.id), Some(state), Some(after))
                    .await?;
            }
            return Ok((before, 0));
        }
        subscribers::erase(transaction, input.id, &input.reason).await?;
        let cancelled = queues::cancel_all(transaction, &before, &context.trace_id).await?;
        if numbers == 0 {
            return Ok((changed(write, &before).await?, cancelled));
        }
        let user = present(transaction, input.id).await?;
        let mut after = snapshot::of_change(&before, &user);
        after["numbers"] = numbers.into();
        let old = snapshot::of(&before);
        write
            .commit(&thing(input.id), Some(old), Some(after))
            .await?;
        Ok((user, cancelled))
    }

    /// Erases numbers from records of calls for half of the time that there is, and at least from those of a day.
    async fn erase_calls(
        &self,
        context: &Context,
        numbers: &[SubscriberNumber],
    ) -> Result<ErasedCalls, DomainError> {
        let mut erased = ErasedCalls::default();
        if numbers.is_empty() {
            erased.complete = true;
            return Ok(erased);
        }
        let patience = context.deadline.saturating_duration_since(context.received) / 2;
        let enough = context.received + patience;
        let written: Vec<_> = numbers.iter().flat_map(SubscriberNumber::written).collect();
        let written = &written;
        let days = retry_conflicts(|| async move {
            let mut transaction = self.database.read_primary(context.deadline).await?;
            let days = call_history::days_of_numbers(&mut transaction, written).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(days)
        })
        .await?;
        for day in days {
            erased.records += retry_conflicts(|| async move {
                let mut transaction = self.database.write(context.deadline).await?;
                let count = call_history::erase_numbers(&mut transaction, day, written).await?;
                transaction.commit().await?;
                Ok::<_, DomainError>(count)
            })
            .await?;
            if Instant::now() >= enough {
                return Ok(erased);
            }
        }
        let parts: Vec<_> = numbers.iter().map(|n| n.digits().to_owned()).collect();
        let (parts, mut after) = (&parts, 0);
        loop {
            let step = retry_conflicts(|| async move {
                let mut transaction = self.database.write(context.deadline).await?;
                let step = call_history::erase_rejected(&mut transaction, after, parts).await?;
                transaction.commit().await?;
                Ok::<_, DomainError>(step)
            })
            .await?;
            let Some(step) = step else {
                erased.complete = true;
                return Ok(erased);
            };
            after = step.last;
            erased.rejected += step.erased;
            if Instant::now() >= enough {
                return Ok(erased);
            }
        }
    }
}
