//! Subscribers' queues: packages go in, become active, and end.

use std::collections::HashMap;

use telecom_proto::v1::package_queue_manage_client::PackageQueueManageClient;
use telecom_proto::v1::user_manage_client::UserManageClient;
use telecom_proto::v1::{
    CancelRequest, CreateUserRequest, EnqueueRequest, Package, PackageConfig, PackageDuration,
    QueuedPackage, QueuedPackageStatus as Status, ShowQueuedPackageRequest, UpdatePackageRequest,
};
use telecom_tests::tokens;
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use super::packages::{months, package_config, refused, seconds, server_and_sql, total};
use super::process::{Bearer, Server, fields, reason};

mod crowd;
mod lists;
mod refusals;

pub type Queue = PackageQueueManageClient<InterceptedService<Channel, Bearer>>;
pub type Users = UserManageClient<InterceptedService<Channel, Bearer>>;

impl Server {
    /// A client of `PackageQueueManage` with the administrator's token.
    pub async fn queue(&self) -> Queue {
        let bearer = Bearer::new(tokens::admin());
        PackageQueueManageClient::with_interceptor(self.channel().await, bearer)
    }

    /// A client of `UserManage` with the administrator's token.
    pub async fn subscribers(&self) -> Users {
        UserManageClient::with_interceptor(self.channel().await, Bearer::new(tokens::admin()))
    }

    /// A subscriber who lives in a zone.
    pub async fn subscriber(&self, time_zone: &str) -> String {
        let request = CreateUserRequest {
            time_zone: time_zone.to_owned(),
            ..Default::default()
        };
        let made = self.subscribers().await.create_user(request).await;
        made.unwrap().into_inner().user.unwrap().id
    }

    /// 100 GB for so long, in the series.
    pub async fn lasting(&self, series: i32, name: &str, duration: PackageDuration) -> Package {
        let duration = Some(duration);
        let config = PackageConfig {
            duration,
            ..package_config(series, name)
        };
        self.package(config).await
    }

    /// The package goes into the subscriber's queue.
    pub async fn enqueued(&self, user: &str, package: &Package, order: &str) -> QueuedPackage {
        let request = order_of(user, package, order);
        let enqueued = self.queue().await.enqueue(request).await;
        enqueued.unwrap().into_inner().queued_package.unwrap()
    }

    pub async fn queued(&self, id: i64) -> QueuedPackage {
        let mut queue = self.queue().await;
        let shown = queue
            .show_queued_package(ShowQueuedPackageRequest { id })
            .await;
        shown.unwrap().into_inner().queued_package.unwrap()
    }
}

pub fn order_of(user: &str, package: &Package, order: &str) -> EnqueueRequest {
    EnqueueRequest {
        user_id: user.to_owned(),
        package_id: package.id,
        order_id: order.to_owned(),
        line: 0,
        priority: 0,
    }
}

/// What every queue keeps to, as SQL that counts the subscribers who do not.
pub const BROKEN: &str = "SELECT count(*) FROM (SELECT user_id, \
     count(*) FILTER (WHERE status = 'active') AS active, \
     count(*) FILTER (WHERE status = 'queued') AS queued \
     FROM queued_package GROUP BY user_id) q WHERE active > 1 OR (queued > 0 AND active = 0)";

/// Makes access follow packages that were written by hand, of which nobody has more than one of a series.
pub const ACCESS: &str = "INSERT INTO user_access (user_id, access, package_series_id, \
     speed_limit_bps, valid_until, changed_at) \
     SELECT q.user_id, 'granted', p.package_series_id, q.speed_limit_bps, q.expires_at, now() \
     FROM queued_package q JOIN package p ON p.id = q.package_id WHERE q.status = 'active' \
     ON CONFLICT (user_id) DO UPDATE SET package_series_id = excluded.package_series_id, \
     speed_limit_bps = excluded.speed_limit_bps, valid_until = excluded.valid_until";

/// Moves a subscriber's packages into the past.
pub fn age(sql: impl Fn(&str) -> String, user: &str, interval: &str) {
    sql(&format!(
        "UPDATE queued_package SET enqueued_at = enqueued_at - interval '{interval}', \
         active_from = active_from - interval '{interval}', \
         expires_at = expires_at - interval '{interval}', \
         next_reset_at = next_reset_at - interval '{interval}' WHERE user_id = '{user}'; \
         UPDATE user_access SET valid_until = valid_until - interval '{interval}' \
         WHERE user_id = '{user}'"
    ));
}

#[tokio::test]
async fn a_package_is_active_at_once_or_waits_for_the_one_before_it() {
    let (server, sql) = server_and_sql().await;
    let user = server.subscriber("Asia/Kathmandu").await;
    let series = server.series("Home").await;
    let month = server.lasting(series.id, "month", months(1)).await;
    let day = server.lasting(series.id, "day", seconds(86_400)).await;

    let first = server.enqueued(&user, &month, "o-1").await;
    assert_eq!(first.status(), Status::Active);
    assert_eq!(first.active_from, first.enqueued_at);
    assert_eq!((first.series_id, first.package_id), (series.id, month.id));
    assert_eq!(first.quota, month.config.as_ref().unwrap().quota);
    assert_eq!(first.speed_limit_bps, 50_000_000);
    // The same day and time of the next month, in Kathmandu.
    let zone = "AT TIME ZONE 'Asia/Kathmandu'";
    let same = sql(&format!(
        "SELECT (active_from {zone} + interval '1 month') {zone} = expires_at FROM queued_package"
    ));
    assert_eq!(same, "t");

    let second = server.enqueued(&user, &day, "o-2").await;
    assert_eq!(
        (second.status(), second.active_from),
        (Status::Queued, None)
    );
    let urgent = EnqueueRequest {
        priority: 5,
        ..order_of(&user, &day, "o-3")
    };
    let urgent = server
        .queue()
        .await
        .enqueue(urgent)
        .await
        .unwrap()
        .into_inner();
    let urgent = urgent.queued_package.unwrap();
    assert_eq!(
        urgent.status(),
        Status::Queued,
        "it does not end the active one"
    );

    let cancel = CancelRequest {
        id: first.id,
        reason: "moved away".to_owned(),
        etag: first.etag.clone(),
    };
    let cancelled = server
        .queue()
        .await
        .cancel(cancel)
        .await
        .unwrap()
        .into_inner();
    let (ended, active) = (cancelled.queued_package.unwrap(), cancelled.active.unwrap());
    assert_eq!(
        (ended.status(), ended.end_reason.as_str()),
        (Status::Cancelled, "moved away")
    );
    assert_ne!(ended.etag, first.etag);
    assert_eq!((active.id, active.status()), (urgent.id, Status::Active));
    assert_eq!(active.active_from, ended.ended_at);
    assert_eq!(server.queued(urgent.id).await, active, "as it is stored");
    assert_eq!(server.queued(first.id).await, ended);

    let events = sql(
        "SELECT route, payload->>'reason', payload->>'queued_package_id', \
                      payload->>'next_id', payload->>'user', payload->>'event_id' = event_id::text, \
                      trace_id ~ '^[0-9a-f]{32}$' FROM outbox_event ORDER BY id",
    );
    let told = format!(
        "telecom.package_expiring|cancelled|{}|{}|{user}|t|t",
        first.id, urgent.id
    );
    assert_eq!(events, told);
    let rows = sql(
        "SELECT method, target, before->>'status', after->>'status' FROM audit_log \
                    WHERE target LIKE 'queued_package/%' ORDER BY id",
    );
    assert_eq!(
        rows.lines().collect::<Vec<_>>(),
        [
            format!("Enqueue|queued_package/{}||active", first.id),
            format!("Enqueue|queued_package/{}||queued", second.id),
            format!("Enqueue|queued_package/{}||queued", urgent.id),
            format!("Cancel|queued_package/{}|active|cancelled", first.id),
        ]
    );
    let personal = sql("SELECT count(*) FROM audit_log WHERE after::text LIKE '%moved away%'");
    assert_eq!(
        personal, "0",
        "the log is for good, so reasons are not in it"
    );
}

#[tokio::test]
async fn what_was_sold_stays_as_it_was_sold() {
    let server = Server::start().await;
    let user = server.subscriber("UTC").await;
    let series = server.series("Home").await;
    let package = server.package(package_config(series.id, "Home 100")).await;
    let sold = server.enqueued(&user, &package, "o-1").await;
    let update = UpdatePackageRequest {
        id: package.id,
        etag: package.etag.clone(),
        config: Some(PackageConfig {
            quota: Some(total(1)),
            duration: Some(seconds(1)),
            ..package_config(series.id, "Home 0")
        }),
        update_mask: None,
    };
    server
        .packages()
        .await
        .update_package(update)
        .await
        .unwrap();
    assert_eq!(server.queued(sold.id).await, sold);
}

#[tokio::test]
async fn a_queue_that_nobody_looked_at_for_days_is_brought_to_the_present_first() {
    let (server, sql) = server_and_sql().await;
    let user = server.subscriber("UTC").await;
    let series = server.series("Home").await;
    let day = server.lasting(series.id, "day", seconds(86_400)).await;
    let first = server.enqueued(&user, &day, "o-1").await;
    let second = server.enqueued(&user, &day, "o-2").await;
    age(&sql, &user, "30 hours");
    // Six hours into the second.
    let third = server.enqueued(&user, &day, "o-3").await;
    assert_eq!(third.status(), Status::Queued);
    let (first, second) = (
        server.queued(first.id).await,
        server.queued(second.id).await,
    );
    assert_eq!(
        (first.status(), second.status()),
        (Status::Expired, Status::Active)
    );
    assert_eq!(first.ended_at, first.expires_at);
    assert_eq!(second.active_from, first.expires_at);

    age(&sql, &user, "3 days");
    // All is over; what is bought now begins now.
    let fourth = server.enqueued(&user, &day, "o-4").await;
    assert_eq!(fourth.status(), Status::Active);
    assert_eq!(fourth.active_from, fourth.enqueued_at);
    let late = CancelRequest {
        id: second.id,
        ..Default::default()
    };
    let late = server.queue().await.cancel(late).await.unwrap_err();
    assert_eq!(reason(&late), "QUEUED_PACKAGE_ENDED");
    assert_eq!(sql(BROKEN), "0");
}
