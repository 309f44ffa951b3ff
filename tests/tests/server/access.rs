//! Access on its way from a change of a subscriber to the nodes that watch.

use telecom_proto::v1::{
    Access, AccessChange, CancelRequest, EraseUserRequest, HeartbeatRequest, Package,
    ResumeUserRequest, SuspendUserRequest, UpdatePackageSeriesRequest, WatchAccessRequest,
    WatchAccessResponse,
};
use tonic::Streaming;

use super::packages::{package_config, series_config};
use super::process::{PATIENCE, Server, eventually, heartbeat};
use super::usage::{Site, node_client, subscribers};

mod many;
mod used_up;

impl Site {
    /// A package of a new series that gives the site's node client and others.
    pub async fn offer(&self, name: &str, more: &[i32]) -> Package {
        let series = self.server.series(name).await;
        self.give(series.id, name, &[&[self.client], more].concat())
            .await;
        self.server.package(package_config(series.id, name)).await
    }

    /// The series gives these node clients, and no others any more.
    pub async fn give(&self, series: i32, name: &str, clients: &[i32]) {
        let mut admin = self.server.packages().await;
        let shown = admin
            .show_package_series(telecom_proto::v1::ShowPackageSeriesRequest { id: series })
            .await;
        let etag = shown.unwrap().into_inner().series.unwrap().etag;
        let request = UpdatePackageSeriesRequest {
            id: series,
            etag,
            config: Some(series_config(name, clients)),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["node_client_ids".to_owned()],
            }),
        };
        admin.update_package_series(request).await.unwrap();
    }
}

/// A watch of a node.
pub struct Watch(Streaming<WatchAccessResponse>);

impl Watch {
    pub async fn begin(server: &Server, token: &str, last_version: u64, offer: u64) -> Self {
        let request = WatchAccessRequest {
            last_version,
            offer,
        };
        let watch = server.agent(token).await.watch_access(request).await;
        Self(watch.unwrap().into_inner())
    }

    pub async fn next(&mut self) -> WatchAccessResponse {
        let message = tokio::time::timeout(PATIENCE, self.0.message()).await;
        message.expect("a message comes").unwrap().unwrap()
    }

    /// A whole snapshot.
    pub async fn snapshot(&mut self) -> WatchAccessResponse {
        let mut all = self.next().await;
        while !all.complete {
            assert!(all.snapshot);
            let mut part = self.next().await;
            all.changes.append(&mut part.changes);
            (all.version, all.complete) = (part.version, part.complete);
        }
        assert!(all.snapshot, "{all:?}");
        all
    }

    /// The next change, which is one alone.
    pub async fn change(&mut self) -> AccessChange {
        let mut message = self.next().await;
        assert!(!message.snapshot && message.complete, "{message:?}");
        assert_eq!(message.changes.len(), 1, "{message:?}");
        message.changes.remove(0)
    }

    /// Nothing more but its end.
    pub async fn ended(&mut self) -> bool {
        tokio::time::timeout(PATIENCE, self.0.message())
            .await
            .is_ok_and(|message| !matches!(message, Ok(Some(_))))
    }
}

fn said(change: &AccessChange) -> (bool, Access) {
    (change.allowed, change.reason())
}

#[tokio::test]
async fn each_change_of_a_subscriber_reaches_a_node_that_watches() {
    let site = Site::new().await;
    let user = subscribers(&site.server, 1).await.remove(0);
    let package = site.offer("basic", &[]).await;
    let mut watch = Watch::begin(&site.server, &site.token, 0, 0).await;
    assert_eq!(watch.snapshot().await.changes, []);

    let queued = site.server.enqueued(&user, &package, "o1").await;
    let change = watch.change().await;
    assert_eq!(said(&change), (true, Access::Granted));
    assert_eq!(
        (change.user_id.as_str(), change.node_client_id),
        (user.as_str(), site.client)
    );
    assert_eq!(change.speed_limit_bps, 50_000_000);
    assert_eq!(change.valid_until, queued.expires_at);

    // The next one of the series goes on where this one ends.
    site.server.enqueued(&user, &package, "o2").await;
    let longer = watch.change().await;
    assert!(longer.valid_until.unwrap().seconds > change.valid_until.unwrap().seconds);

    let mut admin = site.server.subscribers().await;
    let request = SuspendUserRequest {
        id: user.clone(),
        ..Default::default()
    };
    admin.suspend_user(request).await.unwrap();
    assert_eq!(said(&watch.change().await), (false, Access::Suspended));
    site.server.check_ledger().await;
    let request = ResumeUserRequest {
        id: user.clone(),
        ..Default::default()
    };
    admin.resume_user(request).await.unwrap();
    assert_eq!(watch.change().await, longer);

    for (id, expected) in [
        (queued.id + 1, (true, Access::Granted)),
        (queued.id, (false, Access::NoPackage)),
    ] {
        let request = CancelRequest {
            id,
            ..Default::default()
        };
        site.server.queue().await.cancel(request).await.unwrap();
        assert_eq!(said(&watch.change().await), expected);
        site.server.check_ledger().await;
    }

    site.server.enqueued(&user, &package, "o3").await;
    assert_eq!(said(&watch.change().await), (true, Access::Granted));
    let request = EraseUserRequest {
        id: user.clone(),
        ..Default::default()
    };
    admin.erase_user(request).await.unwrap();
    assert_eq!(said(&watch.change().await), (false, Access::Erased));
    site.server.check_ledger().await;

    let counted = site.server.metric("telecom_access_lag_seconds_count").await;
    assert_eq!(counted, Some(8.0));
}

#[tokio::test]
async fn a_watch_begins_with_those_who_are_allowed_or_goes_on_where_it_was() {
    let site = Site::new().await;
    let (other, other_token) = site.server.node("fra-2").await;
    let theirs = node_client(&site.server, "rhine", other.id, 1_000_000).await;
    let own = site.offer("own", &[]).await;
    let both = site.offer("both", &[theirs]).await;
    let users = subscribers(&site.server, 3).await;
    site.server.enqueued(&users[0], &own, "o1").await;
    site.server.enqueued(&users[1], &both, "o2").await;

    let allowed = |message: &WatchAccessResponse| {
        let changes = message.changes.iter().filter(|change| change.allowed);
        let mut allowed: Vec<_> = changes.map(|change| change.user_id.clone()).collect();
        allowed.sort();
        allowed
    };
    let mut watch = Watch::begin(&site.server, &site.token, 0, 0).await;
    let (mut has, mut others) = (watch.snapshot().await, Vec::new());
    // Versions are given a moment after the changes: what the snapshot lacks comes behind it.
    while has.version < 2 {
        let later = watch.next().await;
        has.version = later.version;
        others.extend(later.changes);
    }
    assert_eq!(allowed(&has), users[..2]);
    let mut watch = Watch::begin(&site.server, &other_token, 0, 0).await;
    assert_eq!(allowed(&watch.snapshot().await), users[1..2]);

    // The node was away: only what it missed.
    site.server.enqueued(&users[2], &both, "o3").await;
    eventually("told", || async {
        site.sql("SELECT count(*) FROM user_access WHERE version > 2") == "1"
    })
    .await;
    let mut again = Watch::begin(&site.server, &site.token, has.version, has.offer).await;
    let missed = again.next().await;
    assert!(!missed.snapshot && missed.complete, "{missed:?}");
    assert_eq!(allowed(&missed), users[2..]);
    // Another offer than it had, a version from the future: all of it.
    for (version, offer) in [(has.version, has.offer + 1), (1 << 40, has.offer)] {
        let mut again = Watch::begin(&site.server, &site.token, version, offer).await;
        assert_eq!(allowed(&again.snapshot().await), users);
    }

    // A series gives other node clients than before.
    site.give(both.config.unwrap().series_id, "both", &[theirs])
        .await;
    let narrower = again.snapshot().await;
    assert_eq!(allowed(&narrower), users[..1]);
    assert_ne!(narrower.offer, has.offer);
    site.server.check_ledger().await;
}

#[tokio::test]
async fn heartbeats_and_reports_name_those_who_are_denied() {
    let site = Site::new().await;
    let users = subscribers(&site.server, 2).await;
    let package = site.offer("basic", &[]).await;
    site.server.enqueued(&users[0], &package, "o1").await;
    let rows = users.iter().map(|user| site.row(user, 1, 1)).collect();
    let reported = site.report(1, rows).await;
    assert_eq!(reported.accepted, 2);
    let denied = reported.denied.iter();
    let denied: Vec<_> = denied.map(|d| (d.user_id.clone(), d.reason())).collect();
    assert_eq!(denied, [(users[1].clone(), Access::NoPackage)]);

    let beat = |access_version| HeartbeatRequest {
        access_version,
        ..heartbeat()
    };
    let mut agent = site.agent().await;
    let request = SuspendUserRequest {
        id: users[0].clone(),
        ..Default::default()
    };
    let mut admin = site.server.subscribers().await;
    let mut watch = Watch::begin(&site.server, &site.token, 0, 0).await;
    let mut version = watch.snapshot().await.version;
    while version == 0 {
        version = watch.next().await.version;
    }
    admin.suspend_user(request).await.unwrap();
    let later = watch.next().await.version;
    for (has, denied) in [(0, vec![]), (version, users[..1].to_vec()), (later, vec![])] {
        let answer = agent.heartbeat(beat(has)).await.unwrap().into_inner();
        assert_eq!(answer.access_version, later);
        assert_eq!(answer.access_ttl.unwrap().seconds, 600);
        let named: Vec<_> = answer.denied.into_iter().map(|d| d.user_id).collect();
        assert_eq!(named, denied, "{has}");
    }
}

#[tokio::test]
async fn a_watch_ends_when_the_server_goes_and_another_server_goes_on() {
    let site = Site::new().await;
    let user = subscribers(&site.server, 1).await.remove(0);
    let package = site.offer("basic", &[]).await;
    let second = Server::launch(&site.database.url, &[], &["serve"]).await;
    second.until_ready().await;
    let mut first = Watch::begin(&site.server, &site.token, 0, 0).await;
    let mut other = Watch::begin(&second, &site.token, 0, 0).await;
    let has = first.snapshot().await;
    other.snapshot().await;
    // Changed through one, told by both.
    site.server.enqueued(&user, &package, "o1").await;
    assert_eq!(first.change().await, other.change().await);
    site.server.signal("TERM").await;
    assert!(first.ended().await);
    let mut again = Watch::begin(&second, &site.token, has.version, has.offer).await;
    let all = again.next().await;
    assert_eq!(all.changes.len(), 1, "{all:?}");
}
