//! The ledger: that it holds, at the end of every test of usage; and that it is seen when it does not.

use std::process::Output;

use serde_json::Value;

use super::billing::World;
use super::database::Database;
use super::process::{Server, command, environment};

async fn check(url: &str) -> (Output, Value) {
    let output = command(&environment(url), &["check-ledger"]).output();
    let output = output.await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    let line = serde_json::from_str(line).unwrap_or_else(|_| panic!("{output:?}"));
    (output, line)
}

impl Server {
    /// Fails when the ledger does not hold; gives the accounts.
    pub async fn check_ledger(&self) -> Value {
        let (output, line) = check(&self.url).await;
        assert!(output.status.success(), "{line:#}\n{output:?}");
        assert_eq!(line["holds"], true, "{line:#}");
        line
    }
}

#[tokio::test]
async fn a_fresh_database_has_an_empty_ledger_that_holds() {
    let database = Database::new().await;
    let (output, line) = check(&database.url).await;
    assert!(output.status.success(), "{output:?}");
    let expected = serde_json::json!({
        "holds": true, "raw": 0, "factored": 0, "unbilled": 0, "billed": 0, "in_flight": 0,
        "dead": 0, "charged": 0, "overage": 0, "uncounted": 0, "unassigned": 0, "external": 0,
        "adjusted": 0, "differences": [],
    });
    assert_eq!(line, expected);

    let empty = Database::empty();
    let output = command(&environment(&empty.url), &["check-ledger"]).output();
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("run `telecom-server migrate`"));
}

#[tokio::test]
async fn one_byte_out_of_place_is_seen_wherever_it_is() {
    let world = World::new().await;
    let user = world.subscriber_with(1000).await;
    super::queue::age(|sql| world.sql(sql), &user, "1 hour");
    world.used(&user, 1, 1, "now() - interval '1 minute'", (0, 300), 1.0);
    world.bill().await;
    world.settled().await;
    world.server.check_ledger().await;
    // (what goes wrong, and how it is made good; between which accounts that is)
    for (wrong, right, between) in [
        (
            "UPDATE traffic_usage SET upload = upload + 1",
            "UPDATE traffic_usage SET upload = upload - 1",
            vec!["raw rows and quarters"],
        ),
        (
            "UPDATE usage_quarter SET billed_download = billed_download + 1",
            "UPDATE usage_quarter SET billed_download = billed_download - 1",
            vec!["billed and factored", "quarters and hours"],
        ),
        (
            "UPDATE usage_hourly SET billed_upload = billed_upload + 1",
            "UPDATE usage_hourly SET billed_upload = billed_upload - 1",
            vec!["hours and days", "hours and packages", "quarters and hours"],
        ),
        (
            "UPDATE usage_daily SET raw_upload = raw_upload + 1",
            "UPDATE usage_daily SET raw_upload = raw_upload - 1",
            vec!["hours and days"],
        ),
        (
            "UPDATE user_package_usage SET charged = charged + 1",
            "UPDATE user_package_usage SET charged = charged - 1",
            vec!["hours and packages", "package and its usage"],
        ),
        (
            "UPDATE user_package_usage SET bucket = bucket - interval '1 hour'",
            "UPDATE user_package_usage SET bucket = bucket + interval '1 hour'",
            vec!["hours and packages", "hours and packages"],
        ),
        (
            "UPDATE queued_package SET overage = overage + 1",
            "UPDATE queued_package SET overage = overage - 1",
            vec!["package and its usage"],
        ),
        (
            "UPDATE outbox_event SET published_at = NULL, retry_at = now() + interval '1 day'",
            "UPDATE outbox_event SET published_at = now()",
            vec!["hours and packages"],
        ),
        (
            "UPDATE queued_package SET status = 'queued', active_from = NULL, expires_at = NULL",
            "UPDATE queued_package SET status = 'active', active_from = now(), \
             expires_at = now() + interval '1 day'; \
             UPDATE user_access SET valid_until = (SELECT expires_at FROM queued_package)",
            vec!["active and queued packages", "queues and access"],
        ),
        (
            "UPDATE user_access SET access = 'quota_used_up'",
            "UPDATE user_access SET access = 'granted'",
            vec!["queues and access"],
        ),
        (
            "UPDATE user_access SET valid_until = valid_until - interval '1 second'",
            "UPDATE user_access SET valid_until = valid_until + interval '1 second'",
            vec!["queues and access"],
        ),
        (
            "UPDATE user_access SET speed_limit_bps = speed_limit_bps + 1",
            "UPDATE user_access SET speed_limit_bps = speed_limit_bps - 1",
            vec!["queues and access"],
        ),
        (
            "UPDATE subscriber SET status = 'suspended'",
            "UPDATE subscriber SET status = 'active'",
            vec!["queues and access"],
        ),
    ] {
        world.sql(wrong);
        let (output, line) = check(&world.server.url).await;
        assert_eq!(output.status.code(), Some(1), "{wrong}");
        assert_eq!(line["holds"], false, "{wrong}");
        let differences = line["differences"].as_array().unwrap();
        let found: Vec<_> = differences
            .iter()
            .map(|d| d["between"].as_str().unwrap())
            .collect();
        assert_eq!(found, between, "{wrong}: {line:#}");
        world.sql(right);
    }
    world.server.check_ledger().await;
}
