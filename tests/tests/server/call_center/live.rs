//! What PBXs report of the moment.

use telecom_proto::v1::{QueueState, ReportPbxStateRequest};

use super::Server;
use crate::server::process::eventually;

fn report(active_calls: u32, version: &str, waiting: u32) -> ReportPbxStateRequest {
    let queue = |name: &str, agents_available| QueueState {
        queue: name.to_owned(),
        length: waiting,
        agents_available,
    };
    ReportPbxStateRequest {
        active_calls,
        queues: vec![queue("support", 2), queue("reception", 9)],
        ttl: None,
        version: version.to_owned(),
    }
}

async fn active_calls(server: &Server) -> Option<f64> {
    server.metric("rustpbx_active_calls").await
}

#[tokio::test]
async fn what_pbxs_report_is_added_up_on_each_replica_and_absent_when_nobody_reports() {
    let server = Server::with_queues(&[]).await;
    let queues = ("TELECOM__CALL_CENTER__QUEUES", super::QUEUES);
    let other = Server::launch(&server.url, &[queues], &["serve"]).await;
    other.until_ready().await;
    assert_eq!(active_calls(&server).await, None);
    assert!(server.get("/healthz").await.json()["active_calls"].is_null());

    for (name, report) in [("a", report(40, "0.5.0", 3)), ("b", report(2, "0.5.1", 1))] {
        let (_, token) = server.pbx(name).await;
        let mut client = server.call_ingest(&token).await;
        client.report_pbx_state(report).await.unwrap();
    }
    for server in [&server, &other] {
        eventually("shown", || async {
            active_calls(server).await == Some(42.0)
        })
        .await;
        let health = server.get("/healthz").await.json();
        assert_eq!(health["active_calls"], 42);
        assert_eq!(
            server.of_queue("cc_queue_length", "support").await,
            Some(4.0)
        );
        assert_eq!(
            server.of_queue("cc_agents_available", "support").await,
            Some(4.0)
        );
        // Nobody reports this one, and nobody has named the other.
        assert_eq!(server.of_queue("cc_queue_length", "sales").await, None);
        assert_eq!(server.of_queue("cc_queue_length", "reception").await, None);
        for version in ["0.5.0", "0.5.1"] {
            let info = format!("rustpbx_info{{version=\"{version}\"}}");
            assert_eq!(server.metric(&info).await, Some(1.0));
        }
    }

    server.query("UPDATE pbx_state SET expires_at = now() WHERE version = '0.5.0'");
    eventually("one left", || async {
        active_calls(&server).await == Some(2.0)
    })
    .await;
    assert_eq!(server.metric("rustpbx_info{version=\"0.5.0\"}").await, None);
    server.query("UPDATE pbx_state SET expires_at = now()");
    eventually("none left", || async {
        active_calls(&server).await.is_none()
    })
    .await;
    assert_eq!(server.of_queue("cc_queue_length", "support").await, None);
    assert!(server.get("/healthz").await.json()["active_calls"].is_null());
}
