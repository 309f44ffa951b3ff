//! Corrections of what was charged to a subscriber's package.

use serde_json::{Value, json};

use super::{AdjustedUsage, AdminAdjustUsage, thing};
use crate::domain::manage::ManageService;
use crate::domain::manage::write::{Begun, Write};
use crate::domain::{Context, DomainError, Kind, Obstacle, Processor, Thing, queues};
use crate::packages::{Queue, QueuedPackage, QueuedPackageId, Unadjustable};
use crate::store::usage_adjustments::{self, NewAdjustment};
use crate::store::{Transaction, queued_packages, retry_conflicts, subscribers};
use crate::users::UserId;

impl Processor<AdminAdjustUsage> for ManageService {
    type Output = AdjustedUsage;

    async fn process(
        &self,
        context: &Context,
        input: AdminAdjustUsage,
    ) -> Result<AdjustedUsage, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let idempotency = input.idempotency.as_ref();
            let begun = Write::begin_create(&self.database, context, "AdjustUsage", idempotency);
            match begun.await? {
                Begun::New(write) => adjust(write, context, input).await,
                Begun::Before(mut write, made) => made_before(&mut write.transaction, &made).await,
            }
        })
        .await
    }
}

async fn adjust(
    mut write: Write<'_>,
    context: &Context,
    input: &AdminAdjustUsage,
) -> Result<AdjustedUsage, DomainError> {
    let transaction = &mut write.transaction;
    let user = subscribers::lock(transaction, input.user).await?;
    let user = user.ok_or_else(|| DomainError::NotFound(thing(input.user)))?;
    let (mut queue, now) = queues::present(transaction, &user).await?;
    let before = chosen(transaction, &mut queue, input).await?;
    let id = before.id;
    let adjusted = queue.adjust(id, input.bytes, now);
    let adjusted = adjusted.map_err(|why| refused(id, why))?;
    let package = queue.find(id).cloned().ok_or_else(|| missing(id))?;
    queues::save(transaction, queue.into_changes(), &context.trace_id).await?;
    let new = NewAdjustment {
        user: user.id,
        package: id,
        adjusted,
        reason: &input.reason,
        actor: &context.caller.to_string(),
        at: now,
    };
    let made = usage_adjustments::insert(transaction, &new).await?;
    let adjustment = usage_adjustments::find(transaction, made).await?;
    let adjustment = adjustment.ok_or_else(|| DomainError::NotFound(correction(made)))?;
    let state = |package: &QueuedPackage| snapshot(user.id, package);
    let mut after = state(&package);
    after["bytes"] = input.bytes.into();
    write
        .commit(&correction(made), Some(state(&before)), Some(after))
        .await?;
    Ok(AdjustedUsage {
        package,
        adjustment,
    })
}

/// The package that the caller names, which must be the subscriber's own, or the active one.
async fn chosen(
    transaction: &mut Transaction,
    queue: &mut Queue,
    input: &AdminAdjustUsage,
) -> Result<QueuedPackage, DomainError> {
    let Some(id) = input.package else {
        let none = || Obstacle::NoActivePackage(input.user);
        return Ok(queue.active().cloned().ok_or_else(none)?);
    };
    if queue.find(id).is_none() {
        let stored = queued_packages::find(transaction, id).await?;
        let own = stored.filter(|package| package.user == input.user);
        queue.remember(own.ok_or_else(|| missing(id))?);
    }
    queue.find(id).cloned().ok_or_else(|| missing(id))
}

async fn made_before(
    transaction: &mut Transaction,
    made: &str,
) -> Result<AdjustedUsage, DomainError> {
    let gone = || DomainError::NotFound(Thing::new(Kind::UsageAdjustment, made));
    let id = made.parse().map_err(|_| gone())?;
    let adjustment = usage_adjustments::find(transaction, id).await?;
    let adjustment = adjustment.ok_or_else(gone)?;
    let package = queued_packages::find(transaction, adjustment.package).await?;
    let package = package.ok_or_else(|| missing(adjustment.package))?;
    Ok(AdjustedUsage {
        package,
        adjustment,
    })
}

/// The package as the audit log keeps it. The reason of the correction is not in it: the log is for
/// good.
fn snapshot(user: UserId, package: &QueuedPackage) -> Value {
    json!({
        "user_id": user.0,
        "queued_package_id": package.id.0,
        "status": package.status().as_str(),
        "charged": package.charges.charged,
        "overage": package.charges.overage,
        "period_charged": package.charges.period_charged,
    })
}

fn refused(id: QueuedPackageId, why: Unadjustable) -> DomainError {
    match why {
        Unadjustable::Unknown => missing(id),
        Unadjustable::Waits => Obstacle::QueuedPackageWaits(id.0).into(),
        Unadjustable::Less(bytes) => Obstacle::LessCharged { id: id.0, bytes }.into(),
        Unadjustable::TooMuch => Obstacle::TooMuchCharged(id.0).into(),
    }
}

fn missing(id: QueuedPackageId) -> DomainError {
    DomainError::NotFound(Thing::new(Kind::QueuedPackage, id))
}

fn correction(id: i64) -> Thing {
    Thing::new(Kind::UsageAdjustment, id)
}
