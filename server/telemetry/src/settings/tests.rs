//! Which settings are taken, what they resolve to, and what the others are told.

use rstest::rstest;

use super::*;

fn config(change: impl FnOnce(&mut Otel)) -> Config {
    let mut config = Config::for_service(Service::new("telecom-server", "0.1.0"));
    config.otel.enabled = true;
    config.otel.endpoint = "http://collector:4317".to_owned();
    change(&mut config.otel);
    config
}

fn targets(change: impl FnOnce(&mut Otel)) -> [Option<String>; 3] {
    let settings = config(change).validate().unwrap();
    let targets = settings.export.unwrap().targets;
    [targets.traces, targets.metrics, targets.logs].map(|url| url.map(Into::into))
}

#[rstest]
#[case::grpc_one_address(
    |_: &mut Otel| {},
    [Some("http://collector:4317/"), Some("http://collector:4317/"), None]
)]
#[case::http_adds_paths(
    |otel: &mut Otel| { otel.protocol = Protocol::Http; otel.export_logs = true; },
    [Some("http://collector:4317/v1/traces"), Some("http://collector:4317/v1/metrics"), Some("http://collector:4317/v1/logs")]
)]
#[case::own_address_is_verbatim(
    |otel: &mut Otel| {
        otel.protocol = Protocol::Http;
        otel.endpoints.traces = "https://trace.example.com/api/v0.2/traces?key=a".to_owned();
    },
    [Some("https://trace.example.com/api/v0.2/traces?key=a"), Some("http://collector:4317/v1/metrics"), None]
)]
#[case::a_full_address_for_traces_alone(
    |otel: &mut Otel| {
        otel.protocol = Protocol::Http;
        otel.export_metrics = false;
        otel.endpoint = "https://trace.example.com/api/v0.2/traces".to_owned();
    },
    [Some("https://trace.example.com/api/v0.2/traces"), None, None]
)]
#[case::only_own_addresses(
    |otel: &mut Otel| {
        otel.endpoint = String::new();
        otel.endpoints.traces = "http://traces:4317".to_owned();
        otel.endpoints.metrics = "http://metrics:4317".to_owned();
    },
    [Some("http://traces:4317/"), Some("http://metrics:4317/"), None]
)]
#[case::metrics_alone(
    |otel: &mut Otel| {
        otel.endpoint = String::new();
        otel.endpoints.metrics = "http://metrics:4317".to_owned();
    },
    [None, Some("http://metrics:4317/"), None]
)]
fn every_signal_gets_its_address(
    #[case] change: impl FnOnce(&mut Otel),
    #[case] expected: [Option<&str>; 3],
) {
    assert_eq!(targets(change), expected.map(|url| url.map(str::to_owned)));
}

#[rstest]
#[case::ratio_above(|o: &mut Otel| o.sample_ratio = 1.01, "otel.sample_ratio: 1.01 is not between 0 and 1")]
#[case::ratio_below(|o: &mut Otel| o.sample_ratio = -0.1, "otel.sample_ratio: -0.1 is not between 0 and 1")]
#[case::ratio_nan(|o: &mut Otel| o.sample_ratio = f64::NAN, "otel.sample_ratio: NaN is not between 0 and 1")]
#[case::no_address(
    |o: &mut Otel| o.endpoint.clear(),
    "otel.endpoint: is needed while `otel.enabled` is true, unless `otel.endpoints` has a URL"
)]
#[case::no_address_for_logs(
    |o: &mut Otel| {
        o.endpoint.clear();
        o.export_metrics = false;
        o.export_logs = true;
        o.endpoints.traces = "http://traces:4317".to_owned();
    },
    "otel.endpoint: is needed to export logs, unless `otel.endpoints.logs` is set"
)]
#[case::no_scheme(
    |o: &mut Otel| o.endpoint = "collector:4317".to_owned(),
    "otel.endpoint: `collector:4317` is not a URL that begins with http:// or https://"
)]
#[case::not_a_url(
    |o: &mut Otel| o.endpoint = "collector".to_owned(),
    "otel.endpoint: `collector`: relative URL without a base"
)]
#[case::grpc_with_a_path(
    |o: &mut Otel| o.endpoint = "http://collector:4317/v1/traces".to_owned(),
    "otel.endpoint: `http://collector:4317/v1/traces` has a path, which gRPC cannot use: remove it or set `otel.protocol: http`"
)]
#[case::http_path_with_metrics_on(
    |o: &mut Otel| {
        o.protocol = Protocol::Http;
        o.endpoint = "https://trace.example.com/api/v0.2/traces".to_owned();
    },
    "otel.endpoint: `https://trace.example.com/api/v0.2/traces` has a path, so it can only be the address for traces: set `otel.endpoints.metrics`, or do not export metrics"
)]
#[case::password_in_the_url(
    |o: &mut Otel| o.endpoint = "http://me:secret@collector:4317".to_owned(),
    "otel.endpoint: has a user or password in it: send credentials by `otel.headers`"
)]
#[case::header_without_value(
    |o: &mut Otel| o.headers = "api-key=x,secret".to_owned(),
    "otel.headers: pair 2 has no `=`"
)]
#[case::header_name(
    |o: &mut Otel| o.headers = "api key=secret".to_owned(),
    "otel.headers: pair 1: the name is not a header name"
)]
#[case::header_value(
    |o: &mut Otel| o.headers = "api-key=secret%0d%0aevil".to_owned(),
    "otel.headers: `api-key`: the value is not a header value"
)]
#[case::nameless_attribute(
    |o: &mut Otel| { o.resource_attributes.insert(String::new(), "x".to_owned()); },
    "otel.resource_attributes: an attribute has an empty name"
)]
fn a_bad_setting_is_named(#[case] change: impl FnOnce(&mut Otel), #[case] message: &str) {
    let error = config(change).validate().unwrap_err().to_string();
    assert_eq!(error, message);
}

#[test]
fn an_interval_of_nothing_is_refused() {
    let mut config = config(|_| {});
    config.export_interval = Duration::ZERO;
    let error = config.validate().unwrap_err().to_string();
    assert_eq!(error, "metrics.export_interval_secs: must be at least 1");
}

#[rstest]
#[case("info", true)]
#[case("info,sqlx=warn,telecom_server::rpc=debug", true)]
#[case("OFF", true)]
#[case("verbose", false)]
#[case("", false)]
#[case("info,", false)]
#[case("sqlx=loud", false)]
fn log_levels_are_levels(#[case] text: &str, #[case] good: bool) {
    let mut config = config(|_| {});
    config.logging.level = text.to_owned();
    let key = config.validate().err().map(|error| error.key);
    assert_eq!(key, (!good).then_some("logging.level"), "{text:?}");
}

#[test]
fn headers_are_decoded_and_kept_secret() {
    let config =
        config(|otel| otel.headers = " api-key = s%2Fcret , x-team=ops, x-odd=100%+1 ".to_owned());
    assert!(!format!("{config:?}").contains("cret"), "{config:?}");

    let settings = config.validate().unwrap();

    assert!(!format!("{settings:?}").contains("s/cret"), "{settings:?}");
    let headers = settings.export.unwrap().headers;
    assert_eq!(headers["api-key"], "s/cret");
    assert_eq!(headers["x-team"], "ops");
    assert_eq!(headers["x-odd"], "100%+1", "no escape, so itself");
}

#[test]
fn off_means_that_an_address_is_not_needed_but_a_typo_is_still_found() {
    let off = |ratio| {
        config(|otel| {
            otel.enabled = false;
            otel.endpoint.clear();
            otel.sample_ratio = ratio;
        })
    };
    assert!(off(0.5).validate().unwrap().export.is_none());
    assert!(off(5.0).validate().is_err());
}
