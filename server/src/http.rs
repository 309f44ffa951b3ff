//! The HTTP port: `/healthz`, `/healthz/ready` and `/metrics`, none of which touches the database,
//! `POST /v1/call-records`, and `/v1/log-filter`.

mod call_records;
mod log_filter;
mod observe;

use axum::Router;
use axum::extract::State;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use crate::auth::Digest;
use crate::config::{self, MetricsAccess};
use crate::live_calls::LiveCalls;
use crate::metrics::{self, Format, Metrics};
use crate::readiness::Board;

pub use call_records::Pushes;
pub use log_filter::Logs;

/// What the handlers need.
#[derive(Debug, Clone)]
struct Shared {
    board: Board,
    metrics: Metrics,
    access: MetricsAccess,
    doors: Doors,
    live: LiveCalls,
}

/// What lies behind the routes that do something.
#[derive(Debug, Clone)]
pub struct Doors {
    /// Takes records of calls.
    pub pushes: Pushes,
    /// Changes the log levels.
    pub logs: Logs,
}

const HEALTH: &str = "/healthz";
const READY: &str = "/healthz/ready";
const METRICS: &str = "/metrics";
const CALL_RECORDS: &str = "/v1/call-records";
const LOG_FILTER: &str = "/v1/log-filter";
/// The label of all paths that are no route.
const OTHER: &str = "other";

/// The routes.
pub fn router(
    board: Board,
    metrics: Metrics,
    config: &config::Metrics,
    doors: Doors,
    live: LiveCalls,
) -> Router {
    let mut codes = vec![
        (HEALTH, StatusCode::OK),
        (READY, StatusCode::OK),
        (READY, StatusCode::SERVICE_UNAVAILABLE),
        (OTHER, StatusCode::NOT_FOUND),
    ];
    let mut routes = Router::new()
        .route(HEALTH, get(health))
        .route(READY, get(ready))
        .route(CALL_RECORDS, post(call_records::push))
        .route(LOG_FILTER, get(log_filter::show).put(log_filter::change));
    codes.extend(call_records::CODES.map(|code| (CALL_RECORDS, code)));
    codes.extend(log_filter::CODES.map(|code| (LOG_FILTER, code)));
    if config.enabled {
        routes = routes.route(METRICS, get(scrape));
        codes.extend([
            (METRICS, StatusCode::OK),
            (METRICS, StatusCode::UNAUTHORIZED),
        ]);
    }
    for (route, code) in codes {
        let labels = [route, code.as_str()];
        metrics.http_requests.with_label_values(&labels).inc_by(0);
    }
    let shared = Shared {
        board,
        metrics,
        access: config.access.clone(),
        doors,
        live,
    };
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(
            shared.clone(),
            observe::record,
        ))
        .with_state(shared)
}

async fn health(State(shared): State<Shared>) -> Response {
    let mut body = json!({
        "status": "ok",
        "uptime_secs": shared.metrics.uptime().as_secs(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    if let Some(calls) = shared.live.active_calls() {
        body["active_calls"] = calls.into();
    }
    json_response(StatusCode::OK, &body)
}

async fn ready(State(shared): State<Shared>) -> Response {
    let readiness = shared.board.now();
    let (code, status) = match (readiness.is_ready(), readiness.draining) {
        (true, _) => (StatusCode::OK, "ok"),
        (false, true) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let body = json!({
        "status": status,
        "checks": {
            "database": readiness.database.sentence(),
            "migrations": readiness.migrations.sentence(),
        },
    });
    json_response(code, &body)
}

async fn scrape(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if !allowed(&shared.access, &headers) {
        let body = "send the metrics token as `Authorization: Bearer <token>`\n";
        let mut response = (StatusCode::UNAUTHORIZED, body).into_response();
        let challenge = HeaderValue::from_static("Bearer realm=\"metrics\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        return response;
    }
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    match metrics::render(&shared.metrics.registry, format) {
        Ok(text) => ([(CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot render metrics");
            let body = "the metrics cannot be rendered; the server's log says why\n";
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
    }
}

fn allowed(access: &MetricsAccess, headers: &HeaderMap) -> bool {
    let expected = match access {
        MetricsAccess::Open => return true,
        MetricsAccess::Closed => return false,
        MetricsAccess::Token(expected) => expected,
    };
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer") && Digest::of(token.trim()).matches(expected)
        })
}

async fn not_found() -> Response {
    let body = "nothing here; this port has /healthz, /healthz/ready, /metrics, /v1/call-records and /v1/log-filter\n";
    (StatusCode::NOT_FOUND, body).into_response()
}

async fn method_not_allowed() -> Response {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        "GET is answered here; /v1/call-records takes POST, /v1/log-filter PUT as well\n",
    )
        .into_response()
}

pub(crate) fn json_response(code: StatusCode, body: &serde_json::Value) -> Response {
    let content_type = HeaderValue::from_static("application/json");
    (code, [(CONTENT_TYPE, content_type)], body.to_string()).into_response()
}
