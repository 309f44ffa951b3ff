//! `run-job` for a slot or a request: done once, told again, left to the next, refused.

use sqlx::{Connection as _, PgConnection};

use super::super::database::Database;
use super::super::process::{command, environment, eventually};
use super::line;

#[tokio::test]
async fn the_run_of_a_key_is_done_once_and_told_again() {
    let database = Database::new().await;
    database.nodes(3);
    let slot = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    for (flag, key, changed) in [
        ("--request-id", "once", 3),
        ("--scheduled-at", slot.as_str(), 0),
    ] {
        let arguments = ["refreshServerStatus", flag, key];
        let first = line(&database.run(&arguments).await);
        assert_eq!(
            (&first["result"], &first["changed"], &first["attempt"]),
            (&"done".into(), &changed.into(), &1.into()),
            "{first}"
        );
        let name = flag.trim_start_matches("--").replace('-', "_");
        assert_eq!(first[name.as_str()], key, "{first}");
        let again = database.run(&arguments).await;
        assert!(again.status.success());
        assert_eq!(line(&again), first);
    }
    // What failed fails again, however good the database is by now.
    database.sql("ALTER TABLE node_status ADD CONSTRAINT wrong CHECK (status = 'none') NOT VALID");
    database.nodes_more();
    let arguments = ["refreshServerStatus", "--request-id", "bad"];
    let first = database.run(&arguments).await;
    database.sql("ALTER TABLE node_status DROP CONSTRAINT wrong");
    let again = database.run(&arguments).await;
    assert_eq!(
        (first.status.code(), again.status.code()),
        (Some(1), Some(1))
    );
    let failed = line(&first);
    assert_eq!(failed["result"], "failed");
    assert!(
        failed["error"].as_str().unwrap().contains("wrong"),
        "{failed}"
    );
    assert_eq!(line(&again), failed);

    // A slot before one that was started is passed over, which is no failure.
    let late = [
        "refreshServerStatus",
        "--scheduled-at",
        "2020-01-01T00:00:00Z",
    ];
    let late = database.run(&late).await;
    assert!(late.status.success());
    let told = line(&late);
    assert_eq!(told["result"], "skipped");
    assert!(told["reason"].as_str().unwrap().contains(&slot), "{told}");
    let early = [
        "refreshServerStatus",
        "--scheduled-at",
        "2999-01-01T01:00:00+01:00",
    ];
    let early = database.run(&early).await;
    assert_eq!(early.status.code(), Some(1));
    let told = line(&early);
    assert_eq!(told["scheduled_at"], "2999-01-01T00:00:00Z");
    assert!(
        told["error"].as_str().unwrap().contains("yet to come"),
        "{told}"
    );
    assert_eq!(database.sql("SELECT count(*) FROM job_run"), "3");
}

#[tokio::test]
async fn a_process_told_to_stop_leaves_its_run_to_the_next() {
    let database = Database::new().await;
    database.nodes(2);
    let mut other = PgConnection::connect(&database.url).await.unwrap();
    let mut locking = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE node_status")
        .execute(&mut *locking)
        .await
        .unwrap();
    let arguments = ["run-job", "refreshServerStatus", "--request-id", "left"];
    let mut environment = environment(&database.url);
    environment.insert("TELECOM__JOBS__LEASE".to_owned(), "10m".to_owned());
    let mut left = command(&environment, &arguments);
    let left = left.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    eventually("waiting", || async { database.sql(waiting) == "1" }).await;
    let pid = left.id().unwrap().to_string();
    let told = tokio::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(told.await.unwrap().success());
    let left = left.wait_with_output().await.unwrap();
    assert_eq!(left.status.code(), Some(1));
    let told = line(&left);
    assert_eq!(told["result"], "failed");
    assert!(
        told["error"].as_str().unwrap().contains("told to stop"),
        "{told}"
    );
    locking.rollback().await.unwrap();
    // Whoever comes next does both: the run that was left, and its own.
    assert_eq!(database.done("refreshServerStatus").await, 0);
    let runs =
        "SELECT string_agg(concat_ws(' ', state, attempt, changed), ', ' ORDER BY id) FROM job_run";
    assert_eq!(database.sql(runs), "succeeded 2 2, succeeded 1 0");
    let again = line(&database.run(&arguments[1..]).await);
    assert_eq!(
        (&again["result"], &again["attempt"]),
        (&"done".into(), &2.into())
    );
}

#[tokio::test]
async fn two_processes_for_one_key_tell_the_same() {
    let database = Database::new().await;
    database.nodes(5);
    let arguments = ["refreshServerStatus", "--request-id", "both"];
    let both = (0..4).map(|_| database.run(&arguments));
    let lines: Vec<_> = futures::future::join_all(both)
        .await
        .iter()
        .map(line)
        .collect();
    for told in &lines {
        assert_eq!(told, &lines[0]);
    }
    assert_eq!(
        (&lines[0]["result"], &lines[0]["changed"]),
        (&"done".into(), &5.into())
    );
}

#[tokio::test]
async fn what_no_run_can_be_known_by_is_refused() {
    let migrated = Database::new().await;
    for (arguments, complaint) in [
        (["--timeout", "25h"], "longer than a day"),
        (["--scheduled-at", "yesterday"], "not a moment"),
        (
            ["--scheduled-at", "2026-11-28T10:00:00.5Z"],
            "not a whole second",
        ),
        (
            ["--scheduled-at", "1969-12-31T23:59:59Z"],
            "years 1970 to 9999",
        ),
        (["--request-id", "two words"], "64 visible ASCII"),
        (["--request-id", ""], "64 visible ASCII"),
        (["--cluster-uid", "two words"], "64 visible ASCII"),
    ] {
        let arguments = [&["refreshServerStatus"], &arguments[..]].concat();
        let output = migrated.run(&arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(complaint), "{text}");
    }
    let both = [
        "--request-id",
        "a",
        "--scheduled-at",
        "2026-11-28T10:00:00Z",
    ];
    let output = migrated.run(&[&["billTraffic"], &both[..]].concat()).await;
    assert_eq!(output.status.code(), Some(2));

    migrated.sql("INSERT INTO database_owner (cluster_uid) VALUES ('uid-a')");
    for (uid, code) in [("uid-a", 0), ("uid-b", 1), ("", 0)] {
        let output = migrated.run(&["billTraffic", "--cluster-uid", uid]).await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let variables = [("TELECOM_CLUSTER_UID", uid)];
        let output = migrated.run_with(&variables, &["billTraffic"]).await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        if code == 1 {
            let error = line(&output)["error"].to_string();
            assert!(error.contains("uid-a"), "{error}");
        }
    }
}
