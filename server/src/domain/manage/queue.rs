//! Subscribers' queues as administrators manage them.

use crate::packages::{Queue, QueuedPackage, QueuedPackageId, Terms};
use crate::store::queued_packages::{self, Filter, Inserted, NewQueuedPackage};
use crate::store::{Transaction, packages, retry_conflicts, subscribers};
use crate::users::{User, UserStatus};

use super::ManageService;
use super::write::{Write, check_etag};
use crate::domain::{Context, DomainError, Kind, Obstacle, Processor, Thing, queues};

mod messages;
mod snapshot;

pub use messages::{
    AdminCancel, AdminCountQueuedPackages, AdminEnqueue, AdminListQueuedPackages,
    AdminShowQueuedPackage, CancelledPackage, QueuedPackageCount, QueuedPackagePage,
};

impl Processor<AdminCountQueuedPackages> for ManageService {
    type Output = Vec<QueuedPackageCount>;

    async fn process(
        &self,
        context: &Context,
        input: AdminCountQueuedPackages,
    ) -> Result<Vec<QueuedPackageCount>, DomainError> {
        let counts = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let counts = queued_packages::count(&mut transaction, input.series, input.status);
            let counts = counts.await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(counts)
        })
        .await?;
        let counts = counts.into_iter();
        let counts = counts.map(|(series, status, count)| QueuedPackageCount {
            series,
            status,
            count,
        });
        Ok(counts.collect())
    }
}

impl Processor<AdminListQueuedPackages> for ManageService {
    type Output = QueuedPackagePage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListQueuedPackages,
    ) -> Result<QueuedPackagePage, DomainError> {
        let filter = &Filter {
            user: input.user,
            order: input.order,
            package: input.package,
            status: input.status,
        };
        let (limit, offset) = (input.limit, input.offset);
        let (queued_packages, total) = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let found = queued_packages::list(&mut transaction, filter, limit, offset).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(QueuedPackagePage {
            queued_packages,
            total,
        })
    }
}

impl Processor<AdminShowQueuedPackage> for ManageService {
    type Output = QueuedPackage;

    async fn process(
        &self,
        context: &Context,
        AdminShowQueuedPackage(id): AdminShowQueuedPackage,
    ) -> Result<QueuedPackage, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let package = stored(&mut transaction, id).await?;
            transaction.commit().await?;
            Ok(package)
        })
        .await
    }
}

impl Processor<AdminEnqueue> for ManageService {
    type Output = QueuedPackage;

    async fn process(
        &self,
        context: &Context,
        input: AdminEnqueue,
    ) -> Result<QueuedPackage, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "Enqueue").await?;
            let transaction = &mut write.transaction;
            // An order that is repeated is told so even when the package is off sale by now.
            let user = subscribers::lock(transaction, input.user).await?;
            if let Some(id) = queued_packages::of_order(transaction, &input.order).await? {
                return Err(order_exists(input, id));
            }
            let user = registered(user, input)?;
            let terms = on_sale(transaction, input).await?;
            let (mut queue, now) = queues::present(transaction, &user).await?;
            if queue.is_full() {
                return Err(Obstacle::QueueFull { user: user.id }.into());
            }
            let new = NewQueuedPackage {
                user: user.id,
                package: input.package,
                order: &input.order,
                terms,
                priority: input.priority,
                enqueued_at: now,
            };
            let id = match queued_packages::insert(transaction, &new).await? {
                Inserted::New(id) => id,
                // Just now, for another subscriber.
                Inserted::Before(id) => return Err(order_exists(input, id)),
            };
            queue.enqueue(stored(transaction, id).await?, now);
            let package = of(&queue, id)?;
            queues::save(transaction, queue.into_changes(), &context.trace_id).await?;
            let after = snapshot::of(&package);
            write.commit(&thing(id), None, Some(after)).await?;
            Ok(package)
        })
        .await
    }
}

impl Processor<AdminCancel> for ManageService {
    type Output = CancelledPackage;

    async fn process(
        &self,
        context: &Context,
        input: AdminCancel,
    ) -> Result<CancelledPackage, DomainError> {
        let (id, input) = (input.id, &input);
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "Cancel").await?;
            let transaction = &mut write.transaction;
            let owner = stored(transaction, id).await?.user;
            let user = subscribers::lock(transaction, owner).await?;
            let user = user.ok_or_else(|| DomainError::NotFound(thing(id)))?;
            let (mut queue, now) = queues::present(transaction, &user).await?;
            let ended = || DomainError::from(Obstacle::QueuedPackageEnded(id.0));
            let before = queue.find(id).cloned().ok_or_else(ended)?;
            if before.ended_at().is_some() {
                return Err(ended());
            }
            check_etag(|| thing(id), before.revision, input.etag.as_deref())?;
            queue.cancel(id, &input.reason, now);
            let package = of(&queue, id)?;
            let active = queue.active().cloned();
            queues::save(transaction, queue.into_changes(), &context.trace_id).await?;
            let (before, after) = (snapshot::of(&before), snapshot::of(&package));
            write.commit(&thing(id), Some(before), Some(after)).await?;
            Ok(CancelledPackage { package, active })
        })
        .await
    }
}

fn order_exists(input: &AdminEnqueue, id: QueuedPackageId) -> DomainError {
    DomainError::OrderExists {
        order: input.order.order.clone(),
        line: input.order.line,
        id: id.0,
    }
}

/// The subscriber, unless there is none any more.
fn registered(user: Option<User>, input: &AdminEnqueue) -> Result<User, DomainError> {
    let missing = || Obstacle::Missing(Thing::new(Kind::User, input.user));
    let user = user.ok_or_else(missing)?;
    match user.status {
        UserStatus::Active | UserStatus::Suspended => Ok(user),
        UserStatus::Erased => Err(Obstacle::UserErased(user.id).into()),
    }
}

/// What the package promises now.
async fn on_sale(
    transaction: &mut Transaction,
    input: &AdminEnqueue,
) -> Result<Terms, DomainError> {
    let package = packages::find(transaction, input.package).await?;
    let missing = || Obstacle::Missing(Thing::new(Kind::Package, input.package));
    let package = package.ok_or_else(missing)?;
    if package.record.retired_at.is_some() {
        return Err(Obstacle::PackageRetired(package.id.0).into());
    }
    Ok(Terms {
        quota: package.config.quota,
        duration: package.config.duration,
        speed_limit_bps: package.config.speed_limit_bps,
    })
}

async fn stored(
    transaction: &mut Transaction,
    id: QueuedPackageId,
) -> Result<QueuedPackage, DomainError> {
    let package = queued_packages::find(transaction, id).await?;
    package.ok_or_else(|| DomainError::NotFound(thing(id)))
}

/// The package as the queue has it now.
fn of(queue: &Queue, id: QueuedPackageId) -> Result<QueuedPackage, DomainError> {
    let package = queue.find(id).cloned();
    package.ok_or_else(|| DomainError::NotFound(thing(id)))
}

fn thing(id: QueuedPackageId) -> Thing {
    Thing::new(Kind::QueuedPackage, id)
}
