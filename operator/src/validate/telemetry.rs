//! OTLP export: each URL read, and each signal given somewhere to go.

use telecom_crds::{Reason, TelemetryProtocol};
use url::Url;

use super::secrets::{Scope, check};
use super::{Problem, Telemetry};
use crate::references::{KeyFacts, Purpose};

pub(super) fn validate(scope: &Scope<'_>, problems: &mut Vec<Problem>) -> Option<Telemetry> {
    let given = scope.spec().telemetry.as_ref()?;
    let endpoints = &given.endpoints;
    let export_metrics =
        given.export_metrics && (given.endpoint.is_some() || endpoints.metrics.is_some());
    let mut urls = Vec::new();
    for (field, value) in [
        ("endpoint", &given.endpoint),
        ("endpoints.traces", &endpoints.traces),
        ("endpoints.metrics", &endpoints.metrics),
        ("endpoints.logs", &endpoints.logs),
    ] {
        let Some(value) = value else { continue };
        match read_url(field, value, given.protocol) {
            Ok(url) => urls.push(url),
            Err(message) => problems.push(Problem::configuration(Reason::InvalidValue, message)),
        }
    }
    if given.ca_secret_ref.is_some()
        && !urls.is_empty()
        && urls.iter().all(|url| url.scheme() == "http")
    {
        problems.push(Problem::configuration(
            Reason::InvalidValue,
            "spec.telemetry.caSecretRef is set but no URL of spec.telemetry is an https:// one: use https://, or remove it".to_owned(),
        ));
    }
    let text = |facts: &KeyFacts| facts.headers.clone();
    let headers = given.headers_secret_ref.as_ref();
    let headers = check(scope, Purpose::TelemetryHeaders, headers, text, problems);
    let certificates = |facts: &KeyFacts| facts.certificates.clone();
    let ca = given.ca_secret_ref.as_ref();
    let ca = check(scope, Purpose::TelemetryCa, ca, certificates, problems);
    let mut ports: Vec<u16> = urls.iter().filter_map(Url::port_or_known_default).collect();
    ports.sort_unstable();
    ports.dedup();
    Some(Telemetry {
        endpoint: given
            .endpoint
            .as_deref()
            .map(|url| url.trim_end_matches('/').to_owned()),
        traces: endpoints.traces.clone(),
        metrics: endpoints.metrics.clone(),
        logs: endpoints.logs.clone(),
        protocol: given.protocol,
        service_name: given.service_name.clone(),
        sample_ratio: given.sample_ratio,
        export_metrics,
        export_logs: given.export_logs,
        headers: headers.map(|headers| headers.secret),
        ca: ca.map(|ca| ca.secret),
        resource_attributes: given.resource_attributes.clone(),
        ports,
    })
}

fn read_url(field: &str, value: &str, protocol: TelemetryProtocol) -> Result<Url, String> {
    let url = Url::parse(value).map_err(|error| {
        format!("spec.telemetry.{field} is not a URL ({error}): write one such as http://otel-collector:4317")
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "spec.telemetry.{field} has the scheme {}: use http:// or https://",
            url.scheme()
        ));
    }
    let path = url.path();
    if matches!(path, "" | "/") {
        return Ok(url);
    }
    match (field, protocol) {
        ("endpoint", _) => Err(format!(
            "spec.telemetry.endpoint has the path {path}: give the base URL alone, or put the whole URL under spec.telemetry.endpoints"
        )),
        (_, TelemetryProtocol::Grpc) => Err(format!(
            "spec.telemetry.{field} has the path {path}, which gRPC has no use for: remove the path, or set spec.telemetry.protocol to Http"
        )),
        (_, TelemetryProtocol::Http) => Ok(url),
    }
}
