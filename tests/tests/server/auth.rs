//! Who may call what: every protected method against every kind of token.

use telecom_proto::v1::ListNodeServersRequest;
use tonic::Code;
use tonic_types::StatusExt as _;

use telecom_tests::tokens;

use super::process::{Server, heartbeat};

#[tokio::test]
async fn each_kind_of_token_opens_its_own_methods() {
    let server = Server::start().await;
    let (node, token) = server.node("mine").await;
    let other_id = format!(
        "tnode_{}_{}",
        node.id + 1,
        token.rsplit_once('_').unwrap().1
    );
    let cut = &token[..token.len() - 1];
    let longer = format!("{}x", tokens::admin());
    let cases = [
        ("none", "", Code::Unauthenticated, Code::Unauthenticated),
        ("admin", tokens::admin(), Code::Ok, Code::PermissionDenied),
        ("node", &token, Code::PermissionDenied, Code::Ok),
        (
            "another node's number",
            &other_id,
            Code::Unauthenticated,
            Code::Unauthenticated,
        ),
        (
            "a cut token",
            cut,
            Code::Unauthenticated,
            Code::Unauthenticated,
        ),
        (
            "a longer token",
            &longer,
            Code::Unauthenticated,
            Code::Unauthenticated,
        ),
        (
            "nonsense",
            "tnode_x_y",
            Code::Unauthenticated,
            Code::Unauthenticated,
        ),
        (
            "no number",
            "tnode__",
            Code::Unauthenticated,
            Code::Unauthenticated,
        ),
        (
            "a huge number",
            "tnode_99999999999_x",
            Code::Unauthenticated,
            Code::Unauthenticated,
        ),
    ];
    for (name, token, manage, agent) in cases {
        let listed = server
            .manage_as(token)
            .await
            .list_node_servers(ListNodeServersRequest::default())
            .await;
        assert_eq!(
            listed.map_or_else(|s| s.code(), |_| Code::Ok),
            manage,
            "{name}"
        );
        let beat = server.agent(token).await.heartbeat(heartbeat()).await;
        assert_eq!(
            beat.map_or_else(|s| s.code(), |_| Code::Ok),
            agent,
            "{name}"
        );
    }
}

#[tokio::test]
async fn refusals_say_why_and_carry_the_trace() {
    let server = Server::start().await;
    let missing = server
        .manage_as("")
        .await
        .list_node_servers(ListNodeServersRequest::default())
        .await;
    let missing = missing.unwrap_err();
    let details = missing.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        ("TOKEN_MISSING", "telecom.dev")
    );
    let trace = details.request_info().unwrap().request_id.clone();
    assert_eq!(trace.len(), 32);
    // The line of the request has the trace id that the caller got.
    let line = server
        .logged(|line| line["trace_id"] == trace.as_str() && line["message"] == "request")
        .await;
    assert_eq!(line["code"], "UNAUTHENTICATED");
    assert_eq!(
        line["method"],
        "telecom.v1.NodeServerManage/ListNodeServers"
    );
    assert!(line["duration_ms"].is_number());
}

#[tokio::test]
async fn a_trace_goes_on_for_callers_who_are_known() {
    let server = Server::start().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let header = format!("00-{trace}-00f067aa0ba902b7-01");
    for (token, continued) in [(tokens::admin(), true), ("", false)] {
        let mut request = tonic::Request::new(ListNodeServersRequest::default());
        request
            .metadata_mut()
            .insert("traceparent", header.parse().unwrap());
        let _ = server
            .manage_as(token)
            .await
            .list_node_servers(request)
            .await;
        // Only the administrator's line has the code OK.
        let line = server
            .logged(|line| line["message"] == "request" && (line["code"] == "OK") == continued)
            .await;
        assert_eq!(line["trace_id"] == trace, continued, "{line}");
    }
}
