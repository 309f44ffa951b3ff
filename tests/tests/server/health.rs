//! Health over HTTP and gRPC, reflection, gRPC-Web.

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioExecutor;
use telecom_proto::v1::ListNodeServersRequest;
use telecom_tests::{postgres, tokens};
use tonic::Code;

use super::process::{Server, eventually};
use super::wire::{Wire, framed};

#[tokio::test]
async fn probes_answer_and_other_paths_say_what_there_is() {
    let server = Server::start().await;
    let alive = server.get("/healthz").await;
    assert_eq!(alive.code, 200);
    assert!(alive.head.contains("content-type: application/json"));
    let alive = alive.json();
    assert_eq!(
        (&alive["status"], &alive["version"]),
        (&"ok".into(), &"0.1.0".into())
    );
    assert!(alive["uptime_secs"].is_u64());
    assert_eq!(
        server.get("/healthz/ready").await.json(),
        serde_json::json!({"status": "ok", "checks": {"database": "ok", "migrations": "ok"}})
    );
    let nothing = server.get("/nothing").await;
    assert_eq!(nothing.code, 404);
    assert!(nothing.body.contains("/healthz/ready"));
}

#[tokio::test]
async fn without_migrations_it_is_alive_and_says_what_to_run() {
    let url = postgres::shared().database();
    let server = Server::launch(&url, &[], &["serve"]).await;
    eventually("looked at", || async {
        let answer = server.get("/healthz/ready").await;
        let sentence = answer.json()["checks"]["migrations"]
            .as_str()
            .unwrap()
            .to_owned();
        answer.code == 503 && sentence.contains("run `telecom-server migrate`")
    })
    .await;
    assert_eq!(server.get("/healthz").await.code, 200);
    assert_eq!(
        grpc_health(&server, "telecom.v1.NodeAgent").await,
        "NOT_SERVING"
    );

    let environment = super::process::environment(&url);
    let migrated = super::process::command(&environment, &["migrate"])
        .output()
        .await
        .unwrap();
    assert!(migrated.status.success());
    server.until_ready().await;
    for service in ["", "telecom.v1.NodeAgent", "telecom.v1.NodeServerManage"] {
        eventually("serving", || async {
            grpc_health(&server, service).await == "SERVING"
        })
        .await;
    }
}

/// `grpc.health.v1.Health/Check`, spoken by hand: one string field in, one enum field out.
async fn grpc_health(server: &Server, service: &str) -> &'static str {
    let mut message = vec![];
    if !service.is_empty() {
        message.extend([0x0a, u8::try_from(service.len()).unwrap()]);
        message.extend(service.as_bytes());
    }
    let body = call(server, "/grpc.health.v1.Health/Check", &message).await;
    match body.get(5..) {
        Some([0x08, 0x01, ..]) => "SERVING",
        Some([0x08, 0x02, ..]) => "NOT_SERVING",
        other => panic!("{other:?}"),
    }
}

async fn call(server: &Server, path: &str, message: &[u8]) -> Bytes {
    let answer = Wire::new(server.grpc)
        .send(path, &[], framed(message))
        .await;
    assert_eq!(answer.status.code(), Code::Ok);
    answer.body
}

#[tokio::test]
async fn reflection_lists_the_services_in_both_versions() {
    let server = Server::start().await;
    for version in ["v1", "v1alpha"] {
        // ServerReflectionRequest { list_services: "*" }
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let answer = call(&server, &path, &[0x3a, 0x01, b'*']).await;
        let text = String::from_utf8_lossy(&answer);
        for service in [
            "telecom.v1.NodeServerManage",
            "telecom.v1.NodeAgent",
            "grpc.health.v1.Health",
        ] {
            assert!(text.contains(service), "{version}: no {service}");
        }
        // { file_containing_symbol: … }: what the details of an error are made of.
        let symbol = b"google.rpc.BadRequest";
        let request = [&[0x22, 0x15][..], symbol].concat();
        let answer = call(&server, &path, &request).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(text.contains("field_violations"), "{version}: {text}");
    }
}

#[tokio::test]
async fn a_browser_can_call_over_http_1() {
    let server = Server::start().await;
    server.node("from-a-browser").await;
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
    let call = |token: &str| {
        let request = http::Request::post(format!(
            "http://{}/telecom.v1.NodeServerManage/ListNodeServers",
            server.grpc
        ))
        .header("content-type", "application/grpc-web+proto")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::new(Bytes::from(framed(&[]))))
        .unwrap();
        client.request(request)
    };
    let answer = call(tokens::admin()).await.unwrap();
    assert_eq!(answer.version(), http::Version::HTTP_11);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&body);
    assert!(
        text.contains("from-a-browser") && text.contains("grpc-status:0"),
        "{text:?}"
    );

    let refused = call("wrong").await.unwrap();
    assert_eq!(refused.headers()["grpc-status"], "16");
    // The same over HTTP/2, for comparison.
    let listed = server
        .admin()
        .await
        .list_node_servers(ListNodeServersRequest::default())
        .await
        .unwrap();
    assert_eq!(listed.get_ref().total, 1);
}
