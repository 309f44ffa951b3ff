//! Package series as administrators manage them.

use crate::packages::{PackageSeries, SeriesConfig, SeriesId};
use crate::store::package_series::{self, UNIQUE_NAME};
use crate::store::{Transaction, retry_conflicts};

use super::ManageService;
use super::write::{Begun, Write, check_etag, taken};
use crate::domain::{Context, DomainError, Kind, Obstacle, Processor, Thing};

mod messages;
mod snapshot;

pub use messages::{
    AdminCreateSeries, AdminListSeries, AdminRetireSeries, AdminShowSeries, AdminUpdateSeries,
    SeriesPage,
};

impl Processor<AdminListSeries> for ManageService {
    type Output = SeriesPage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListSeries,
    ) -> Result<SeriesPage, DomainError> {
        let page = package_series::Page {
            include_retired: input.include_retired,
            limit: input.limit,
            offset: input.offset,
        };
        let (series, total) = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let found = package_series::list(&mut transaction, page).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(SeriesPage { series, total })
    }
}

impl Processor<AdminShowSeries> for ManageService {
    type Output = PackageSeries;

    async fn process(
        &self,
        context: &Context,
        AdminShowSeries(id): AdminShowSeries,
    ) -> Result<PackageSeries, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let series = present(&mut transaction, id).await?;
            transaction.commit().await?;
            Ok(series)
        })
        .await
    }
}

impl Processor<AdminCreateSeries> for ManageService {
    type Output = PackageSeries;

    async fn process(
        &self,
        context: &Context,
        input: AdminCreateSeries,
    ) -> Result<PackageSeries, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let (method, idempotency) = ("CreatePackageSeries", input.idempotency.as_ref());
            let begun = Write::begin_create(&self.database, context, method, idempotency);
            let mut write = match begun.await? {
                Begun::New(write) => write,
                Begun::Before(mut write, id) => {
                    let id = SeriesId(id.parse().unwrap_or_default());
                    return present(&mut write.transaction, id).await;
                }
            };
            let transaction = &mut write.transaction;
            hold_node_clients(transaction, &input.config).await?;
            let inserted = package_series::insert(transaction, &input.config).await;
            let id = inserted.map_err(taken(
                UNIQUE_NAME,
                Kind::PackageSeries,
                &input.config.values().name,
            ))?;
            let series = present(transaction, id).await?;
            let after = snapshot::of(&series);
            write.commit(&thing(id), None, Some(after)).await?;
            Ok(series)
        })
        .await
    }
}

impl Processor<AdminUpdateSeries> for ManageService {
    type Output = PackageSeries;

    async fn process(
        &self,
        context: &Context,
        input: AdminUpdateSeries,
    ) -> Result<PackageSeries, DomainError> {
        let (id, input) = (input.id, &input);
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "UpdatePackageSeries").await?;
            let transaction = &mut write.transaction;
            let before = locked(transaction, id, Some(&input.etag)).await?;
            let config = before.config.clone();
            let config = config.changed(input.change.clone(), &input.fields);
            let config = config.map_err(DomainError::Invalid)?;
            hold_node_clients(transaction, &config).await?;
            let updated = package_series::update(transaction, id, &config).await;
            updated.map_err(taken(
                UNIQUE_NAME,
                Kind::PackageSeries,
                &config.values().name,
            ))?;
            changed(write, &before).await
        })
        .await
    }
}

impl Processor<AdminRetireSeries> for ManageService {
    type Output = PackageSeries;

    async fn process(
        &self,
        context: &Context,
        input: AdminRetireSeries,
    ) -> Result<PackageSeries, DomainError> {
        let (id, etag) = (input.id, input.etag.as_deref());
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "RetirePackageSeries").await?;
            let before = locked(&mut write.transaction, id, etag).await?;
            if before.record.retired_at.is_some() {
                return Ok(before);
            }
            package_series::retire(&mut write.transaction, id).await?;
            changed(write, &before).await
        })
        .await
    }
}

/// The series, held against other writers, if it is still what the caller knows.
async fn locked(
    transaction: &mut Transaction,
    id: SeriesId,
    etag: Option<&str>,
) -> Result<PackageSeries, DomainError> {
    let series = package_series::lock(transaction, id).await?;
    let series = series.ok_or_else(|| DomainError::NotFound(thing(id)))?;
    check_etag(|| thing(id), series.record.revision, etag)?;
    Ok(series)
}

/// The series as the transaction has left it.
async fn present(
    transaction: &mut Transaction,
    id: SeriesId,
) -> Result<PackageSeries, DomainError> {
    let series = package_series::find(transaction, id).await?;
    series.ok_or_else(|| DomainError::NotFound(thing(id)))
}

/// Ends a change of a series.
async fn changed(
    mut write: Write<'_>,
    before: &PackageSeries,
) -> Result<PackageSeries, DomainError> {
    let series = present(&mut write.transaction, before.id).await?;
    let (old, new) = (snapshot::of(before), snapshot::of(&series));
    let thing = thing(series.id);
    write.commit(&thing, Some(old), Some(new)).await?;
    Ok(series)
}

/// Keeps the node clients from being deleted, if all are there.
async fn hold_node_clients(
    transaction: &mut Transaction,
    config: &SeriesConfig,
) -> Result<(), DomainError> {
    let ids = &config.values().node_client_ids;
    match package_series::missing_node_client(transaction, ids).await? {
        None => Ok(()),
        Some(id) => Err(Obstacle::Missing(Thing::new(Kind::NodeClient, id)).into()),
    }
}

fn thing(id: SeriesId) -> Thing {
    Thing::new(Kind::PackageSeries, id)
}
