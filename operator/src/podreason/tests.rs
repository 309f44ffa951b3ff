//! Pod statuses as kubelets write them, and what is made of them.

use serde_json::{Value, json};

use super::*;

fn pod(name: &str, status: Value) -> Pod {
    Pod {
        metadata: kube::core::ObjectMeta {
            name: Some(name.to_owned()),
            ..kube::core::ObjectMeta::default()
        },
        status: Some(serde_json::from_value(status).unwrap()),
        ..Pod::default()
    }
}

fn container(state: Value, last: Value) -> Value {
    let mut container = json!({
        "name": "server", "image": "registry/none:9", "imageID": "", "ready": false, "restartCount": 4,
    });
    container["state"] = state;
    container["lastState"] = last;
    Value::Array(vec![container])
}

fn told(status: Value) -> (Reason, String) {
    match cause(&[pod("demo-1", status)]) {
        Some(Cause::Told(reason, message)) => (reason, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_image_that_cannot_be_pulled_is_named() {
    let waiting =
        json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}});
    let (reason, message) =
        told(json!({"phase": "Pending", "containerStatuses": container(waiting, json!({}))}));
    assert_eq!(reason, Reason::ImagePullFailed);
    assert!(
        message.contains("registry/none:9") && message.contains("imagePullSecrets"),
        "{message}"
    );
}

#[test]
fn both_forms_of_a_failed_pull_make_one_message() {
    let message = |reason: &str, message: &str| {
        let waiting = json!({"waiting": {"reason": reason, "message": message}});
        told(json!({"containerStatuses": container(waiting, json!({}))})).1
    };
    let first = message("ErrImagePull", "no such host");
    let second = message(
        "ImagePullBackOff",
        "Back-off pulling image \"registry/none:9\": ErrImagePull: no such host",
    );
    assert_eq!(first, second);
}

#[test]
fn a_crash_tells_the_servers_own_words() {
    let words = r#"{"reason":"ConfigInvalid","message":"/etc/telecom/config.yaml: grpc.listen: not an address"}"#;
    let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    let last = json!({"terminated": {"exitCode": 2, "message": words}});
    let (reason, message) = told(json!({"containerStatuses": container(waiting, last)}));
    assert_eq!(reason, Reason::ConfigInvalid);
    assert!(
        message.contains("grpc.listen") && message.contains("code 2"),
        "{message}"
    );
}

#[test]
fn a_crash_without_words_tells_the_kubelets() {
    let ended = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    let (reason, message) = told(json!({"containerStatuses": container(ended, json!({}))}));
    assert_eq!(reason, Reason::ContainerCrashing);
    assert!(message.contains("OOMKilled"), "{message}");
}

#[test]
fn a_pod_that_no_node_takes_is_told_with_the_schedulers_words() {
    let conditions = json!([{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient cpu"}]);
    let (reason, message) = told(json!({"phase": "Pending", "conditions": conditions}));
    assert_eq!(reason, Reason::PodUnschedulable);
    assert!(message.contains("Insufficient cpu"), "{message}");
}

#[test]
fn a_running_pod_is_asked_and_a_problem_comes_before_a_question() {
    let running = json!({
        "podIP": "10.0.0.9",
        "containerStatuses": container(json!({"running": {}}), json!({"terminated": {"exitCode": 1}})),
    });
    let asked = Cause::Ask {
        pod: "a".to_owned(),
        address: "10.0.0.9".to_owned(),
        since: None,
    };
    assert_eq!(cause(&[pod("a", running.clone())]), Some(asked));
    let waiting = json!({"waiting": {"reason": "ErrImagePull"}});
    let pulling = json!({"containerStatuses": container(waiting, json!({}))});
    let worst = cause(&[pod("a", running), pod("b", pulling)]);
    assert!(
        matches!(worst, Some(Cause::Told(Reason::ImagePullFailed, _))),
        "{worst:?}"
    );
}

#[test]
fn ready_leaving_and_finished_pods_hold_nothing_back() {
    let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    let mut leaving = pod("b", json!({"phase": "Running"}));
    leaving.metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    let finished = pod("c", json!({"phase": "Succeeded"}));
    assert_eq!(cause(&[pod("a", ready), leaving, finished]), None);
}

#[tokio::test]
async fn a_pod_says_why_it_is_not_ready() {
    use axum::http::StatusCode;
    use axum::routing::get;
    let body = json!({"status": "unavailable", "checks": {"database": "no answer from db:5432", "migrations": "ok"}});
    let answer = (StatusCode::SERVICE_UNAVAILABLE, axum::Json(body));
    let router = axum::Router::new().route("/healthz/ready", get(async move || answer.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let readiness = Asker::default().ask("127.0.0.1", port).await.unwrap();
    assert_eq!(
        readiness.failing(),
        Some(("database", "no answer from db:5432"))
    );
    let unused = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    assert!(Asker::default().ask("127.0.0.1", unused).await.is_err());
}
