//! Subscribers as administrators manage them.

use crate::domain::{Context, DomainError, Kind, Obstacle, Processor, Thing, queues};
use crate::packages::QueuedPackageStatus;
use crate::store::subscribers::{self, Page, UNIQUE_ID};
use crate::store::{Transaction, queued_packages, retry_conflicts};
use crate::users::{User, UserId, UserStatus};

use super::ManageService;
use super::write::{Begun, Write, check_etag, taken};

mod adjust;
mod erase;
mod export;
mod messages;
mod snapshot;

pub use erase::ErasedCalls;
pub use messages::{
    AdjustedUsage, AdminAdjustUsage, AdminCreateUser, AdminEraseUser, AdminExportUser,
    AdminListUsers, AdminResumeUser, AdminShowUser, AdminSuspendUser, ErasedUser, Export,
    ExportRecord, UserDetail, UserPage,
};

impl Processor<AdminListUsers> for ManageService {
    type Output = UserPage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListUsers,
    ) -> Result<UserPage, DomainError> {
        let page = Page {
            status: input.status,
            limit: input.limit,
            offset: input.offset,
        };
        let (users, total) = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let found = subscribers::list(&mut transaction, page).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(UserPage { users, total })
    }
}

impl Processor<AdminShowUser> for ManageService {
    type Output = UserDetail;

    async fn process(
        &self,
        context: &Context,
        AdminShowUser(id): AdminShowUser,
    ) -> Result<UserDetail, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let user = present(&mut transaction, id).await?;
            let open = queued_packages::open(&mut transaction, &[id]).await?;
            transaction.commit().await?;
            let (active, queued): (Vec<_>, Vec<_>) = open
                .into_iter()
                .partition(|package| package.status() == QueuedPackageStatus::Active);
            Ok(UserDetail {
                user,
                active: active.into_iter().next(),
                queued: u32::try_from(queued.len()).unwrap_or(u32::MAX),
            })
        })
        .await
    }
}

impl Processor<AdminCreateUser> for ManageService {
    type Output = User;

    async fn process(
        &self,
        context: &Context,
        input: AdminCreateUser,
    ) -> Result<User, DomainError> {
        let (id, input) = (input.id, &input);
        retry_conflicts(|| async move {
            let idempotency = input.idempotency.as_ref();
            let begun = Write::begin_create(&self.database, context, "CreateUser", idempotency);
            let mut write = match begun.await? {
                Begun::New(write) => write,
                Begun::Before(mut write, made) => {
                    let made = made.parse().unwrap_or(id);
                    return present(&mut write.transaction, made).await;
                }
            };
            let inserted = subscribers::insert(&mut write.transaction, id, &input.profile).await;
            inserted.map_err(taken(UNIQUE_ID, Kind::User, id))?;
            let user = present(&mut write.transaction, id).await?;
            let after = snapshot::of(&user);
            write.commit(&thing(id), None, Some(after)).await?;
            Ok(user)
        })
        .await
    }
}

impl Processor<AdminSuspendUser> for ManageService {
    type Output = User;

    async fn process(
        &self,
        context: &Context,
        input: AdminSuspendUser,
    ) -> Result<User, DomainError> {
        let (id, etag, reason) = (input.id, input.etag.as_deref(), &input.reason);
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "SuspendUser").await?;
            let before = locked(&mut write.transaction, id, etag).await?;
            not_erased(&before)?;
            let suspended = UserStatus::Suspended;
            let transaction = &mut write.transaction;
            subscribers::set_status(transaction, id, suspended, reason).await?;
            queues::renew_access(transaction, &before, &context.trace_id).await?;
            changed(write, &before).await
        })
        .await
    }
}

impl Processor<AdminResumeUser> for ManageService {
    type Output = User;

    async fn process(
        &self,
        context: &Context,
        input: AdminResumeUser,
    ) -> Result<User, DomainError> {
        let (id, etag) = (input.id, input.etag.as_deref());
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "ResumeUser").await?;
            let before = locked(&mut write.transaction, id, etag).await?;
            not_erased(&before)?;
            if before.status == UserStatus::Active {
                return Ok(before);
            }
            let transaction = &mut write.transaction;
            subscribers::set_status(transaction, id, UserStatus::Active, "").await?;
            queues::renew_access(transaction, &before, &context.trace_id).await?;
            changed(write, &before).await
        })
        .await
    }
}

/// The subscriber, held against other writers, if they are still what the caller knows.
async fn locked(
    transaction: &mut Transaction,
    id: UserId,
    etag: Option<&str>,
) -> Result<User, DomainError> {
    let user = subscribers::lock(transaction, id).await?;
    let user = user.ok_or_else(|| DomainError::NotFound(thing(id)))?;
    check_etag(|| thing(id), user.revision, etag)?;
    Ok(user)
}

/// The subscriber as the transaction sees them.
async fn present(transaction: &mut Transaction, id: UserId) -> Result<User, DomainError> {
    let user = subscribers::find(transaction, id).await?;
    user.ok_or_else(|| DomainError::NotFound(thing(id)))
}

/// Ends a change of a subscriber.
async fn changed(mut write: Write<'_>, before: &User) -> Result<User, DomainError> {
    let user = present(&mut write.transaction, before.id).await?;
    let (old, new) = (snapshot::of(before), snapshot::of_change(before, &user));
    write.commit(&thing(user.id), Some(old), Some(new)).await?;
    Ok(user)
}

fn not_erased(user: &User) -> Result<(), DomainError> {
    match user.status {
        UserStatus::Active | UserStatus::Suspended => Ok(()),
        UserStatus::Erased => Err(Obstacle::UserErased(user.id).into()),
    }
}

fn thing(id: UserId) -> Thing {
    Thing::new(Kind::User, id)
}
