//! `/metrics`: open, with a token, closed, off; both formats; counters that exist before the first event.

use telecom_tests::certificates::Certificates;
use telecom_tests::tokens;

use super::process::Server;

#[tokio::test]
async fn the_token_decides_who_may_read() {
    let token = "TELECOM__METRICS__BEARER_TOKEN";
    let right = "authorization: Bearer scrape-me\r\n";
    // (environment, header, code)
    for (variables, header, code) in [
        (&[][..], "", 200),
        (&[(token, "scrape-me")][..], "", 401),
        (&[(token, "scrape-me")][..], right, 200),
        (
            &[(token, "scrape-me")][..],
            "authorization: bearer scrape-me\r\n",
            200,
        ),
        (
            &[(token, "scrape-me")][..],
            "authorization: Bearer scrape-you\r\n",
            401,
        ),
        (
            &[(token, "scrape-me")][..],
            "authorization: Basic scrape-me\r\n",
            401,
        ),
        (&[(token, "")][..], "", 401),
        (&[(token, "")][..], "authorization: Bearer \r\n", 401),
        (&[("TELECOM__METRICS__ENABLED", "false")][..], "", 404),
    ] {
        let server = Server::start_with(variables).await;
        let answer = server.get_with("/metrics", header).await;
        assert_eq!(answer.code, code, "{variables:?} {header}");
        assert_eq!(
            answer.head.contains("www-authenticate: bearer"),
            code == 401
        );
        assert_eq!(server.get("/healthz").await.code, 200);
    }
}

#[tokio::test]
async fn everything_is_there_before_anything_happens() {
    let server = Server::start().await;
    let text = server.get("/metrics").await.body;
    for sample in [
        "telecom_grpc_requests_total{code=\"OK\",method=\"Heartbeat\",service=\"telecom.v1.NodeAgent\"} 0",
        "telecom_grpc_in_flight{method=\"ListNodeServers\",service=\"telecom.v1.NodeServerManage\"} 0",
        "telecom_nodes{status=\"maintenance\"} 0",
        "telecom_connections_refused_total{port=\"grpc\",reason=\"max_connections\"} 0",
        "telecom_connections_closed_total{port=\"grpc\",reason=\"malformed\"} 0",
        "telecom_otlp_dropped_total{signal=\"traces\"} 0",
        "telecom_build_info{version=\"0.1.0\"} 1",
    ] {
        assert!(
            text.lines().any(|line| line == sample),
            "no {sample} in\n{text}"
        );
    }
    for family in [
        "process_resident_memory_bytes",
        "tokio_alive_tasks",
        "telecom_db_pool_connections",
    ] {
        assert!(text.contains(&format!("# TYPE {family} ")), "{family}");
    }
    assert!(!text.contains(tokens::admin()));
}

#[tokio::test]
async fn open_metrics_for_those_who_ask() {
    let server = Server::start().await;
    let answer = server
        .get_with(
            "/metrics",
            "accept: application/openmetrics-text;version=1.0.0\r\n",
        )
        .await;
    assert!(
        answer
            .head
            .contains("content-type: application/openmetrics-text; version=1.0.0")
    );
    assert!(answer.body.ends_with("# EOF\n"));
    assert!(
        answer
            .body
            .contains("# TYPE telecom_grpc_requests counter\n")
    );
    let answer = server.get("/metrics").await;
    assert!(
        answer
            .head
            .contains("content-type: text/plain; version=0.0.4")
    );
}

#[tokio::test]
async fn the_end_of_an_authority_that_was_given_is_told() {
    let certificates = Certificates::make();
    let file = certificates.ca.display().to_string();
    let server = Server::start_with(&[("TELECOM__OTEL__CA_FILE", &file)]).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs_f64();
    let end = "telecom_tls_certificate_expiry_timestamp_seconds{peer=\"otlp\"}";
    // It was made for a day.
    let left = server.metric(end).await.unwrap() - now;
    assert!(left > 23.0 * 3600.0 && left <= 24.0 * 3600.0, "{left}");
}
