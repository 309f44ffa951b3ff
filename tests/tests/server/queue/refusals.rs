//! What cannot be asked of a queue.

use telecom_proto::v1::{
    CountQueuedPackagesRequest, EraseUserRequest, ListQueuedPackagesRequest,
    RetirePackageSeriesRequest, SuspendUserRequest,
};

use super::*;

#[tokio::test]
async fn a_repeated_order_is_told_the_package_that_it_became() {
    let server = Server::start().await;
    let user = server.subscriber("UTC").await;
    let other = server.subscriber("UTC").await;
    let series = server.series("Home").await;
    let package = server.package(package_config(series.id, "Home 100")).await;
    let first = server.enqueued(&user, &package, "o-1").await;
    let line = EnqueueRequest {
        line: 1,
        ..order_of(&user, &package, "o-1")
    };
    server.queue().await.enqueue(line).await.unwrap();
    let retire = RetirePackageSeriesRequest {
        id: series.id,
        ..Default::default()
    };
    server
        .packages()
        .await
        .retire_package_series(retire)
        .await
        .unwrap();
    // For whomever, and even when it is off sale meanwhile.
    for user in [&user, &other, &uuid::Uuid::nil().to_string()] {
        let mut queue = server.queue().await;
        let repeated = queue.enqueue(order_of(user, &package, "o-1")).await;
        let refused = repeated.unwrap_err();
        assert_eq!(refused.code(), Code::AlreadyExists);
        let details = refused.get_error_details();
        let info = details.error_info().unwrap();
        let metadata: HashMap<_, _> =
            [("queued_package_id".to_owned(), first.id.to_string())].into();
        assert_eq!(
            (info.reason.as_str(), &info.metadata),
            ("ORDER_EXISTS", &metadata)
        );
    }
}

#[tokio::test]
async fn obstacles_have_reasons() {
    let (server, sql) = server_and_sql().await;
    let mut queue = server.queue().await;
    let user = server.subscriber("UTC").await;
    let erased = server.subscriber("UTC").await;
    let series = server.series("Home").await;
    let package = server.package(package_config(series.id, "Home 100")).await;
    let open = server.enqueued(&erased, &package, "o-1").await;
    let waits = server.enqueued(&erased, &package, "o-2").await;
    let erase = EraseUserRequest {
        id: erased.clone(),
        ..Default::default()
    };
    let gone = server
        .subscribers()
        .await
        .erase_user(erase.clone())
        .await
        .unwrap();
    assert_eq!(gone.into_inner().cancelled_packages, 2);
    let gone = server.subscribers().await.erase_user(erase).await.unwrap();
    assert_eq!(
        gone.into_inner().cancelled_packages,
        0,
        "nothing more to cancel"
    );
    assert_eq!(
        server.queued(waits.id).await.active_from,
        None,
        "nothing began meanwhile"
    );

    let obstacle = Code::FailedPrecondition;
    let nobody = uuid::Uuid::nil().to_string();
    let absent = EnqueueRequest {
        package_id: 4711,
        ..order_of(&user, &package, "o-3")
    };
    refused(
        queue.enqueue(order_of(&nobody, &package, "o-3")),
        obstacle,
        "USER_NOT_FOUND",
    )
    .await;
    refused(
        queue.enqueue(order_of(&erased, &package, "o-3")),
        obstacle,
        "USER_ERASED",
    )
    .await;
    refused(queue.enqueue(absent), obstacle, "PACKAGE_NOT_FOUND").await;
    let retire = telecom_proto::v1::RetirePackageRequest {
        id: package.id,
        ..Default::default()
    };
    server
        .packages()
        .await
        .retire_package(retire)
        .await
        .unwrap();
    refused(
        queue.enqueue(order_of(&user, &package, "o-3")),
        obstacle,
        "PACKAGE_RETIRED",
    )
    .await;

    let cancel = |id, etag: &str| CancelRequest {
        id,
        reason: String::new(),
        etag: etag.to_owned(),
    };
    refused(
        queue.cancel(cancel(4711, "")),
        Code::NotFound,
        "QUEUED_PACKAGE_NOT_FOUND",
    )
    .await;
    refused(
        queue.cancel(cancel(open.id, "")),
        obstacle,
        "QUEUED_PACKAGE_ENDED",
    )
    .await;
    let show = queue.show_queued_package(ShowQueuedPackageRequest { id: i64::MAX });
    refused(show, Code::NotFound, "QUEUED_PACKAGE_NOT_FOUND").await;
    assert_eq!(sql("SELECT count(*) FROM queued_package"), "2");
    assert_eq!(
        sql("SELECT count(*) FROM audit_log WHERE method IN ('Enqueue', 'Cancel')"),
        "2"
    );
}

#[tokio::test]
async fn a_stale_etag_cancels_nothing() {
    let server = Server::start().await;
    let user = server.subscriber("UTC").await;
    let series = server.series("Home").await;
    let package = server.package(package_config(series.id, "Home 100")).await;
    let active = server.enqueued(&user, &package, "o-1").await;
    let waits = server.enqueued(&user, &package, "o-2").await;
    let cancel = |package: &QueuedPackage| CancelRequest {
        id: package.id,
        reason: String::new(),
        etag: package.etag.clone(),
    };
    server.queue().await.cancel(cancel(&active)).await.unwrap();
    // It has become active: whoever saw it waiting may think otherwise now.
    let mut queue = server.queue().await;
    refused(
        queue.cancel(cancel(&waits)),
        Code::FailedPrecondition,
        "ETAG_STALE",
    )
    .await;
    let present = server.queued(waits.id).await;
    assert_eq!(present.status(), Status::Active);
    queue.cancel(cancel(&present)).await.unwrap();
}

#[tokio::test]
async fn a_suspended_subscriber_may_buy() {
    let server = Server::start().await;
    let user = server.subscriber("UTC").await;
    let suspend = SuspendUserRequest {
        id: user.clone(),
        ..Default::default()
    };
    server
        .subscribers()
        .await
        .suspend_user(suspend)
        .await
        .unwrap();
    let series = server.series("Home").await;
    let package = server.package(package_config(series.id, "Home 100")).await;
    let bought = server.enqueued(&user, &package, "o-1").await;
    assert_eq!(bought.status(), Status::Active);
}

#[tokio::test]
async fn a_queue_has_an_end() {
    let (server, sql) = server_and_sql().await;
    let user = server.subscriber("UTC").await;
    let series = server.series("Home").await;
    let package = server.package(package_config(series.id, "Home 100")).await;
    server.enqueued(&user, &package, "first").await;
    sql(&format!(
        "INSERT INTO queued_package (user_id, package_id, order_id, line, quota_kind, \
         duration_seconds, monthly_reset, priority, status, enqueued_at) \
         SELECT '{user}', {}, 'many', n, 'unlimited', 1, false, 0, 'queued', now() \
         FROM generate_series(1, 999) n",
        package.id
    ));
    let mut queue = server.queue().await;
    let one_more = queue.enqueue(order_of(&user, &package, "last"));
    refused(one_more, Code::FailedPrecondition, "QUEUE_FULL").await;
}

/// What to spoil, and the field that is at fault then.
type Case = (fn(&mut EnqueueRequest), &'static str);

#[tokio::test]
async fn each_field_of_a_request_is_checked() {
    let (server, sql) = server_and_sql().await;
    let mut queue = server.queue().await;
    let good = EnqueueRequest {
        user_id: uuid::Uuid::nil().to_string(),
        package_id: 1,
        order_id: "o-1".to_owned(),
        line: 0,
        priority: 0,
    };
    let cases: [Case; 15] = [
        (|r| r.user_id.clear(), "user_id"),
        (|r| r.user_id = "x".repeat(1 << 20), "user_id"),
        (|r| r.user_id = r.user_id.replace('-', ""), "user_id"),
        (|r| r.user_id.push('\0'), "user_id"),
        (|r| r.package_id = 0, "package_id"),
        (|r| r.package_id = i32::MIN, "package_id"),
        (|r| r.order_id.clear(), "order_id"),
        (|r| r.order_id = "o".repeat(65), "order_id"),
        (|r| r.order_id = "o".repeat(1 << 20), "order_id"),
        (|r| r.order_id = "a b".to_owned(), "order_id"),
        (|r| r.order_id = "é\n".to_owned(), "order_id"),
        (|r| r.line = 10_000, "line"),
        (|r| r.line = u32::MAX, "line"),
        (|r| r.priority = 1001, "priority"),
        (|r| r.priority = i32::MIN, "priority"),
    ];
    for (spoil, field) in cases {
        let mut request = good.clone();
        spoil(&mut request);
        assert_eq!(fields(&queue.enqueue(request).await.unwrap_err()), [field]);
    }
    let all = queue.enqueue(EnqueueRequest::default()).await.unwrap_err();
    assert_eq!(fields(&all), ["user_id", "package_id", "order_id"]);
    for (id, reason, field) in [
        (0, "", "id"),
        (i64::MIN, "", "id"),
        (1, "\u{1b}[2J", "reason"),
        (1, &"x".repeat(201), "reason"),
    ] {
        let cancel = CancelRequest {
            id,
            reason: reason.to_owned(),
            etag: String::new(),
        };
        assert_eq!(fields(&queue.cancel(cancel).await.unwrap_err()), [field]);
    }
    for (user_id, order_id, package_id, status, limit, field) in [
        ("me", "", 0, 0, 0, "user_id"),
        ("", "a\0", 0, 0, 0, "order_id"),
        ("", "", -1, 0, 0, "package_id"),
        ("", "", 0, 6, 0, "status"),
        ("", "", 0, i32::MIN, 0, "status"),
        ("", "", 0, 0, 501, "limit"),
    ] {
        let list = ListQueuedPackagesRequest {
            user_id: user_id.to_owned(),
            order_id: order_id.to_owned(),
            package_id,
            status,
            limit,
            offset: 0,
        };
        assert_eq!(
            fields(&queue.list_queued_packages(list).await.unwrap_err()),
            [field]
        );
    }
    for (series_id, status, field) in [(-1, 0, "series_id"), (0, 99, "status")] {
        let count = CountQueuedPackagesRequest { series_id, status };
        assert_eq!(
            fields(&queue.count_queued_packages(count).await.unwrap_err()),
            [field]
        );
    }
    assert_eq!(sql("SELECT count(*) FROM audit_log"), "0");
}
