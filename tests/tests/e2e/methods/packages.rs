//! Package series and packages.

use anyhow::Result;
use telecom_proto::v1::package_duration::Length;
use telecom_proto::v1::package_manage_client::PackageManageClient;
use telecom_proto::v1::{
    CreatePackageRequest, CreatePackageSeriesRequest, ListPackageSeriesRequest,
    ListPackagesRequest, PackageConfig, PackageDuration, PackageSeriesConfig, Quota, QuotaKind,
    RetirePackageRequest, RetirePackageSeriesRequest, ShowPackageRequest, ShowPackageSeriesRequest,
    UpdatePackageRequest, UpdatePackageSeriesRequest,
};
use telecom_tests::door::Caller;

use super::Provider;
use super::network::{Network, mask};

/// A package on sale that gives access to the network.
#[derive(Clone, Copy)]
pub(super) struct OnSale {
    pub(super) series: i32,
    pub(super) package: i32,
}

fn packages(caller: &Caller) -> PackageManageClient<Caller> {
    PackageManageClient::new(caller.clone())
}

pub(super) async fn set_up(provider: &Provider, network: &Network) -> Result<OnSale> {
    let series = series(provider, network).await?;
    let package = package(provider, series).await?;
    Ok(OnSale { series, package })
}

async fn series(provider: &Provider, network: &Network) -> Result<i32> {
    let mut admin = packages(&provider.admin);
    let create = CreatePackageSeriesRequest {
        config: Some(PackageSeriesConfig {
            name: "Home".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let created = admin.create_package_series(create).await?.into_inner();
    let series = created.series.unwrap();
    let update = UpdatePackageSeriesRequest {
        id: series.id,
        etag: series.etag,
        config: Some(PackageSeriesConfig {
            node_client_ids: vec![network.client],
            ..Default::default()
        }),
        update_mask: Some(mask("node_client_ids")),
    };
    admin.update_package_series(update).await?;

    let mut viewer = packages(&provider.viewer);
    let list = ListPackageSeriesRequest::default();
    assert_eq!(
        viewer.list_package_series(list).await?.into_inner().total,
        1
    );
    let show = ShowPackageSeriesRequest { id: series.id };
    let shown = viewer.show_package_series(show).await?.into_inner();
    let config = shown.series.unwrap().config.unwrap();
    assert_eq!(
        (config.name.as_str(), config.node_client_ids),
        ("Home", vec![network.client])
    );
    Ok(series.id)
}

async fn package(provider: &Provider, series: i32) -> Result<i32> {
    let mut admin = packages(&provider.admin);
    let create = CreatePackageRequest {
        config: Some(PackageConfig {
            series_id: series,
            name: "10 GB".into(),
            quota: Some(Quota {
                kind: QuotaKind::Total.into(),
                bytes: 10_000_000_000,
                monthly_reset: false,
            }),
            duration: Some(PackageDuration {
                length: Some(Length::Months(1)),
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let created = admin.create_package(create).await?.into_inner();
    let package = created.package.unwrap();
    let update = UpdatePackageRequest {
        id: package.id,
        etag: package.etag,
        config: Some(PackageConfig {
            speed_limit_bps: 100_000_000,
            ..Default::default()
        }),
        update_mask: Some(mask("speed_limit_bps")),
    };
    admin.update_package(update).await?;

    let mut support = packages(&provider.support);
    let list = ListPackagesRequest {
        series_id: series,
        ..Default::default()
    };
    assert_eq!(support.list_packages(list).await?.into_inner().total, 1);
    let show = ShowPackageRequest { id: package.id };
    let shown = support.show_package(show).await?.into_inner();
    let config = shown.package.unwrap().config.unwrap();
    assert_eq!(config.speed_limit_bps, 100_000_000);
    Ok(package.id)
}

/// Takes both from sale, and the network out of the series.
pub(super) async fn retire(provider: &Provider, on_sale: OnSale) -> Result<()> {
    let mut admin = packages(&provider.admin);
    let show = ShowPackageSeriesRequest { id: on_sale.series };
    let shown = admin.show_package_series(show).await?.into_inner();
    let update = UpdatePackageSeriesRequest {
        id: on_sale.series,
        etag: shown.series.unwrap().etag,
        config: Some(PackageSeriesConfig::default()),
        update_mask: Some(mask("node_client_ids")),
    };
    admin.update_package_series(update).await?;
    let retire = RetirePackageRequest {
        id: on_sale.package,
        ..Default::default()
    };
    let retired = admin.retire_package(retire).await?.into_inner();
    assert!(retired.package.unwrap().retired_at.is_some());
    let retire = RetirePackageSeriesRequest {
        id: on_sale.series,
        ..Default::default()
    };
    let retired = admin.retire_package_series(retire).await?.into_inner();
    assert!(retired.series.unwrap().retired_at.is_some());
    Ok(())
}
