//! What is said about a cluster in the states that it goes through.

use k8s_openapi::jiff::Timestamp;
use serde_json::json;
use stage::{NOW, Stage};
use telecom_crds::{ConditionType, Reason};

use super::{Answer, Step};
use crate::dereference::World;
use crate::kinds::Kind;
use crate::podreason::Readiness;
use crate::status::Verdict;

mod stage;

#[test]
fn a_new_cluster_waits_for_its_database() {
    let stage = Stage::new(json!({})).step(Step::WaitForDatabase);
    stage.expect(
        ConditionType::DatabaseReady,
        Verdict::False,
        Reason::DatabasePending,
    );
    stage.expect(
        ConditionType::MigrationsApplied,
        Verdict::False,
        Reason::WaitingForDatabase,
    );
    stage.expect(
        ConditionType::ServerAvailable,
        Verdict::False,
        Reason::WaitingForPrerequisites,
    );
    stage.expect(
        ConditionType::Progressing,
        Verdict::True,
        Reason::RolloutInProgress,
    );
    stage.expect(
        ConditionType::Ready,
        Verdict::False,
        Reason::DatabasePending,
    );
}

#[test]
fn a_whole_cluster_is_ready() {
    let stage = Stage::new(json!({}))
        .database_ready()
        .server(1, 1)
        .step(Step::Done);
    stage.expect(ConditionType::Ready, Verdict::True, Reason::Ready);
    stage.expect(ConditionType::Progressing, Verdict::False, Reason::Complete);
    stage.expect(
        ConditionType::MonitoringReady,
        Verdict::False,
        Reason::ServiceMonitorKindAbsent,
    );
    stage.expect(ConditionType::Paused, Verdict::False, Reason::NotPaused);
    let message = stage.expect(
        ConditionType::DatabaseReady,
        Verdict::True,
        Reason::EmbeddedReady,
    );
    assert!(message.contains("development and CI only"), "{message}");
}

#[test]
fn a_database_that_was_scaled_away_from_a_paused_cluster_is_not_starting() {
    let scaled = |spec| {
        let set = json!({
            "metadata": {"generation": 2},
            "spec": {"replicas": 0, "selector": {}, "template": {}},
            "status": {"replicas": 0, "observedGeneration": 2},
        });
        Stage::new(spec).with(Kind::StatefulSet, "demo-postgres", set)
    };
    let database = ConditionType::DatabaseReady;
    let stage = scaled(json!({"paused": true}));
    let message = stage.expect(database, Verdict::False, Reason::Paused);
    assert!(
        message.starts_with("StatefulSet demo-postgres is scaled to 0"),
        "{message}"
    );
    scaled(json!({})).expect(database, Verdict::False, Reason::DatabasePending);
}

#[test]
fn a_volume_that_nobody_binds_is_named() {
    let conditions = json!([{"type": "PodScheduled", "status": "False", "message": "unbound immediate PersistentVolumeClaims"}]);
    let claim = json!({"spec": {"storageClassName": "late"}, "status": {"phase": "Pending"}});
    let stage = Stage::new(json!({}))
        .with(Kind::PersistentVolumeClaim, "demo-postgres-data", claim)
        .pod(
            "demo-postgres-0",
            "database",
            json!({"conditions": conditions}),
        );
    let message = stage.expect(
        ConditionType::DatabaseReady,
        Verdict::False,
        Reason::StoragePending,
    );
    assert!(
        message.contains("demo-postgres-data") && message.contains("late"),
        "{message}"
    );
}

#[test]
fn a_missing_secret_holds_the_first_rollout_back() {
    let stage = Stage::new(json!({"database": {"urlSecretRef": {"name": "db", "key": "uri"}}}));
    let message = stage.expect(
        ConditionType::ConfigurationValid,
        Verdict::False,
        Reason::SecretNotFound,
    );
    assert!(
        message.contains("db") && message.contains("uri"),
        "{message}"
    );
    stage.expect(
        ConditionType::MigrationsApplied,
        Verdict::False,
        Reason::WaitingForConfiguration,
    );
    stage.expect(
        ConditionType::Progressing,
        Verdict::False,
        Reason::SecretNotFound,
    );
    let ready = stage.expect(ConditionType::Ready, Verdict::False, Reason::SecretNotFound);
    assert_eq!(ready, message);
}

#[test]
fn a_lost_password_is_the_databases_trouble() {
    let mut stage = Stage::new(json!({}));
    stage.facts.secrets.clear();
    stage.expect(
        ConditionType::ConfigurationValid,
        Verdict::True,
        Reason::Valid,
    );
    stage.expect(
        ConditionType::DatabaseReady,
        Verdict::False,
        Reason::DatabaseSecretLost,
    );
    stage.expect(
        ConditionType::MigrationsApplied,
        Verdict::False,
        Reason::WaitingForDatabase,
    );
}

#[test]
fn a_rollout_that_does_not_come_up_leaves_the_server_available() {
    let waiting = json!([{
        "name": "server", "image": "none:9", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}},
    }]);
    let mut stage = Stage::new(json!({}))
        .database_ready()
        .server(1, 1)
        .step(Step::Done);
    stage = stage.pod(
        "demo-server-new",
        "server",
        json!({"containerStatuses": waiting}),
    );
    stage.expect(
        ConditionType::ServerAvailable,
        Verdict::True,
        Reason::Available,
    );
    let stage = stage.server(1, 0);
    let message = stage.expect(
        ConditionType::ServerAvailable,
        Verdict::False,
        Reason::ImagePullFailed,
    );
    assert!(message.contains("none:9"), "{message}");
    let progress = stage.expect(
        ConditionType::Progressing,
        Verdict::True,
        Reason::RolloutInProgress,
    );
    assert!(progress.contains("none:9"), "{progress}");
}

#[test]
fn more_servers_on_their_way_are_no_outage() {
    let starting = json!({"phase": "Pending"});
    let stage = Stage::new(json!({"replicas": 2}))
        .database_ready()
        .server(2, 1)
        .pod("demo-server-2", "server", starting)
        .step(Step::Done);
    let message = stage.expect(
        ConditionType::ServerAvailable,
        Verdict::True,
        Reason::Available,
    );
    assert!(message.contains("1 of 2"), "{message}");
    stage.expect(
        ConditionType::Progressing,
        Verdict::True,
        Reason::RolloutInProgress,
    );
}

#[test]
fn a_pod_that_is_not_ready_is_quoted() {
    let running = |seconds: i64| {
        let since = Timestamp::from_second(NOW - seconds).unwrap();
        json!({"podIP": "10.0.0.9", "containerStatuses": [{
            "name": "server", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"running": {"startedAt": since}},
        }]})
    };
    let mut stage = Stage::new(json!({}))
        .database_ready()
        .server(1, 0)
        .pod("demo-server-1", "server", running(60))
        .step(Step::Done);
    let checks = [("database".to_owned(), "no answer from db:5432".to_owned())];
    stage.answer = Some(Answer {
        said: Ok(Readiness {
            checks: checks.into(),
        }),
    });
    let message = stage.expect(
        ConditionType::ServerAvailable,
        Verdict::False,
        Reason::NotReady,
    );
    assert!(
        message.contains("database: no answer from db:5432"),
        "{message}"
    );
    let stage = stage.pod("demo-server-1", "server", running(5));
    stage.expect(
        ConditionType::ServerAvailable,
        Verdict::False,
        Reason::RolloutInProgress,
    );
}

#[test]
fn zero_replicas_are_said() {
    let stage = Stage::new(json!({"replicas": 0}))
        .database_ready()
        .server(0, 0)
        .step(Step::Done);
    stage.expect(
        ConditionType::ServerAvailable,
        Verdict::False,
        Reason::ScaledToZero,
    );
    stage.expect(ConditionType::Progressing, Verdict::False, Reason::Complete);
}

#[test]
fn a_failed_migration_tells_its_cause() {
    let stage = Stage::new(json!({})).database_ready();
    let world = World::read("demo", stage.shelf.clone()).unwrap();
    assert!(world.migration_pods.is_empty());
    let stage = stage.step(Step::RetryAfter(std::time::Duration::from_mins(1)));
    let message = stage.expect(
        ConditionType::MigrationsApplied,
        Verdict::False,
        Reason::MigrationFailed,
    );
    assert!(message.contains("tried again"), "{message}");
}

#[test]
fn a_fight_names_both_sides() {
    let mut stage = Stage::new(json!({}))
        .database_ready()
        .server(1, 1)
        .step(Step::Done);
    stage.progress.contended = vec![(
        (Kind::Service, "demo-server".to_owned()),
        "argocd".to_owned(),
    )];
    let message = stage.expect(ConditionType::Contended, Verdict::True, Reason::Contended);
    assert!(
        message.contains("argocd") && message.contains("Service demo-server"),
        "{message}"
    );
    stage.expect(ConditionType::Ready, Verdict::True, Reason::Ready);
}

#[test]
fn monitoring_is_off_closed_absent_or_there() {
    let off = Stage::new(json!({"metrics": {"enabled": false}}));
    off.expect(
        ConditionType::MonitoringReady,
        Verdict::False,
        Reason::Disabled,
    );
    let unwatched = Stage::new(json!({"metrics": {"serviceMonitor": {"enabled": false}}}));
    unwatched.expect(
        ConditionType::MonitoringReady,
        Verdict::False,
        Reason::Disabled,
    );
    let reference = crate::references::SecretKey {
        name: "scrape".to_owned(),
        key: "token".to_owned(),
    };
    let mut closed = Stage::new(
        json!({"metrics": {"bearerTokenSecretRef": {"name": "scrape", "key": "token"}}}),
    );
    closed
        .facts
        .secrets
        .insert(reference, crate::references::SecretFact::Empty);
    closed.expect(
        ConditionType::MonitoringReady,
        Verdict::False,
        Reason::MetricsTokenEmpty,
    );
    let mut there =
        Stage::new(json!({})).with(Kind::ServiceMonitor, "demo-server", json!({"metadata": {}}));
    there.monitors = true;
    there.expect(
        ConditionType::MonitoringReady,
        Verdict::True,
        Reason::ServiceMonitorCreated,
    );
}
