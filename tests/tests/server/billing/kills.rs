//! A biller that fails or is killed at any of its writes: the ledger holds, and the next one goes on.

use tokio::process::Child;

use super::super::process::{command, environment, eventually};
use super::World;
use super::crowd::{subscribers, traffic};

/// Where a transaction of the biller writes, and at last its end.
const WRITES: [(&str, &str); 5] = [
    (
        "usage_quarter",
        "AFTER UPDATE ON usage_quarter FOR EACH STATEMENT",
    ),
    (
        "usage_hourly",
        "AFTER INSERT ON usage_hourly FOR EACH STATEMENT",
    ),
    (
        "usage_daily",
        "AFTER INSERT ON usage_daily FOR EACH STATEMENT",
    ),
    (
        "outbox_event",
        "AFTER INSERT ON outbox_event FOR EACH STATEMENT",
    ),
    // When the biller commits.
    (
        "outbox_event",
        "AFTER INSERT ON outbox_event DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
    ),
];

impl World {
    /// From now on a write does this.
    fn at_write(&self, event: &str, does: &str) {
        let kind = if event.contains("DEFERRED") {
            "CONSTRAINT TRIGGER"
        } else {
            "TRIGGER"
        };
        self.sql(&format!(
            "CREATE OR REPLACE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS \
             $$BEGIN {does}; RETURN NULL; END$$; \
             CREATE {kind} fails {event} EXECUTE FUNCTION fails()"
        ));
    }

    /// Its lease is long: nobody goes on with its run before the test says so.
    fn biller(&self) -> Child {
        let mut environment = environment(&self.server.url);
        environment.insert("TELECOM__JOBS__LEASE".to_owned(), "10m".to_owned());
        let mut biller = command(&environment, &["run-job", "billTraffic"]);
        biller.kill_on_drop(true).spawn().unwrap()
    }

    fn unbilled(&self) -> String {
        self.sql("SELECT count(*) FROM usage_quarter WHERE pending")
    }
}

#[tokio::test]
async fn a_biller_killed_at_any_write_loses_and_doubles_nothing() {
    let world = World::new().await;
    subscribers(&world, 3).await;
    for (table, event) in WRITES {
        traffic(&world, 300);
        let unbilled = world.unbilled();
        assert_ne!(unbilled, "0");
        world.at_write(event, "PERFORM pg_sleep(600)");
        let mut doomed = world.biller();
        let asleep = "SELECT count(*) > 0 FROM pg_stat_activity \
             WHERE wait_event = 'PgSleep' AND datname = current_database()";
        eventually("standing still", || async { world.sql(asleep) == "t" }).await;
        doomed.kill().await.unwrap();
        // PostgreSQL sees it when the statement is done. The server may write there too, also after a first look.
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE wait_event = 'PgSleep' AND datname = current_database()";
        eventually("gone", || async {
            world.sql(end);
            world.sql(asleep) == "f"
        })
        .await;
        world.sql(&format!("DROP TRIGGER fails ON {table}"));
        assert_eq!(world.unbilled(), unbilled, "{event}");
        world.server.check_ledger().await;
        // Until its lease is over the run is its own; then the next one goes on with it, be it the server.
        assert!(world.biller().wait().await.unwrap().success());
        assert_eq!(world.unbilled(), unbilled, "{event}");
        world.jobs.lease_ends();
        assert!(world.biller().wait().await.unwrap().success());
        let run = "SELECT concat_ws(' ', state, attempt) FROM job_run ORDER BY attempt DESC, id DESC LIMIT 1";
        eventually("gone on with", || async {
            world.sql(run) == "succeeded 2" && world.unbilled() == "0"
        })
        .await;
        world.sql("DELETE FROM job_run");
        world.settled().await;
        let ledger = world.server.check_ledger().await;
        assert_eq!(
            (&ledger["unbilled"], &ledger["in_flight"]),
            (&0.into(), &0.into())
        );
    }
    let ledger = world.server.check_ledger().await;
    assert_eq!(ledger["raw"], 5 * 300 * 11);
    assert_eq!(ledger["charged"], ledger["factored"]);
}

#[tokio::test]
async fn a_biller_whose_transaction_fails_changes_nothing_or_tries_again() {
    let world = World::new().await;
    subscribers(&world, 3).await;
    world.sql("CREATE SEQUENCE tries");
    for (table, event) in WRITES {
        traffic(&world, 300);
        let unbilled = world.unbilled();
        world.at_write(
            event,
            "RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'",
        );
        let failed = world.jobs.bill().await;
        assert!(failed.is_err(), "{event}");
        assert_eq!(world.unbilled(), unbilled, "{event}");
        world.server.check_ledger().await;
        world.sql(&format!(
            "DROP TRIGGER fails ON {table}; ALTER SEQUENCE tries RESTART"
        ));
        // A sequence is not rolled back: the third try is good.
        world.at_write(
            event,
            "IF nextval('tries') < 3 THEN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END IF",
        );
        assert_ne!(world.bill().await, 0, "{event}");
        world.sql(&format!("DROP TRIGGER fails ON {table}"));
        assert_eq!(world.unbilled(), "0", "{event}");
        world.settled().await;
        world.server.check_ledger().await;
    }
    let ledger = world.server.check_ledger().await;
    assert_eq!(ledger["raw"], 5 * 300 * 11);
    assert_eq!(ledger["charged"], ledger["factored"]);
}
