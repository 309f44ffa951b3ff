//! What is counted and told of each HTTP request.

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{Method, StatusCode};
use telecom_telemetry::{milliseconds, propagation};
use tracing::Span;
use tracing::field::Empty;

use super::{CALL_RECORDS, HEALTH, LOG_FILTER, METRICS, OTHER, READY, Shared};
use crate::auth::Caller;

/// The span of a request, which its handler enters once it knows who asks.
#[derive(Debug, Clone)]
struct OfRequest(Span);

/// The span of a request that came through [`record`], as part of the caller's trace if the caller is known.
pub(super) fn begin(request: &Parts, known: bool) -> Span {
    let span = request.extensions.get::<OfRequest>();
    let span = span.map_or_else(Span::none, |of| of.0.clone());
    let caller = if known {
        propagation::Caller::Authenticated
    } else {
        propagation::Caller::Unknown
    };
    propagation::continue_trace(&span, &request.headers, caller);
    span
}

/// Work has a span, a probe or a scrape has none. The names are those of OpenTelemetry's conventions for HTTP servers.
///
/// <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>
fn span(method: &Method, route: &str) -> Span {
    tracing::info_span!(
        "http",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method.as_str(),
        http.route = route,
        http.response.status_code = Empty,
    )
}

/// Notes in an answer whose request it answers.
pub(super) fn by(mut response: Response, caller: Caller) -> Response {
    response.extensions_mut().insert(caller);
    response
}

/// Counts every request; tells of work as gRPC does, and of the rest in detail only.
pub(super) async fn record(
    State(shared): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let route = [HEALTH, READY, METRICS, CALL_RECORDS, LOG_FILTER]
        .into_iter()
        .find(|route| *route == request.uri().path())
        .unwrap_or(OTHER);
    let method = request.method().clone();
    let work = [CALL_RECORDS, LOG_FILTER].contains(&route);
    let span = if work {
        span(&method, route)
    } else {
        Span::none()
    };
    request.extensions_mut().insert(OfRequest(span.clone()));
    let response = next.run(request).await;
    let took = begun.elapsed();
    let code = response.status();
    let metrics = &shared.metrics;
    metrics
        .http_requests
        .with_label_values(&[route, code.as_str()])
        .inc();
    metrics
        .http_duration
        .with_label_values(&[route])
        .observe(took.as_secs_f64());
    let method = format!("{method} {route}");
    let caller = response.extensions().get::<Caller>();
    span.record("http.response.status_code", code.as_u16());
    if code.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    span.in_scope(|| tell(&method, code, caller, took, work));
    response
}

// Probes and scrapes come all day long.
fn tell(method: &str, code: StatusCode, caller: Option<&Caller>, took: Duration, work: bool) {
    let caller = caller.map(Caller::in_log).unwrap_or_default();
    let duration_ms = milliseconds(took);
    let code = code.as_u16();
    if !work {
        tracing::debug!(method, code, duration_ms, "request");
    } else if code >= 500 {
        tracing::warn!(method, code, duration_ms, caller, "request");
    } else {
        tracing::info!(method, code, duration_ms, caller, "request");
    }
}
