//! The text formats, and what is there before anything happened.

use super::*;

#[test]
fn open_metrics_has_its_own_names_and_end() {
    let metrics = Metrics::new().unwrap();
    metrics
        .http_requests
        .with_label_values(&["/\"x\"\n", "200"])
        .inc_by(3);
    metrics.clock_skew.observe(0.2);

    let text = render(&metrics.registry, Format::OpenMetrics).unwrap();

    for line in [
        "# TYPE telecom_http_requests counter",
        "telecom_http_requests_total{code=\"200\",route=\"/\\\"x\\\"\\n\"} 3.0",
        "telecom_node_clock_skew_seconds_bucket{le=\"0.1\"} 0",
        "telecom_node_clock_skew_seconds_bucket{le=\"0.5\"} 1",
        "telecom_node_clock_skew_seconds_bucket{le=\"+Inf\"} 1",
        "telecom_node_clock_skew_seconds_sum 0.2",
        "telecom_nodes{status=\"online\"} 0.0",
    ] {
        assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn every_metric_has_help_and_a_name_of_this_project() {
    let metrics = Metrics::new().unwrap();
    for family in metrics.registry.gather() {
        let name = family.name();
        assert!(!family.help().is_empty(), "{name}");
        assert!(
            ["telecom_", "rustpbx_", "process_", "tokio_"]
                .iter()
                .any(|p| name.starts_with(p)),
            "{name}"
        );
    }
}

#[test]
fn accept_decides_the_format() {
    for (accept, format) in [
        ("", Format::Prometheus),
        ("*/*", Format::Prometheus),
        ("text/plain;version=0.0.4", Format::Prometheus),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3",
            Format::OpenMetrics,
        ),
        (
            "application/openmetrics-text;q=0, text/plain",
            Format::Prometheus,
        ),
    ] {
        assert_eq!(Format::accepted(accept), format, "{accept}");
    }
}
