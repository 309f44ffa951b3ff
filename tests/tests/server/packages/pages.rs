//! Pages of series and packages, and creates that are repeated.

use super::*;

#[tokio::test]
async fn pages_are_in_order_and_count_everything() {
    let server = Server::start().await;
    let mut admin = server.packages().await;
    let mut ids = Vec::new();
    for (name, display_order) in [("c", 2), ("a", 1), ("b", 2), ("d", -1)] {
        let config = Some(PackageSeriesConfig {
            display_order,
            ..series_config(name, &[])
        });
        let request = CreatePackageSeriesRequest {
            config,
            ..Default::default()
        };
        let made = admin
            .create_package_series(request)
            .await
            .unwrap()
            .into_inner();
        ids.push(made.series.unwrap().id);
    }
    let retire = RetirePackageSeriesRequest {
        id: ids[1],
        ..Default::default()
    };
    admin.retire_package_series(retire).await.unwrap();
    for (include_retired, limit, offset, names, total) in [
        (false, 0, 0, "dcb", 3),
        (true, 0, 0, "dacb", 4),
        (true, 2, 1, "ac", 4),
        (true, 500, 4, "", 4),
        (false, 1, u32::MAX, "", 3),
    ] {
        let request = ListPackageSeriesRequest {
            include_retired,
            limit,
            offset,
        };
        let page = admin
            .list_package_series(request)
            .await
            .unwrap()
            .into_inner();
        let found: String = page
            .series
            .into_iter()
            .map(|s| s.config.unwrap().name)
            .collect();
        assert_eq!((found.as_str(), page.total), (names, total), "{request:?}");
    }

    let mut packages = Vec::new();
    for (series, name) in [(ids[2], "x"), (ids[0], "y"), (ids[2], "z"), (ids[0], "x")] {
        packages.push(server.package(package_config(series, name)).await.id);
    }
    let retire = RetirePackageRequest {
        id: packages[0],
        ..Default::default()
    };
    admin.retire_package(retire).await.unwrap();
    for (series_id, include_retired, limit, offset, names, total) in [
        (0, false, 0, 0, "yxz", 3),
        (0, true, 0, 0, "yxxz", 4),
        (0, true, 2, 1, "xx", 4),
        (ids[2], false, 0, 0, "z", 1),
        (ids[2], true, 1, 1, "z", 2),
        (i32::MAX, true, 0, 0, "", 0),
    ] {
        let request = ListPackagesRequest {
            series_id,
            include_retired,
            limit,
            offset,
        };
        let page = admin.list_packages(request).await.unwrap().into_inner();
        let found: String = page
            .packages
            .into_iter()
            .map(|p| p.config.unwrap().name)
            .collect();
        assert_eq!((found.as_str(), page.total), (names, total), "{request:?}");
    }
}

#[tokio::test]
async fn a_repeated_create_makes_one_thing() {
    let (server, sql) = server_and_sql().await;
    let mut admin = server.packages().await;
    let series = CreatePackageSeriesRequest {
        config: Some(series_config("Home", &[])),
        idempotency_key: "s-1".to_owned(),
    };
    let first = admin
        .create_package_series(series.clone())
        .await
        .unwrap()
        .into_inner();
    let again = admin
        .create_package_series(series)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, again);
    let create = CreatePackageRequest {
        config: Some(package_config(first.series.unwrap().id, "Home 100")),
        idempotency_key: "p-1".to_owned(),
    };
    let calls = (0..20).map(|_| {
        let (mut admin, create) = (admin.clone(), create.clone());
        async move { admin.create_package(create).await.unwrap().into_inner() }
    });
    let made = futures::future::join_all(calls).await;
    assert!(made.iter().all(|one| *one == made[0]));
    let other = CreatePackageRequest {
        config: Some(PackageConfig {
            speed_limit_bps: 1,
            ..create.config.unwrap()
        }),
        ..create
    };
    let refused = admin.create_package(other).await.unwrap_err();
    assert_eq!(reason(&refused), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(sql("SELECT count(*) FROM audit_log"), "2");
}
