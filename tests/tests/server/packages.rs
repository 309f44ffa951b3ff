//! Series and packages: what is on sale.

use telecom_proto::v1::package_duration::Length;
use telecom_proto::v1::package_manage_client::PackageManageClient;
use telecom_proto::v1::{
    CreatePackageRequest, CreatePackageSeriesRequest, ListPackageSeriesRequest,
    ListPackagesRequest, Package, PackageConfig, PackageDuration, PackageSeries,
    PackageSeriesConfig, Quota, QuotaKind, RetirePackageRequest, RetirePackageSeriesRequest,
    ShowPackageRequest, ShowPackageSeriesRequest, UpdatePackageRequest, UpdatePackageSeriesRequest,
};
use telecom_tests::{postgres, tokens};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use super::process::{Bearer, Server, fields, reason};

mod pages;
mod refusals;

pub type Packages = PackageManageClient<InterceptedService<Channel, Bearer>>;

impl Server {
    /// A client of `PackageManage` with the administrator's token.
    pub async fn packages(&self) -> Packages {
        PackageManageClient::with_interceptor(self.channel().await, Bearer::new(tokens::admin()))
    }

    /// A series on sale, without node clients.
    pub async fn series(&self, name: &str) -> PackageSeries {
        let request = CreatePackageSeriesRequest {
            config: Some(series_config(name, &[])),
            ..Default::default()
        };
        let made = self.packages().await.create_package_series(request).await;
        made.unwrap().into_inner().series.unwrap()
    }

    /// A package on sale.
    pub async fn package(&self, config: PackageConfig) -> Package {
        let request = CreatePackageRequest {
            config: Some(config),
            ..Default::default()
        };
        let made = self.packages().await.create_package(request).await;
        made.unwrap().into_inner().package.unwrap()
    }
}

pub fn series_config(name: &str, node_client_ids: &[i32]) -> PackageSeriesConfig {
    PackageSeriesConfig {
        name: name.to_owned(),
        description: "Fast at home".to_owned(),
        display_order: 10,
        node_client_ids: node_client_ids.to_owned(),
    }
}

pub fn total(bytes: u64) -> Quota {
    Quota {
        kind: QuotaKind::Total.into(),
        bytes,
        monthly_reset: false,
    }
}

pub fn months(months: u32) -> PackageDuration {
    PackageDuration {
        length: Some(Length::Months(months)),
    }
}

pub fn seconds(seconds: i64) -> PackageDuration {
    let nanos = 0;
    PackageDuration {
        length: Some(Length::Seconds(prost_types::Duration { seconds, nanos })),
    }
}

/// 100 GB for a month.
pub fn package_config(series_id: i32, name: &str) -> PackageConfig {
    PackageConfig {
        series_id,
        name: name.to_owned(),
        description: String::new(),
        quota: Some(total(100_000_000_000)),
        duration: Some(months(1)),
        speed_limit_bps: 50_000_000,
    }
}

/// A server, and SQL on its database.
pub async fn server_and_sql() -> (Server, impl Fn(&str) -> String) {
    let url = postgres::shared().database();
    let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let database = url.rsplit('/').next().unwrap().to_owned();
    let sql = move |sql: &str| postgres::shared().sql(&database, sql).unwrap();
    (server, sql)
}

/// A call is refused so.
pub async fn refused<T: std::fmt::Debug>(
    call: impl Future<Output = Result<Response<T>, Status>>,
    code: Code,
    expected: &str,
) {
    let status = call.await.unwrap_err();
    let found = (status.code(), reason(&status));
    assert_eq!(found, (code, expected.to_owned()), "{status:?}");
}

/// Node clients 1 to `count`, on one node server.
fn node_clients(sql: impl Fn(&str) -> String, count: i32) {
    sql(&format!(
        "INSERT INTO node_server (name, address, country, location, route_class, bandwidth_bps, \
         max_sessions, metadata) VALUES ('n', 'n', 'DE', '', '', 0, 0, '{{}}'); \
         INSERT INTO node_client (node_server_id, name, display_order, protocol, port, country, \
         location, route_class, routes, metadata) SELECT 1, 'c' || n, 0, 'wireguard', 51820, '', \
         '', '', '{{}}', '{{}}' FROM generate_series(1, {count}) n"
    ));
}

fn mask(path: &str) -> prost_types::FieldMask {
    let paths = vec![path.to_owned()];
    prost_types::FieldMask { paths }
}

#[tokio::test]
async fn a_series_lives_from_create_to_retire() {
    let (server, sql) = server_and_sql().await;
    node_clients(&sql, 3);
    let mut admin = server.packages().await;
    let create = CreatePackageSeriesRequest {
        config: Some(series_config("Home", &[3, 1])),
        ..Default::default()
    };
    let made = admin.create_package_series(create).await.unwrap();
    let made = made.into_inner().series.unwrap();
    assert_eq!(
        made.config,
        Some(series_config("Home", &[1, 3])),
        "in order"
    );
    assert_eq!(made.retired_at, None);

    let update = UpdatePackageSeriesRequest {
        id: made.id,
        etag: made.etag.clone(),
        config: Some(series_config("", &[2, 3])),
        update_mask: Some(mask("node_client_ids")),
    };
    let changed = admin.update_package_series(update.clone()).await.unwrap();
    let changed = changed.into_inner().series.unwrap();
    assert_eq!(changed.config, Some(series_config("Home", &[2, 3])));
    assert_ne!(changed.etag, made.etag);
    let stale = admin.update_package_series(update).await.unwrap_err();
    assert_eq!(
        (stale.code(), reason(&stale).as_str()),
        (Code::FailedPrecondition, "ETAG_STALE")
    );

    let retire = |etag: &str| RetirePackageSeriesRequest {
        id: made.id,
        etag: etag.to_owned(),
    };
    let stale = admin
        .retire_package_series(retire(&made.etag))
        .await
        .unwrap_err();
    assert_eq!(reason(&stale), "ETAG_STALE");
    let retired = admin
        .retire_package_series(retire(&changed.etag))
        .await
        .unwrap();
    let retired = retired.into_inner().series.unwrap();
    assert!(retired.retired_at.is_some());
    let again = admin
        .retire_package_series(retire(""))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        again.series.as_ref(),
        Some(&retired),
        "nothing more to change"
    );
    let shown = admin
        .show_package_series(ShowPackageSeriesRequest { id: made.id })
        .await
        .unwrap();
    assert_eq!(shown.into_inner().series, Some(retired));

    let rows = sql(
        "SELECT method, target, before->'node_client_ids', after->'node_client_ids', \
                    after->>'retired_at' IS NOT NULL FROM audit_log ORDER BY id",
    );
    let target = format!("package_series/{}", made.id);
    assert_eq!(
        rows.lines().collect::<Vec<_>>(),
        [
            format!("CreatePackageSeries|{target}||[1, 3]|f"),
            format!("UpdatePackageSeries|{target}|[1, 3]|[2, 3]|f"),
            format!("RetirePackageSeries|{target}|[2, 3]|[2, 3]|t"),
        ]
    );
}

#[tokio::test]
async fn a_package_lives_from_create_to_retire() {
    let (server, sql) = server_and_sql().await;
    let mut admin = server.packages().await;
    let series = server.series("Home").await;
    let made = server.package(package_config(series.id, "Home 100")).await;
    assert_eq!(made.config, Some(package_config(series.id, "Home 100")));

    let unlimited = PackageConfig {
        quota: Some(Quota {
            kind: QuotaKind::Unlimited.into(),
            ..Quota::default()
        }),
        duration: Some(seconds(86_400)),
        speed_limit_bps: 0,
        ..package_config(series.id, "Day pass")
    };
    let update = UpdatePackageRequest {
        id: made.id,
        etag: made.etag.clone(),
        config: Some(unlimited.clone()),
        update_mask: None,
    };
    let changed = admin
        .update_package(update)
        .await
        .unwrap()
        .into_inner()
        .package
        .unwrap();
    assert_eq!(changed.config, Some(unlimited.clone()));
    let update = UpdatePackageRequest {
        id: made.id,
        etag: changed.etag.clone(),
        config: Some(PackageConfig {
            speed_limit_bps: 9,
            ..PackageConfig::default()
        }),
        update_mask: Some(mask("speed_limit_bps")),
    };
    let slower = admin
        .update_package(update)
        .await
        .unwrap()
        .into_inner()
        .package
        .unwrap();
    let expected = PackageConfig {
        speed_limit_bps: 9,
        ..unlimited
    };
    assert_eq!(slower.config, Some(expected));

    let retire = |etag: &str| RetirePackageRequest {
        id: made.id,
        etag: etag.to_owned(),
    };
    let stale = admin.retire_package(retire(&made.etag)).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_STALE");
    let retired = admin
        .retire_package(retire(&slower.etag))
        .await
        .unwrap()
        .into_inner();
    assert!(retired.package.as_ref().unwrap().retired_at.is_some());
    let again = admin.retire_package(retire("")).await.unwrap().into_inner();
    assert_eq!(again, retired, "nothing more to change");
    let shown = admin
        .show_package(ShowPackageRequest { id: made.id })
        .await
        .unwrap();
    assert_eq!(shown.into_inner().package, retired.package);

    let rows = sql(
        "SELECT method, before->>'name', after->>'name', after#>>'{quota,kind}' \
                    FROM audit_log WHERE target LIKE 'package/%' ORDER BY id",
    );
    assert_eq!(
        rows.lines().collect::<Vec<_>>(),
        [
            "CreatePackage||Home 100|total",
            "UpdatePackage|Home 100|Day pass|unlimited",
            "UpdatePackage|Day pass|Day pass|unlimited",
            "RetirePackage|Day pass|Day pass|unlimited",
        ]
    );
}

#[tokio::test]
async fn a_retired_series_takes_its_packages_along() {
    let server = Server::start().await;
    let mut admin = server.packages().await;
    let series = server.series("Home").await;
    let first = server.package(package_config(series.id, "first")).await;
    let second = server.package(package_config(series.id, "second")).await;
    let retire = RetirePackageRequest {
        id: first.id,
        ..Default::default()
    };
    let first = admin
        .retire_package(retire)
        .await
        .unwrap()
        .into_inner()
        .package
        .unwrap();
    let retire = RetirePackageSeriesRequest {
        id: series.id,
        ..Default::default()
    };
    let gone = admin
        .retire_package_series(retire)
        .await
        .unwrap()
        .into_inner();
    let gone = gone.series.unwrap().retired_at;

    let show = |id| {
        let mut admin = admin.clone();
        async move {
            let shown = admin.show_package(ShowPackageRequest { id }).await.unwrap();
            shown.into_inner().package.unwrap()
        }
    };
    assert_eq!(show(first.id).await, first, "it was retired before");
    let shown = show(second.id).await;
    assert_eq!(shown.retired_at, gone);
    assert_ne!(shown.etag, second.etag);

    let create = CreatePackageRequest {
        config: Some(package_config(series.id, "third")),
        ..Default::default()
    };
    let refused = admin.create_package(create).await.unwrap_err();
    let expected = (Code::FailedPrecondition, "PACKAGE_SERIES_RETIRED");
    assert_eq!((refused.code(), reason(&refused).as_str()), expected);
}
