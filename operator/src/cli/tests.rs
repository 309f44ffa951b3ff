//! What flags turn into.

use super::*;

fn parse(arguments: &[&str]) -> Run {
    let all = ["telecom-operator", "run"].iter().chain(arguments);
    let Command::Run(run) = Cli::try_parse_from(all).unwrap().command;
    *run
}

#[test]
fn defaults_watch_everything_and_export_nothing() {
    let run = parse(&[]);
    let options = run.options("fallback");
    assert!(options.namespaces.is_empty() && options.selector.is_none());
    assert!(options.server_image.ends_with(env!("CARGO_PKG_VERSION")));
    assert!(
        options.lease.identity.starts_with("telecom-operator-"),
        "{:?}",
        options.lease
    );
    assert!(run.telemetry("me", String::new()).is_ok());
    assert!(!run.otlp.settings(String::new()).enabled);
}

#[test]
fn namespaces_are_a_set_and_an_empty_flag_is_none() {
    assert_eq!(
        parse(&["--watch-namespaces", "b, a,b"])
            .options("")
            .namespaces,
        ["a", "b"]
    );
    assert!(
        parse(&["--watch-namespaces", ""])
            .options("")
            .namespaces
            .is_empty()
    );
}

#[test]
fn the_lease_lies_where_it_is_told_and_else_where_we_are() {
    let namespace = |arguments: &[&str]| parse(arguments).options("kubeconfig").lease.namespace;
    assert_eq!(
        namespace(&[
            "--pod-namespace",
            "own",
            "--leader-election-namespace",
            "told"
        ]),
        "told"
    );
    assert_eq!(namespace(&["--pod-namespace", "own"]), "own");
}

#[test]
fn bad_values_are_refused_by_name() {
    let refused = |arguments: &[&str]| {
        let all = ["telecom-operator", "run"].iter().chain(arguments);
        Cli::try_parse_from(all).unwrap_err().to_string()
    };
    assert!(refused(&["--concurrency", "0"]).contains("--concurrency"));
    assert!(refused(&["--listen", "here"]).contains("--listen"));
    assert!(refused(&["--otlp-metrics-interval", "0"]).contains("--otlp-metrics-interval"));
    assert!(refused(&["--otlp-resource-attributes", "region"]).contains("has no `=`"));
    assert!(
        refused(&["--otlp-resource-attributes", "service.name=x"]).contains("--otlp-service-name")
    );
}

#[test]
fn what_the_collector_is_told_is_named_by_the_flag_that_was_typed() {
    let path = "http://collector:4318/v1/traces";
    let cases: [(&[&str], &str, &str); 9] = [
        (&["--log-level", "loud"], "", "--log-level: `loud`"),
        (&["--otlp-sample-ratio", "2"], "", "--otlp-sample-ratio: 2"),
        (
            &["--otlp-endpoint", "collector:4317"],
            "",
            "--otlp-endpoint: ",
        ),
        (
            &["--otlp-endpoint", path],
            "",
            "remove it or set `--otlp-protocol http`",
        ),
        (
            &["--otlp-endpoint", path, "--otlp-protocol", "http"],
            "",
            "set `--otlp-metrics-endpoint`, or do not export metrics",
        ),
        (
            &[
                "--otlp-logs-endpoint",
                "ftp://collector",
                "--otlp-export-logs",
            ],
            "",
            "--otlp-logs-endpoint: `ftp://collector`",
        ),
        (
            &["--otlp-export-logs"],
            "",
            "--otlp-endpoint: is needed to export logs, unless `--otlp-logs-endpoint` is set",
        ),
        (
            &["--otlp-resource-attributes", "=eu"],
            "",
            "--otlp-resource-attributes: an attribute has an empty name",
        ),
        (
            &[],
            "secret",
            "TELECOM_OPERATOR_OTLP_HEADERS: pair 1 has no `=`",
        ),
    ];
    for (arguments, headers, expected) in cases {
        let error = parse(arguments).telemetry("me", headers.to_owned());
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{arguments:?}: {error}");
        assert!(
            !error.contains("otel.") && !error.contains("secret"),
            "{error}"
        );
    }
}

#[test]
fn each_flag_of_the_collector_arrives() {
    let run = parse(&[
        "--otlp-traces-endpoint=https://traces.example.com/v0.2",
        "--otlp-metrics-endpoint=https://metrics.example.com/",
        "--otlp-protocol=http",
        "--otlp-service-name=operator-eu",
        "--otlp-sample-ratio=1",
        "--otlp-export-metrics=false",
        "--otlp-export-logs=true",
        "--otlp-logs-endpoint=https://logs.example.com/",
        "--otlp-ca-file=/etc/ca.crt",
        "--otlp-resource-attributes=region=eu, team=voice%2C%20data+,",
    ]);
    let otel = run.otlp.settings("key=value".to_owned());
    assert!(otel.enabled && otel.endpoint.is_empty());
    assert_eq!(otel.endpoints.traces, "https://traces.example.com/v0.2");
    assert_eq!(otel.endpoints.metrics, "https://metrics.example.com/");
    assert_eq!(otel.endpoints.logs, "https://logs.example.com/");
    assert_eq!((otel.export_metrics, otel.export_logs), (false, true));
    assert_eq!(otel.service_name, "operator-eu");
    assert_eq!(otel.ca_file.as_deref(), Some("/etc/ca.crt".as_ref()));
    let attributes: Vec<_> = otel.resource_attributes.iter().collect();
    let (region, team) = (("region", "eu"), ("team", "voice, data+"));
    let expected = [region, team].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(
        attributes,
        expected
            .iter()
            .map(|(key, value)| (key, value))
            .collect::<Vec<_>>()
    );
    assert!(run.telemetry("me", "key=value".to_owned()).is_ok());
}
