//! The export of a subscriber: pages, each read in a short transaction of its own when the records
//! before it have been taken, so that a slow reader holds nothing.

use std::time::Duration;

use futures::future::BoxFuture;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use tokio::time::Instant;

use super::{present, snapshot, thing};
use crate::audit::AuditEntry;
use crate::domain::manage::ManageService;
use crate::domain::manage::write::Write;
use crate::domain::{AdminExportUser, Context, DomainError, Export, ExportRecord, Processor};
use crate::packages::QueuedPackage;
use crate::store::usage_of_user::{self, AfterPackage, AfterSum};
use crate::store::{
    Database, StoreError, Transaction, audit, queued_packages, retry_conflicts, usage_adjustments,
};
use crate::usage::{PackageUsage, UsageAdjustment, UsageSum};
use crate::users::UserId;

/// Records read at a time.
const PAGE: u32 = 200;

impl Processor<AdminExportUser> for ManageService {
    type Output = Export;

    async fn process(
        &self,
        context: &Context,
        AdminExportUser(id): AdminExportUser,
    ) -> Result<Export, DomainError> {
        // Written down first, so that nothing is given out in secret.
        let user = retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "ExportUser").await?;
            let user = present(&mut write.transaction, id).await?;
            let state = snapshot::of(&user);
            let (before, after) = (Some(state.clone()), Some(state));
            write.commit(&thing(id), before, after).await?;
            Ok::<_, DomainError>(user)
        })
        .await?;
        let pages = Pages {
            database: self.database.clone(),
            id,
            timeout: context.deadline.saturating_duration_since(context.received),
        };
        let user = stream::iter([Ok(ExportRecord::User(Box::new(user)))]);
        Ok(user
            .chain(packages(&pages))
            .chain(usage(&pages))
            .chain(entries(&pages))
            .boxed())
    }
}

fn packages(pages: &Pages) -> Export {
    let packages = pages.read(
        |transaction, id, after| Box::pin(queued_packages::of_user(transaction, id, after, PAGE)),
        |package: &QueuedPackage| package.id.0,
    );
    let packages = packages.map_ok(|package| ExportRecord::QueuedPackage(Box::new(package)));
    packages.boxed()
}

fn usage(pages: &Pages) -> Export {
    let after_sum = |sum: &UsageSum| AfterSum {
        start: sum.start,
        node_client: sum.node_client.0,
        node_server: sum.node_server.0,
    };
    let daily = pages.read(
        |transaction, id, after| Box::pin(usage_of_user::daily(transaction, id, after, PAGE)),
        after_sum,
    );
    let hourly = pages.read(
        |transaction, id, after| Box::pin(usage_of_user::hourly(transaction, id, after, PAGE)),
        after_sum,
    );
    let by_package = pages.read(
        |transaction, id, after| Box::pin(usage_of_user::by_package(transaction, id, after, PAGE)),
        |usage: &PackageUsage| AfterPackage {
            start: usage.start,
            node_server: usage.node_server.0,
            package: usage.package.map_or(0, |package| package.0),
        },
    );
    let adjustments = pages.read(
        |transaction, id, after| Box::pin(usage_adjustments::of_user(transaction, id, after, PAGE)),
        |adjustment: &UsageAdjustment| adjustment.id,
    );
    let daily = daily.map_ok(ExportRecord::DailyUsage);
    daily
        .chain(hourly.map_ok(ExportRecord::HourlyUsage))
        .chain(by_package.map_ok(ExportRecord::PackageUsage))
        .chain(adjustments.map_ok(ExportRecord::UsageAdjustment))
        .boxed()
}

fn entries(pages: &Pages) -> Export {
    let entries = pages.read(
        |transaction, id, after| Box::pin(audit::of_user(transaction, id, after, PAGE)),
        |entry: &AuditEntry| entry.id,
    );
    entries.map_ok(ExportRecord::AuditEntry).boxed()
}

/// The rows of a page that follow the row with this key.
type ReadPage<T, K> = fn(&mut Transaction, UserId, K) -> BoxFuture<'_, Result<Vec<T>, StoreError>>;

#[derive(Debug, Clone)]
struct Pages {
    database: Database,
    id: UserId,
    /// How long reading one page may take: what a request may. The stream may take longer.
    timeout: Duration,
}

impl Pages {
    /// All rows of one kind by ascending key, of which the default comes before all.
    fn read<T: Send + 'static, K: Copy + Default + Send + Sync + 'static>(
        &self,
        page: ReadPage<T, K>,
        key_of: fn(&T) -> K,
    ) -> impl Stream<Item = Result<T, DomainError>> + Send + use<T, K> {
        let pages = self.clone();
        stream::try_unfold(K::default(), move |after| {
            let pages = pages.clone();
            async move {
                let rows = pages.one(page, after).await?;
                let next = rows.last().map(key_of);
                let rows = stream::iter(rows.into_iter().map(Ok::<_, DomainError>));
                Ok::<_, DomainError>(next.map(|next| (rows, next)))
            }
        })
        .try_flatten()
    }

    async fn one<T, K: Copy + Sync>(
        &self,
        page: ReadPage<T, K>,
        after: K,
    ) -> Result<Vec<T>, DomainError> {
        let deadline = Instant::now() + self.timeout;
        retry_conflicts(|| async move {
            // The primary, where the export itself stands in the audit log.
            let mut transaction = self.database.read_primary(deadline).await?;
            let rows = page(&mut transaction, self.id, after).await?;
            transaction.commit().await?;
            Ok(rows)
        })
        .await
    }
}
