//! `migrate`: again and again, many at once, and each way it can fail with its reason.

use std::time::Duration;

use telecom_tests::postgres::{self, free_port};

use super::process::{Server, command, environment};

/// Runs `migrate`; gives exit code, standard error and the termination message.
async fn migrate(url: &str, arguments: &[&str]) -> (i32, String, serde_json::Value) {
    let log = std::env::temp_dir().join(format!("termination-{}", uuid::Uuid::new_v4()));
    let mut environment = environment(url);
    environment.insert(
        "TELECOM_TERMINATION_LOG".to_owned(),
        log.display().to_string(),
    );
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
