//! What cannot be said about series and packages.

use super::*;

/// What to spoil, and the field that is at fault then.
type UpdateCase = (fn(&mut UpdatePackageRequest), &'static str);
/// The same.
type Case = (fn(&mut PackageConfig), &'static str);

fn quota(kind: i32, bytes: u64, monthly_reset: bool) -> Quota {
    Quota {
        kind,
        bytes,
        monthly_reset,
    }
}

#[tokio::test]
async fn bad_fields_of_a_package_are_named_with_their_paths() {
    let server = Server::start().await;
    let mut admin = server.packages().await;
    let series = server.series("Home").await;
    let good = server.package(package_config(series.id, "good")).await;
    let cases: [Case; 19] = [
        (|p| p.name.clear(), "config.name"),
        (|p| p.name = "x".repeat(1 << 20), "config.name"),
        (|p| p.name = "a\0b".to_owned(), "config.name"),
        (|p| p.name = "a\u{202e}\nb".to_owned(), "config.name"),
        (
            |p| p.description = "x".repeat(1 << 20),
            "config.description",
        ),
        (|p| p.description = "\u{7}".to_owned(), "config.description"),
        (|p| p.quota = None, "config.quota.kind"),
        (|p| p.quota = Some(quota(0, 1, false)), "config.quota.kind"),
        (|p| p.quota = Some(quota(99, 1, false)), "config.quota.kind"),
        (
            |p| p.quota = Some(quota(i32::MIN, 1, false)),
            "config.quota.kind",
        ),
        (|p| p.quota = Some(quota(1, 0, false)), "config.quota.bytes"),
        (
            |p| p.quota = Some(quota(2, u64::MAX, false)),
            "config.quota.bytes",
        ),
        (
            |p| p.quota = Some(quota(3, 0, true)),
            "config.quota.monthly_reset",
        ),
        (|p| p.duration = None, "config.duration"),
        (
            |p| p.duration = Some(PackageDuration::default()),
            "config.duration",
        ),
        (
            |p| p.duration = Some(seconds(i64::MAX)),
            "config.duration.seconds",
        ),
        (
            |p| p.duration = Some(seconds(-1)),
            "config.duration.seconds",
        ),
        (
            |p| p.duration = Some(months(u32::MAX)),
            "config.duration.months",
        ),
        (|p| p.speed_limit_bps = u64::MAX, "config.speed_limit_bps"),
    ];
    for (spoil, field) in cases {
        let mut config = package_config(series.id, "bad");
        spoil(&mut config);
        let create = CreatePackageRequest {
            config: Some(config.clone()),
            ..Default::default()
        };
        let refused = admin.create_package(create).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        assert_eq!(fields(&refused), [field]);
        let update = UpdatePackageRequest {
            id: good.id,
            etag: good.etag.clone(),
            config: Some(config),
            update_mask: None,
        };
        let refused = admin.update_package(update).await.unwrap_err();
        assert_eq!(fields(&refused), [field]);
    }
    let list = admin
        .list_packages(ListPackagesRequest::default())
        .await
        .unwrap();
    assert_eq!(list.into_inner().packages, [good], "nothing half-written");
}

#[tokio::test]
async fn each_field_of_a_request_is_checked() {
    let server = Server::start().await;
    let mut admin = server.packages().await;
    let series = server.series("Home").await;
    let package = server.package(package_config(series.id, "good")).await;
    let update = UpdatePackageRequest {
        id: package.id,
        etag: package.etag.clone(),
        config: package.config.clone(),
        update_mask: None,
    };
    let cases: [UpdateCase; 7] = [
        (|u| u.id = 0, "id"),
        (|u| u.id = i32::MIN, "id"),
        (|u| u.etag.clear(), "etag"),
        (|u| u.config = None, "config"),
        (|u| u.update_mask = Some(mask("etag")), "update_mask"),
        (|u| u.update_mask = Some(mask("quota.bytes")), "update_mask"),
        (
            |u| u.config.as_mut().unwrap().series_id += 1,
            "config.series_id",
        ),
    ];
    for (spoil, field) in cases {
        let mut update = update.clone();
        spoil(&mut update);
        assert_eq!(
            fields(&admin.update_package(update).await.unwrap_err()),
            [field]
        );
    }
    let cases: [(PackageSeriesConfig, &str); 5] = [
        (series_config(&"x".repeat(1 << 20), &[]), "config.name"),
        (series_config("a", &[-1]), "config.node_client_ids[0]"),
        (series_config("a", &[4, 4]), "config.node_client_ids[1]"),
        (
            series_config("a", &(1..200_000).collect::<Vec<_>>()),
            "config.node_client_ids",
        ),
        (
            PackageSeriesConfig {
                display_order: i32::MIN,
                ..series_config("a", &[])
            },
            "config.display_order",
        ),
    ];
    for (config, field) in cases {
        let create = CreatePackageSeriesRequest {
            config: Some(config),
            ..Default::default()
        };
        let refused = admin.create_package_series(create).await.unwrap_err();
        assert_eq!(fields(&refused), [field]);
    }
    for (series_id, limit, field) in [(-1, 0, "series_id"), (0, 501, "limit")] {
        let list = ListPackagesRequest {
            series_id,
            limit,
            ..Default::default()
        };
        assert_eq!(
            fields(&admin.list_packages(list).await.unwrap_err()),
            [field]
        );
    }
    let keyed = CreatePackageSeriesRequest {
        config: Some(series_config("b", &[])),
        idempotency_key: "a b".to_owned(),
    };
    let refused = admin.create_package_series(keyed).await.unwrap_err();
    assert_eq!(fields(&refused), ["idempotency_key"]);
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let (server, sql) = server_and_sql().await;
    node_clients(&sql, 2);
    let mut admin = server.packages().await;
    let series = server.series("Home").await;
    let (id, etag) = (4711, "r1".to_owned());
    let config = Some(package_config(series.id, "a"));
    let package = UpdatePackageRequest {
        id,
        etag: etag.clone(),
        config,
        update_mask: None,
    };
    let config = Some(series_config("a", &[]));
    let other = UpdatePackageSeriesRequest {
        id,
        etag: etag.clone(),
        config,
        update_mask: None,
    };
    let retire = RetirePackageRequest {
        id,
        etag: etag.clone(),
    };
    let retire_series = RetirePackageSeriesRequest { id, etag };
    let (absent, no_package, no_series) = (
        Code::NotFound,
        "PACKAGE_NOT_FOUND",
        "PACKAGE_SERIES_NOT_FOUND",
    );
    refused(
        admin.show_package(ShowPackageRequest { id }),
        absent,
        no_package,
    )
    .await;
    refused(admin.update_package(package), absent, no_package).await;
    refused(admin.retire_package(retire), absent, no_package).await;
    refused(
        admin.show_package_series(ShowPackageSeriesRequest { id }),
        absent,
        no_series,
    )
    .await;
    refused(admin.update_package_series(other), absent, no_series).await;
    refused(
        admin.retire_package_series(retire_series),
        absent,
        no_series,
    )
    .await;

    let obstacle = Code::FailedPrecondition;
    let make = |config| CreatePackageSeriesRequest {
        config: Some(config),
        ..Default::default()
    };
    let elsewhere = CreatePackageRequest {
        config: Some(package_config(4711, "a")),
        ..Default::default()
    };
    let clients = UpdatePackageSeriesRequest {
        id: series.id,
        etag: series.etag.clone(),
        config: Some(series_config("Home", &[1, 3, 9])),
        update_mask: Some(mask("node_client_ids")),
    };
    let away = make(series_config("Away", &[2, 5]));
    refused(admin.create_package(elsewhere), obstacle, no_series).await;
    refused(
        admin.create_package_series(away),
        obstacle,
        "NODE_CLIENT_NOT_FOUND",
    )
    .await;
    refused(
        admin.update_package_series(clients),
        obstacle,
        "NODE_CLIENT_NOT_FOUND",
    )
    .await;
    assert_eq!(
        sql("SELECT count(*) FROM audit_log"),
        "1",
        "a refusal leaves nothing"
    );
    assert_eq!(sql("SELECT count(*) FROM package_series_node_client"), "0");
}

#[tokio::test]
async fn names_are_given_once() {
    let server = Server::start().await;
    let mut admin = server.packages().await;
    let series = server.series("Home").await;
    let other = server.series("Away").await;
    let package = server.package(package_config(series.id, "first")).await;
    server.package(package_config(series.id, "second")).await;
    // In another series it is another name.
    server.package(package_config(other.id, "first")).await;
    let create = CreatePackageRequest {
        config: package.config.clone(),
        ..Default::default()
    };
    let rename = UpdatePackageRequest {
        id: package.id,
        etag: package.etag,
        config: Some(package_config(series.id, "second")),
        update_mask: Some(mask("name")),
    };
    let make = CreatePackageSeriesRequest {
        config: Some(series_config("Home", &[])),
        ..Default::default()
    };
    let rename_series = UpdatePackageSeriesRequest {
        id: other.id,
        etag: other.etag,
        config: Some(series_config("Home", &[])),
        update_mask: None,
    };
    let (taken, of_package, of_series) = (
        Code::AlreadyExists,
        "PACKAGE_NAME_TAKEN",
        "PACKAGE_SERIES_NAME_TAKEN",
    );
    refused(admin.create_package(create), taken, of_package).await;
    refused(admin.update_package(rename), taken, of_package).await;
    refused(admin.create_package_series(make), taken, of_series).await;
    refused(admin.update_package_series(rename_series), taken, of_series).await;
}
