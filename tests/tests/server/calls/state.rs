//! What a PBX says of the moment.

use telecom_proto::v1::{QueueState, ReportPbxStateRequest, ShowPbxRequest};

use super::Server;

#[tokio::test]
async fn a_report_takes_the_place_of_the_one_before() {
    let server = Server::start().await;
    let (pbx, token) = server.pbx("live").await;
    let mut client = server.call_ingest(&token).await;
    for active_calls in [42, 7] {
        let report = ReportPbxStateRequest {
            active_calls,
            queues: vec![QueueState {
                queue: "support".to_owned(),
                length: 3,
                agents_available: 2,
            }],
            ttl: None,
            version: "0.5.0".to_owned(),
        };
        let answer = client.report_pbx_state(report).await.unwrap().into_inner();
        assert!(answer.expires_at.is_some());
    }
    let shown = server
        .pbxs()
        .await
        .show_pbx(ShowPbxRequest { id: pbx.id })
        .await;
    let state = shown.unwrap().into_inner().state.unwrap();
    assert_eq!((state.active_calls, state.version.as_str()), (7, "0.5.0"));
    let row = "SELECT source, active_calls, queues, expires_at - reported_at FROM pbx_state";
    assert_eq!(
        server.query(row),
        "report|7|[{\"queue\": \"support\", \"length\": 3, \"agents_available\": 2}]|00:00:30"
    );
}
