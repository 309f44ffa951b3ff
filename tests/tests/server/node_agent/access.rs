//! Who may use a node, as its agent lets them: while it hears of it, and when it does not.

use serde_json::Value;
use telecom_proto::v1::{Package, PackageConfig, SuspendUserRequest};

use super::{Home, NodeAgent};
use crate::server::packages::{package_config, total};
use crate::server::process::{command, environment};
use crate::server::usage::{Site, subscribers};

async fn package(site: &Site, bytes: u64) -> Package {
    let series = site.server.series("small").await;
    site.give(series.id, "small", &[site.client]).await;
    let config = PackageConfig {
        quota: Some(total(bytes)),
        ..package_config(series.id, "small")
    };
    site.server.package(config).await
}

fn told(user: &str, allowed: bool, reason: &str) -> impl Fn(&Value) -> bool {
    move |line| {
        line["event"] == "access"
            && line["user_id"] == user
            && line["allowed"] == allowed
            && line["reason"] == reason
    }
}

#[tokio::test]
async fn who_has_used_up_their_package_is_denied_until_they_buy_another() {
    let site = Site::new().await;
    let user = subscribers(&site.server, 1).await.remove(0);
    let package = package(&site, 1000).await;
    let home = Home::new(&site.token);
    let mut agent = NodeAgent::start(&site.server, &home, &[]);
    assert_eq!(agent.ask(&user, site.client).await["reason"], "unknown");

    site.server.enqueued(&user, &package, "o1").await;
    let (allowed, place) = agent.heard(0, told(&user, true, "granted")).await;
    assert_eq!(allowed["speed_limit_bps"], 50_000_000);
    assert!(allowed["valid_until"].is_string());
    agent.used(&user, site.client, 600, 600).await;
    let reported = || async { site.sql("SELECT count(*) FROM traffic_usage") == "1" };
    crate::server::process::eventually("reported", reported).await;
    let bill = command(
        &environment(&site.database.url),
        &["run-job", "billTraffic"],
    );
    let billed = { bill }.status().await;
    assert!(billed.unwrap().success());
    let (_, place) = agent.heard(place, told(&user, false, "no_package")).await;
    assert_eq!(agent.ask(&user, site.client).await["allowed"], false);

    site.server.enqueued(&user, &package, "o2").await;
    agent.heard(place, told(&user, true, "granted")).await;
    site.server.check_ledger().await;
}

#[tokio::test]
async fn without_contact_each_agent_follows_its_policy_until_it_hears_again() {
    let mut site = Site::new().await;
    let users = subscribers(&site.server, 2).await;
    let package = package(&site, 1_000_000).await;
    for (user, order) in users.iter().zip(["o1", "o2"]) {
        site.server.enqueued(user, &package, order).await;
    }
    let homes = [Home::new(&site.token), Home::new(&site.token)];
    let [mut keeps, mut denies] = [(0, "keep-last"), (1, "deny-all")].map(|(n, policy)| {
        let more = [
            "--access-ttl",
            "1s",
            "--heartbeat-every",
            "200ms",
            "--out-of-contact",
            policy,
        ];
        NodeAgent::start(&site.server, &homes[n], &more)
    });
    for agent in [&keeps, &denies] {
        for user in &users {
            agent.heard(0, told(user, true, "granted")).await;
        }
    }
    site.server.signal("KILL").await;
    site.server.ended().await;
    let contact = |yes: bool| move |line: &Value| line["in_contact"] == yes;
    keeps.heard(0, contact(false)).await;
    let (_, place) = denies.heard(0, contact(false)).await;
    assert_eq!(keeps.ask(&users[0], site.client).await["allowed"], true);
    let answer = denies.ask(&users[0], site.client).await;
    assert_eq!(answer["reason"], "out_of_contact");

    // Another agent on the same directory does not even start; one after it knows what this one knew.
    let mut second = NodeAgent::start(&site.server, &homes[0], &[]);
    assert_eq!(second.child.wait().await.unwrap().code(), Some(1));
    keeps.signal("KILL").await;
    let more = ["--access-ttl", "1s", "--heartbeat-every", "200ms"];
    let mut keeps = NodeAgent::start(&site.server, &homes[0], &more);
    assert_eq!(keeps.ask(&users[0], site.client).await["allowed"], true);

    site.back().await;
    denies.heard(place, contact(true)).await;
    let request = SuspendUserRequest {
        id: users[0].clone(),
        ..Default::default()
    };
    let mut admin = site.server.subscribers().await;
    admin.suspend_user(request).await.unwrap();
    for agent in [&mut keeps, &mut denies] {
        agent.heard(0, told(&users[0], false, "suspended")).await;
        assert_eq!(agent.ask(&users[1], site.client).await["allowed"], true);
    }
}
