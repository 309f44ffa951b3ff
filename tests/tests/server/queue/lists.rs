//! Pages and counts of queued packages.

use telecom_proto::v1::{CountQueuedPackagesRequest, ListQueuedPackagesRequest};

use super::*;

#[tokio::test]
async fn filters_are_combined_and_pages_are_in_order() {
    let server = Server::start().await;
    let (anna, ben) = (
        server.subscriber("UTC").await,
        server.subscriber("UTC").await,
    );
    let (home, away) = (server.series("Home").await, server.series("Away").await);
    let large = server.package(package_config(home.id, "large")).await;
    let small = server.package(package_config(away.id, "small")).await;
    let mut ids = HashMap::new();
    for (name, user, package, order, line) in [
        ("a", &anna, &large, "o-1", 0),
        ("b", &anna, &small, "o-1", 1),
        ("c", &ben, &small, "o-2", 0),
        ("d", &ben, &large, "o-3", 0),
        ("e", &anna, &large, "o-4", 0),
    ] {
        let request = EnqueueRequest {
            line,
            ..order_of(user, package, order)
        };
        let enqueued = server
            .queue()
            .await
            .enqueue(request)
            .await
            .unwrap()
            .into_inner();
        ids.insert(enqueued.queued_package.unwrap().id, name);
    }
    let mut queue = server.queue().await;
    let (active, queued, expired) = (
        Status::Active as i32,
        Status::Queued as i32,
        Status::Expired as i32,
    );
    let (loud, large, small) = (anna.to_uppercase(), large.id, small.id);
    for (user, order, package_id, status, limit, offset, expected, total) in [
        ("", "", 0, 0, 0, 0, "abcde", 5),
        (anna.as_str(), "", 0, 0, 0, 0, "abe", 3),
        (loud.as_str(), "", 0, 0, 0, 0, "abe", 3),
        ("", "o-1", 0, 0, 0, 0, "ab", 2),
        ("", "o-9", 0, 0, 0, 0, "", 0),
        ("", "", small, 0, 0, 0, "bc", 2),
        ("", "", 0, active, 0, 0, "ac", 2),
        ("", "", 0, expired, 0, 0, "", 0),
        (ben.as_str(), "", large, 0, 0, 0, "d", 1),
        (ben.as_str(), "o-1", 0, 0, 0, 0, "", 0),
        ("", "", large, queued, 0, 0, "de", 2),
        ("", "", 0, 0, 2, 1, "bc", 5),
        (anna.as_str(), "", 0, 0, 1, 0, "a", 3),
        ("", "", 0, 0, 500, u32::MAX, "", 5),
    ] {
        let request = ListQueuedPackagesRequest {
            user_id: user.to_owned(),
            order_id: order.to_owned(),
            package_id,
            status,
            limit,
            offset,
        };
        let page = queue
            .list_queued_packages(request.clone())
            .await
            .unwrap()
            .into_inner();
        let found: String = page.queued_packages.iter().map(|p| ids[&p.id]).collect();
        assert_eq!(
            (found.as_str(), page.total),
            (expected, total),
            "{request:?}"
        );
    }
}

#[tokio::test]
async fn counts_are_by_series_and_status() {
    let server = Server::start().await;
    let (home, away) = (server.series("Home").await, server.series("Away").await);
    let large = server.package(package_config(home.id, "large")).await;
    let medium = server.package(package_config(home.id, "medium")).await;
    let small = server.package(package_config(away.id, "small")).await;
    for n in 0..3 {
        let user = server.subscriber("UTC").await;
        server.enqueued(&user, &large, &format!("l-{n}")).await;
        server.enqueued(&user, &medium, &format!("m-{n}")).await;
        server.enqueued(&user, &small, &format!("s-{n}")).await;
    }
    let mut queue = server.queue().await;
    let (home, away) = (home.id, away.id);
    let (queued, active) = (Status::Queued, Status::Active);
    for (series_id, status, expected) in [
        (
            0,
            Status::Unspecified,
            vec![(home, queued, 3), (home, active, 3), (away, queued, 3)],
        ),
        (0, queued, vec![(home, queued, 3), (away, queued, 3)]),
        (
            home,
            Status::Unspecified,
            vec![(home, queued, 3), (home, active, 3)],
        ),
        (away, active, vec![]),
        (4711, Status::Unspecified, vec![]),
    ] {
        let request = CountQueuedPackagesRequest {
            series_id,
            status: status.into(),
        };
        let counts = queue
            .count_queued_packages(request)
            .await
            .unwrap()
            .into_inner()
            .counts;
        let counts: Vec<_> = counts
            .iter()
            .map(|c| (c.series_id, c.status(), c.count))
            .collect();
        assert_eq!(counts, expected);
    }
    // What the sampler last saw.
    super::super::process::eventually("counted", || async {
        let gauge = |series, status| {
            format!("telecom_queued_packages{{series=\"{series}\",status=\"{status}\"}}")
        };
        server.metric(&gauge("Home", "queued")).await == Some(3.0)
            && server.metric(&gauge("Home", "active")).await == Some(3.0)
            && server.metric(&gauge("Away", "active")).await == Some(0.0)
    })
    .await;
}
