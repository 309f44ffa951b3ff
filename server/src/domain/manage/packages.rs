//! Packages as administrators manage them.

use crate::packages::{Package, PackageId};
use crate::store::packages::{self, UNIQUE_NAME};
use crate::store::{Transaction, package_series, retry_conflicts};

use super::ManageService;
use super::write::{Begun, Write, check_etag, taken};
use crate::domain::{Context, DomainError, Kind, Obstacle, Processor, Thing};

mod messages;
pub(super) mod snapshot;

pub use messages::{
    AdminCreatePackage, AdminListPackages, AdminRetirePackage, AdminShowPackage,
    AdminUpdatePackage, PackagePage,
};

impl Processor<AdminListPackages> for ManageService {
    type Output = PackagePage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListPackages,
    ) -> Result<PackagePage, DomainError> {
        let page = packages::Page {
            series: input.series,
            include_retired: input.include_retired,
            limit: input.limit,
            offset: input.offset,
        };
        let (packages, total) = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let found = packages::list(&mut transaction, page).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(PackagePage { packages, total })
    }
}

impl Processor<AdminShowPackage> for ManageService {
    type Output = Package;

    async fn process(
        &self,
        context: &Context,
        AdminShowPackage(id): AdminShowPackage,
    ) -> Result<Package, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let package = present(&mut transaction, id).await?;
            transaction.commit().await?;
            Ok(package)
        })
        .await
    }
}

impl Processor<AdminCreatePackage> for ManageService {
    type Output = Package;

    async fn process(
        &self,
        context: &Context,
        input: AdminCreatePackage,
    ) -> Result<Package, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let idempotency = input.idempotency.as_ref();
            let begun = Write::begin_create(&self.database, context, "CreatePackage", idempotency);
            let mut write = match begun.await? {
                Begun::New(write) => write,
                Begun::Before(mut write, id) => {
                    let id = PackageId(id.parse().unwrap_or_default());
                    return present(&mut write.transaction, id).await;
                }
            };
            let (transaction, series) = (&mut write.transaction, input.config.series);
            match package_series::hold(transaction, series).await? {
                None => {
                    let series = Thing::new(Kind::PackageSeries, series);
                    return Err(Obstacle::Missing(series).into());
                }
                Some(true) => return Err(Obstacle::SeriesRetired(series.0).into()),
                Some(false) => {}
            }
            let inserted = packages::insert(transaction, &input.config).await;
            let id = inserted.map_err(taken(UNIQUE_NAME, Kind::Package, &input.config.name))?;
            let package = present(transaction, id).await?;
            let after = snapshot::of(&package);
            write.commit(&thing(id), None, Some(after)).await?;
            Ok(package)
        })
        .await
    }
}

impl Processor<AdminUpdatePackage> for ManageService {
    type Output = Package;

    async fn process(
        &self,
        context: &Context,
        input: AdminUpdatePackage,
    ) -> Result<Package, DomainError> {
        let (id, input) = (input.id, &input);
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "UpdatePackage").await?;
            let transaction = &mut write.transaction;
            let before = locked(transaction, id, Some(&input.etag)).await?;
            let config = before.config.clone();
            let config = config.changed(input.change.clone(), &input.fields);
            let config = config.map_err(DomainError::Invalid)?;
            let updated = packages::update(transaction, id, &config).await;
            updated.map_err(taken(UNIQUE_NAME, Kind::Package, &config.name))?;
            changed(write, &before).await
        })
        .await
    }
}

impl Processor<AdminRetirePackage> for ManageService {
    type Output = Package;

    async fn process(
        &self,
        context: &Context,
        input: AdminRetirePackage,
    ) -> Result<Package, DomainError> {
        let (id, etag) = (input.id, input.etag.as_deref());
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "RetirePackage").await?;
            let before = locked(&mut write.transaction, id, etag).await?;
            if before.record.retired_at.is_some() {
                return Ok(before);
            }
            packages::retire(&mut write.transaction, id).await?;
            changed(write, &before).await
        })
        .await
    }
}

/// The package, held against other writers, if it is still what the caller knows.
async fn locked(
    transaction: &mut Transaction,
    id: PackageId,
    etag: Option<&str>,
) -> Result<Package, DomainError> {
    let package = packages::lock(transaction, id).await?;
    let package = package.ok_or_else(|| DomainError::NotFound(thing(id)))?;
    check_etag(|| thing(id), package.record.revision, etag)?;
    Ok(package)
}

/// The package as the transaction has left it.
async fn present(transaction: &mut Transaction, id: PackageId) -> Result<Package, DomainError> {
    let package = packages::find(transaction, id).await?;
    package.ok_or_else(|| DomainError::NotFound(thing(id)))
}

/// Ends a change of a package.
async fn changed(mut write: Write<'_>, before: &Package) -> Result<Package, DomainError> {
    let package = present(&mut write.transaction, before.id).await?;
    let (old, new) = (snapshot::of(before), snapshot::of(&package));
    let thing = thing(package.id);
    write.commit(&thing, Some(old), Some(new)).await?;
    Ok(package)
}

fn thing(id: PackageId) -> Thing {
    Thing::new(Kind::Package, id)
}
