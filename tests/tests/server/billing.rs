//! From usage to quota: what was used is billed once, and charged to the package of its time.

use telecom_proto::v1::{Job, PackageConfig, QueuedPackage};
use telecom_server::config::TelecomConfig;
use telecom_server::domain::{EventRelay, LedgerService, Processor as _, TelecomBillingHook};
use telecom_server::store::Database;
use telecom_tests::postgres;

use super::job_runs::{request, run};
use super::jobs::Jobs;
pub use super::jobs::context;
use super::packages::{months, package_config, total};
use super::process::{Server, environment, eventually};

pub mod crowd;
mod events;
mod kills;
mod large;
mod races;

/// A server, and what works beside it on its database.
pub struct World {
    pub server: Server,
    pub jobs: Jobs,
    pub relay: EventRelay,
    pub ledger: LedgerService,
    pub name: String,
}

impl World {
    pub async fn new() -> Self {
        let url = postgres::shared().database();
        Self::on(&url).await
    }

    /// On a database that there is.
    pub async fn on(url: &str) -> Self {
        let server = Server::launch(url, &[], &["serve", "--migrate"]).await;
        server.until_ready().await;
        let config = TelecomConfig::load(None, &environment(url)).unwrap();
        let database = Database::new(&config.database.unwrap());
        let world = Self {
            server,
            jobs: Jobs::new(url),
            relay: EventRelay::new(database.clone()),
            ledger: LedgerService::new(database),
            name: url.rsplit('/').next().unwrap().to_owned(),
        };
        let partitions = "SELECT to_regclass('user_package_usage') IS NOT NULL \
            AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'user_package_usage'::regclass)";
        eventually("partitioned", || async { world.sql(partitions) == "t" }).await;
        world
    }

    pub fn sql(&self, sql: &str) -> String {
        postgres::shared().sql(&self.name, sql).unwrap()
    }

    /// A subscriber with one package of so many bytes, active.
    pub async fn subscriber_with(&self, bytes: u64) -> String {
        let user = self.server.subscriber("UTC").await;
        self.bought(&user, bytes).await;
        user
    }

    /// One more package of so many bytes for a month.
    pub async fn bought(&self, user: &str, bytes: u64) -> QueuedPackage {
        let name = uuid::Uuid::new_v4().to_string();
        let series = self.server.series(&name).await;
        let config = PackageConfig {
            quota: Some(total(bytes)),
            duration: Some(months(1)),
            ..package_config(series.id, &name)
        };
        let package = self.server.package(config).await;
        self.server.enqueued(user, &package, &name).await
    }

    /// What a node reports, as its report leaves it: a raw row and its quarter. Bytes up and down.
    pub fn used(
        &self,
        user: &str,
        node_client: i32,
        node_server: i32,
        at: &str,
        (upload, download): (u64, u64),
        factor: f64,
    ) {
        self.sql(&format!(
            "WITH row AS (INSERT INTO traffic_usage (user_id, used_at, node_client_id, \
             node_server_id, upload, download) \
             VALUES ('{user}', {at}, {node_client}, {node_server}, {upload}, {download}) \
             RETURNING *) \
             INSERT INTO usage_quarter AS q (user_id, bucket, node_client_id, node_server_id, \
             raw_upload, raw_download, factored_upload, factored_download, last_used_at) \
             SELECT user_id, date_bin('15 minutes', used_at, '2000-01-01 00:00:00+00'), \
             node_client_id, node_server_id, upload, download, upload * {factor}::numeric, \
             download * {factor}::numeric, used_at FROM row \
             ON CONFLICT (user_id, bucket, node_client_id, node_server_id) DO UPDATE SET \
             raw_upload = q.raw_upload + excluded.raw_upload, \
             raw_download = q.raw_download + excluded.raw_download, \
             factored_upload = q.factored_upload + excluded.factored_upload, \
             factored_download = q.factored_download + excluded.factored_download, \
             last_used_at = greatest(q.last_used_at, excluded.last_used_at)"
        ));
    }

    /// Bills what there is; gives how many keys that were.
    pub async fn bill(&self) -> u64 {
        self.jobs.bill().await.unwrap().changed
    }

    /// Takes up events beside the server until none is left.
    pub async fn settled(&self) {
        let pending = "SELECT count(*) FROM outbox_event WHERE published_at IS NULL \
             AND (retry_at IS NULL OR retry_at <= now())";
        eventually("settled", || async {
            self.relay
                .process(&context(), TelecomBillingHook)
                .await
                .unwrap();
            self.sql(pending) == "0"
        })
        .await;
    }

    /// From now on events lie until they are released.
    pub fn hold_events(&self) {
        self.sql(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN NEW.retry_at := now() + interval ''1 day''; RETURN NEW; END'; \
             CREATE TRIGGER hold BEFORE INSERT ON outbox_event \
             FOR EACH ROW EXECUTE FUNCTION hold()",
        );
    }

    pub fn release_events(&self) {
        self.sql(
            "DROP TRIGGER hold ON outbox_event; DROP FUNCTION hold; \
             UPDATE outbox_event SET retry_at = NULL WHERE published_at IS NULL",
        );
    }

    /// `charged overage status` of each package of a subscriber.
    pub fn packages(&self, user: &str) -> String {
        self.sql(&format!(
            "SELECT string_agg(concat_ws(' ', charged, overage, status), ', ' ORDER BY id) \
             FROM queued_package WHERE user_id = '{user}'"
        ))
    }
}

#[tokio::test]
async fn what_is_used_is_charged_once_over_as_many_packages_as_it_takes() {
    let world = World::new().await;
    let user = world.subscriber_with(100).await;
    for bytes in [50, 1000] {
        world.bought(&user, bytes).await;
    }
    // The packages were bought an hour ago.
    super::queue::age(|sql| world.sql(sql), &user, "1 hour");
    world.used(&user, 1, 1, "now() - interval '1 minute'", (20, 60), 1.0);
    assert_eq!(world.bill().await, 1);
    world.settled().await;
    assert_eq!(world.packages(&user), "80 0 active, 0 0 queued, 0 0 queued");
    assert_eq!(world.bill().await, 0, "once");

    world.used(&user, 1, 1, "now()", (0, 90), 1.0);
    world.used(&user, 2, 1, "now()", (0, 5), 1.0);
    world.bill().await;
    world.settled().await;
    assert_eq!(
        world.packages(&user),
        "100 0 exhausted, 50 0 exhausted, 25 0 active"
    );
    let ledger = world.server.check_ledger().await;
    assert_eq!(
        (&ledger["billed"], &ledger["charged"]),
        (&175.into(), &175.into())
    );

    // The server's own relay is woken, and counts.
    world.used(&user, 2, 1, "now()", (0, 7), 1.0);
    world.bill().await;
    eventually("charged by the server", || async {
        world.packages(&user).ends_with("32 0 active")
    })
    .await;
    world.server.check_ledger().await;
}

/// A key that is in use is never old by its latest use.
#[tokio::test]
async fn usage_that_goes_on_while_nothing_is_billed_shows_how_long_it_waits() {
    let world = World::new().await;
    let user = world.subscriber_with(100).await;
    let lag = "telecom_billing_lag_seconds";
    let mut jobs = world.server.jobs().await;
    run(&mut jobs, Job::BillTraffic, request("a")).await;
    world.sql("UPDATE job_run SET started_at = started_at - interval '1 hour'");
    // Nothing waits, however long ago the last run was.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(world.server.metric(lag).await, Some(0.0));
    world.used(&user, 1, 1, "now()", (0, 7), 1.0);
    eventually("an hour", || async {
        world.server.metric(lag).await > Some(3500.0)
    })
    .await;
    run(&mut jobs, Job::BillTraffic, request("b")).await;
    eventually("billed", || async {
        world.server.metric(lag).await == Some(0.0)
    })
    .await;
}
