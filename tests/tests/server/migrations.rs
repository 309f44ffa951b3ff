//! `migrate`: again and again, many at once, and each way it can fail with its reason.

use std::time::Duration;

use telecom_tests::postgres::{self, free_port};

use super::process::{Server, command, environment};

/// Runs `migrate`; gives exit code, standard error and the termination message.
async fn migrate(url: &str, arguments: &[&str]) -> (i32, String, serde_json::Value) {
    migrate_with(url, &[], arguments).await
}

async fn migrate_with(
    url: &str,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> (i32, String, serde_json::Value) {
    let log = std::env::temp_dir().join(format!("termination-{}", uuid::Uuid::new_v4()));
    let mut environment = environment(url);
    environment.insert(
        "TELECOM_TERMINATION_LOG".to_owned(),
        log.display().to_string(),
    );
    for (name, value) in variables {
        environment.insert((*name).to_owned(), (*value).to_owned());
    }
    let output = command(&environment, &[&["migrate"], arguments].concat())
        .output()
        .await
        .unwrap();
    let message = std::fs::read_to_string(&log).unwrap_or_else(|_| "null".to_owned());
    let _ = std::fs::remove_file(log);
    let errors = String::from_utf8(output.stderr).unwrap();
    (
        output.status.code().unwrap(),
        errors,
        serde_json::from_str(&message).unwrap(),
    )
}

#[tokio::test]
async fn many_at_once_and_once_more() {
    let url = postgres::shared().database();
    let all = futures::future::join_all((0..4).map(|_| migrate(&url, &[]))).await;
    for (code, errors, message) in all {
        assert_eq!((code, message), (0, serde_json::Value::Null), "{errors}");
    }
    assert_eq!(migrate(&url, &[]).await.0, 0);
    let database = url.rsplit('/').next().unwrap();
    let versions =
        "SELECT count(*) = count(DISTINCT version) AND bool_and(success) FROM _sqlx_migrations";
    assert_eq!(postgres::shared().sql(database, versions).unwrap(), "t");
}

#[tokio::test]
async fn it_waits_for_a_database_and_says_when_none_comes() {
    let nobody = format!(
        "postgresql://u:hunter2@127.0.0.1:{}/d",
        free_port().unwrap()
    );
    let begun = std::time::Instant::now();
    let (code, errors, message) = migrate(&nobody, &["--connect-timeout", "1s"]).await;
    assert_eq!(
        (code, message["reason"].as_str()),
        (1, Some("DatabaseUnreachable")),
        "{errors}"
    );
    assert!(begun.elapsed() > Duration::from_millis(400), "it waits");
    assert!(!errors.contains("hunter2") && !message.to_string().contains("hunter2"));
}

#[tokio::test]
async fn a_wrong_password_is_said_at_once() {
    let url = postgres::shared()
        .database()
        .replace("postgres@", "careful:wrong@");
    let (code, errors, message) = migrate(&url, &["--connect-timeout", "10m"]).await;
    assert_eq!(
        (code, message["reason"].as_str()),
        (1, Some("DatabaseAuthenticationFailed")),
        "{errors}"
    );
    assert!(
        !errors.contains("wrong") && !message.to_string().contains("wrong"),
        "{errors}"
    );
    let right = url.replace("careful:wrong@", "careful:secret@");
    assert_eq!(migrate(&right, &[]).await.0, 0);
}

#[tokio::test]
async fn a_migration_that_cannot_be_applied_is_a_reason_of_its_own() {
    let url = postgres::shared().database();
    let database = url.rsplit('/').next().unwrap();
    postgres::shared()
        .sql(database, "CREATE TABLE node_server (x int)")
        .unwrap();
    let (code, errors, message) = migrate(&url, &[]).await;
    assert_eq!(
        (code, message["reason"].as_str()),
        (1, Some("MigrationFailed")),
        "{errors}"
    );
    assert!(
        message["message"].as_str().unwrap().contains("node_server"),
        "{message}"
    );
}

#[tokio::test]
async fn a_newer_schema_serves_an_older_server_until_it_says_otherwise() {
    let url = postgres::shared().database();
    let database = url.rsplit('/').next().unwrap();
    assert_eq!(migrate(&url, &[]).await.0, 0);
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (999, 'later', true, '\\x00', 0)";
    postgres::shared().sql(database, newer).unwrap();
    assert_eq!(migrate(&url, &[]).await.0, 0, "a newer schema is no fault");
    let server = Server::launch(&url, &[], &["serve"]).await;
    server.until_ready().await;
    // Its look at the schema when it starts, after which it stays, has two seconds of its own.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;

    postgres::shared()
        .sql(
            database,
            "UPDATE schema_compatibility SET serves_from = 999",
        )
        .unwrap();
    super::process::eventually("not ready", || async {
        server
            .get("/healthz/ready")
            .await
            .body
            .contains("use a newer server")
    })
    .await;
    let (code, _, message) = migrate(&url, &[]).await;
    assert_eq!(
        (code, message["reason"].as_str()),
        (1, Some("SchemaTooNew"))
    );
    let output = command(&environment(&url), &["serve"])
        .output()
        .await
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(1),
        "a server that old ends at its start"
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("use a newer server"));
}

/// Migrates for a cluster, perhaps one that takes over; gives the word of the failure, and the sentence.
async fn migrate_for(url: &str, uid: &str, adopt: &str) -> Result<(), (String, String)> {
    let arguments = ["--cluster-uid", uid, "--adopt-database", adopt];
    let (code, errors, message) = migrate(url, &arguments).await;
    if code == 0 {
        return Ok(());
    }
    let text = |key: &str| message[key].as_str().unwrap().to_owned();
    assert!(errors.contains(&text("message")), "{errors}");
    Err((text("reason"), text("message")))
}

#[tokio::test]
async fn a_database_belongs_to_one_cluster_until_another_adopts_it() {
    let url = postgres::shared().database();
    let name = url.rsplit('/').next().unwrap();
    let sql = |sql: &str| postgres::shared().sql(name, sql).unwrap();
    let owner = || sql("SELECT cluster_uid FROM database_owner");
    // No identity, none is kept; the first one who has one gets it.
    assert_eq!(migrate(&url, &[]).await.0, 0);
    assert_eq!(owner(), "");
    for _ in 0..2 {
        migrate_for(&url, "uid-a", "").await.unwrap();
        assert_eq!(owner(), "uid-a");
    }
    assert_eq!(migrate(&url, &[]).await.0, 0, "whoever does not ask");
    let since = sql("SELECT since FROM database_owner");

    for adopt in ["", "uid-b", "uid-c"] {
        let (reason, message) = migrate_for(&url, "uid-b", adopt).await.unwrap_err();
        assert_eq!(reason, "DatabaseInUse");
        assert!(message.contains("cluster of uid uid-a"), "{message}");
        assert!(
            message.contains("`telecom.dev/adopt-database=uid-a`"),
            "{message}"
        );
    }
    assert_eq!(
        (owner(), sql("SELECT since FROM database_owner")),
        ("uid-a".to_owned(), since.clone())
    );
    for _ in 0..2 {
        migrate_for(&url, "uid-b", "uid-a").await.unwrap();
        assert_eq!(owner(), "uid-b");
    }
    assert_ne!(sql("SELECT since FROM database_owner"), since);
    let (reason, message) = migrate_for(&url, "uid-a", "").await.unwrap_err();
    assert_eq!(reason, "DatabaseInUse");
    assert!(message.contains("uid-b"), "{message}");
}

#[tokio::test]
async fn a_database_of_another_cluster_is_not_migrated() {
    let url = postgres::shared().database();
    let name = url.rsplit('/').next().unwrap();
    migrate_for(&url, "uid-a", "").await.unwrap();
    // A migration that is missing would fail now, if it were tried.
    let missing =
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    postgres::shared().sql(name, missing).unwrap();
    let reason = |result: Result<(), (String, String)>| result.unwrap_err().0;
    assert_eq!(
        reason(migrate_for(&url, "uid-b", "").await),
        "DatabaseInUse"
    );
    assert_eq!(
        reason(migrate_for(&url, "uid-b", "uid-a").await),
        "MigrationFailed"
    );
    let owner = "SELECT cluster_uid FROM database_owner";
    assert_eq!(postgres::shared().sql(name, owner).unwrap(), "uid-a");
}

#[tokio::test]
async fn of_two_clusters_at_once_one_gets_the_database() {
    for adopt in ["", "uid-0"] {
        let url = postgres::shared().database();
        let name = url.rsplit('/').next().unwrap();
        if !adopt.is_empty() {
            migrate_for(&url, adopt, "").await.unwrap();
        }
        let uids = ["uid-1", "uid-2", "uid-3"];
        let all = uids.map(async |uid| migrate_for(&url, uid, adopt).await);
        let results = futures::future::join_all(all).await;
        let owner = postgres::shared()
            .sql(name, "SELECT cluster_uid FROM database_owner")
            .unwrap();
        for (uid, result) in uids.iter().zip(results) {
            match result {
                Ok(()) => assert_eq!(*uid, owner),
                Err((reason, message)) => {
                    assert_eq!(reason, "DatabaseInUse");
                    assert!(*uid != owner && message.contains(&owner), "{message}");
                }
            }
        }
    }
}

#[tokio::test]
async fn identities_come_by_environment_and_an_empty_one_is_none() {
    let url = postgres::shared().database();
    let name = url.rsplit('/').next().unwrap();
    let (cluster, adopt) = ("TELECOM_CLUSTER_UID", "TELECOM_ADOPT_DATABASE");
    let long = "x".repeat(65);
    // (variables) → exit code, owner
    for (variables, code, owner) in [
        ([(cluster, ""), (adopt, "")], 0, ""),
        ([(cluster, ""), (adopt, "uid-a")], 2, ""),
        ([(cluster, "two words"), (adopt, "")], 2, ""),
        ([(cluster, long.as_str()), (adopt, "")], 2, ""),
        ([(cluster, "uid-a"), (adopt, "")], 0, "uid-a"),
        ([(cluster, "uid-b"), (adopt, "")], 1, "uid-a"),
        ([(cluster, "uid-b"), (adopt, "uid-a")], 0, "uid-b"),
    ] {
        let (exit, errors, _) = migrate_with(&url, &variables, &[]).await;
        assert_eq!(exit, code, "{variables:?} {errors}");
        let kept = "SELECT string_agg(cluster_uid, '') FROM database_owner";
        let kept = postgres::shared().sql(name, kept).unwrap_or_default();
        assert_eq!(kept, owner, "{variables:?}");
    }
}
