//! A quota that is used up, from the node's report to the end of access at the node, and back.

use telecom_proto::v1::{Access, HeartbeatRequest, PackageConfig, Quota, QuotaKind};

use super::{Watch, said};
use crate::server::adjust::correction;
use crate::server::billing::World;
use crate::server::packages::{months, package_config};
use crate::server::process::heartbeat;
use crate::server::queue::age;
use crate::server::usage::{Site, subscribers};

/// A site whose usage is billed, with one subscriber who has a package of 1000 bytes for three months.
async fn sold(monthly_reset: bool) -> (Site, World, String, PackageConfig) {
    let site = Site::new().await;
    let world = World::on(&site.database.url).await;
    let user = subscribers(&site.server, 1).await.remove(0);
    let series = site.server.series("Home").await;
    site.give(series.id, "Home", &[site.client]).await;
    let config = PackageConfig {
        quota: Some(Quota {
            kind: QuotaKind::Total.into(),
            bytes: 1000,
            monthly_reset,
        }),
        duration: Some(months(3)),
        ..package_config(series.id, "1000 bytes")
    };
    let package = site.server.package(config.clone()).await;
    site.server.enqueued(&user, &package, "o1").await;
    // Events are dated to the second.
    age(|sql| site.sql(sql), &user, "1 minute");
    (site, world, user, config)
}

async fn uses(site: &Site, world: &World, seq: u64, user: &str, bytes: i64) {
    let taken = site.report(seq, vec![site.row(user, 0, bytes)]).await;
    assert_eq!(taken.accepted, 1);
    world.bill().await;
    world.settled().await;
    site.server.check_ledger().await;
}

#[tokio::test]
async fn who_has_used_everything_up_is_denied_and_allowed_again_with_the_next_package() {
    let (site, world, user, config) = sold(false).await;
    let mut watch = Watch::begin(&site.server, &site.token, 0, 0).await;
    assert_eq!(watch.snapshot().await.changes.len(), 1);
    uses(&site, &world, 1, &user, 600).await;
    uses(&site, &world, 2, &user, 600).await;
    // Nothing was to be told of the first.
    let change = loop {
        let change = watch.change().await;
        if change.reason() != Access::Granted {
            break change;
        }
    };
    assert_eq!(said(&change), (false, Access::NoPackage));
    let config = PackageConfig {
        name: "top-up".to_owned(),
        ..config
    };
    let package = site.server.package(config).await;
    site.server.enqueued(&user, &package, "o2").await;
    let change = watch.change().await;
    assert_eq!(said(&change), (true, Access::Granted));
    assert!(change.valid_until.is_some());
    let ledger = site.server.check_ledger().await;
    assert_eq!(
        (&ledger["charged"], &ledger["overage"]),
        (&1000.into(), &200.into())
    );
}

#[tokio::test]
async fn a_months_quota_that_is_used_up_is_denied_until_it_is_whole_again_or_given_back() {
    let (site, world, user, _) = sold(true).await;
    let mut watch = Watch::begin(&site.server, &site.token, 0, 0).await;
    let version = watch.snapshot().await.version;
    uses(&site, &world, 1, &user, 1200).await;
    let mut change = watch.change().await;
    while change.reason() == Access::Granted {
        change = watch.change().await;
    }
    assert_eq!(said(&change), (false, Access::QuotaUsedUp));
    let until = "SELECT a.access, a.valid_until = q.next_reset_at FROM user_access a \
         JOIN queued_package q USING (user_id)";
    assert_eq!(site.sql(until), "quota_used_up|t");
    let request = HeartbeatRequest {
        access_version: version,
        ..heartbeat()
    };
    let answer = site.agent().await.heartbeat(request).await.unwrap();
    let denied: Vec<_> = answer
        .into_inner()
        .denied
        .iter()
        .map(|denied| (denied.user_id.clone(), denied.reason()))
        .collect();
    assert_eq!(denied, [(user.clone(), Access::QuotaUsedUp)]);

    // Of its overage nothing can be used; of the quota it can.
    world.server.adjust(correction(&user, -200)).await.unwrap();
    world.server.adjust(correction(&user, -1)).await.unwrap();
    assert_eq!(said(&watch.change().await), (true, Access::Granted));
    uses(&site, &world, 2, &user, 1).await;
    assert_eq!(said(&watch.change().await), (false, Access::QuotaUsedUp));

    // A month later.
    age(|sql| site.sql(sql), &user, "1 month");
    world.jobs.expire().await.unwrap();
    assert_eq!(said(&watch.change().await), (true, Access::Granted));
    site.server.check_ledger().await;
}
