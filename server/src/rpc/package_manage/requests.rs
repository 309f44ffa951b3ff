//! Checks requests on series and packages as far as the message alone can tell.

use telecom_proto::v1::{
    CreatePackageRequest, CreatePackageSeriesRequest, ListPackageSeriesRequest,
    ListPackagesRequest, UpdatePackageRequest, UpdatePackageSeriesRequest,
};

use super::convert;
use crate::domain::{
    AdminCreatePackage, AdminCreateSeries, AdminListPackages, AdminListSeries, AdminUpdatePackage,
    AdminUpdateSeries,
};
use crate::packages::{PackageField, PackageId, SeriesField, SeriesId};
use crate::rpc::requests::{idempotency, limit, mask, needed_etag, number_filter, number_of};
use crate::rpc::status::Refusal;

pub(super) fn series(number: i32) -> Result<SeriesId, Refusal> {
    number_of("a package series", "id", number).map(SeriesId)
}

pub(super) fn package(field: &str, number: i32) -> Result<PackageId, Refusal> {
    number_of("a package", field, number).map(PackageId)
}

pub(super) fn list_series(request: &ListPackageSeriesRequest) -> Result<AdminListSeries, Refusal> {
    Ok(AdminListSeries {
        include_retired: request.include_retired,
        limit: limit(request.limit)?,
        offset: request.offset,
    })
}

pub(super) fn create_series(
    request: CreatePackageSeriesRequest,
) -> Result<AdminCreateSeries, Refusal> {
    let idempotency = idempotency(&request.idempotency_key, &request)?;
    let config = convert::series_draft(request.config.unwrap_or_default());
    Ok(AdminCreateSeries {
        config: config.check().map_err(Refusal::Invalid)?,
        idempotency,
    })
}

pub(super) fn update_series(
    request: UpdatePackageSeriesRequest,
) -> Result<AdminUpdateSeries, Refusal> {
    let id = series(request.id)?;
    let etag = needed_etag(request.etag)?;
    let config = request
        .config
        .ok_or_else(|| Refusal::field("config", "must be given"))?;
    Ok(AdminUpdateSeries {
        id,
        etag,
        change: convert::series_draft(config),
        fields: mask(request.update_mask, &SeriesField::ALL)?,
    })
}

pub(super) fn list_packages(request: &ListPackagesRequest) -> Result<AdminListPackages, Refusal> {
    let series = number_filter("a package series", "series_id", request.series_id)?;
    Ok(AdminListPackages {
        series: series.map(SeriesId),
        include_retired: request.include_retired,
        limit: limit(request.limit)?,
        offset: request.offset,
    })
}

pub(super) fn create_package(request: CreatePackageRequest) -> Result<AdminCreatePackage, Refusal> {
    let idempotency = idempotency(&request.idempotency_key, &request)?;
    let config = convert::package_draft(request.config.unwrap_or_default());
    Ok(AdminCreatePackage {
        config: config.check().map_err(Refusal::Invalid)?,
        idempotency,
    })
}

pub(super) fn update_package(request: UpdatePackageRequest) -> Result<AdminUpdatePackage, Refusal> {
    let id = package("id", request.id)?;
    let etag = needed_etag(request.etag)?;
    let config = request
        .config
        .ok_or_else(|| Refusal::field("config", "must be given"))?;
    Ok(AdminUpdatePackage {
        id,
        etag,
        change: convert::package_draft(config),
        fields: mask(request.update_mask, &PackageField::ALL)?,
    })
}
