//! `GET` and `PUT /v1/log-filter`: the log levels of this process, for administrators, without a restart.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use telecom_telemetry::LogFilter;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Shared;
use super::observe;
use crate::auth::Caller;
use crate::rpc::Authenticator;

/// The codes that the route answers with.
pub(super) const CODES: [StatusCode; 7] = [
    StatusCode::OK,
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];
/// Bytes of a filter.
const MAX: usize = 1000;
/// How long finding out who asks may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What changes the log levels, and who may.
#[derive(Debug, Clone)]
pub struct Logs {
    /// The levels.
    pub filter: LogFilter,
    /// Knows administrators.
    pub authenticator: Arc<Authenticator>,
}

/// The filter that holds.
pub(super) async fn show(State(shared): State<Shared>, request: Request) -> Response {
    with_administrator(&shared.doors.logs, request, async |_, _| {
        sentence(StatusCode::OK, &shared.doors.logs.filter.current())
    })
    .await
}

/// Puts the body in its place; an empty one stands for the filter of the configuration.
pub(super) async fn change(State(shared): State<Shared>, request: Request) -> Response {
    let filter = &shared.doors.logs.filter;
    with_administrator(&shared.doors.logs, request, async |caller, body| {
        let Ok(body) = to_bytes(body, MAX).await else {
            let code = StatusCode::PAYLOAD_TOO_LARGE;
            return sentence(code, &format!("a filter has up to {MAX} bytes"));
        };
        let wanted = String::from_utf8_lossy(&body);
        if let Err(error) = filter.set(&wanted) {
            return sentence(StatusCode::BAD_REQUEST, &error.to_string());
        }
        let current = filter.current();
        tracing::warn!(filter = current, by = %caller, "log levels changed");
        sentence(StatusCode::OK, &current)
    })
    .await
}

async fn with_administrator(
    logs: &Logs,
    request: Request,
    answer: impl AsyncFnOnce(&Caller, Body) -> Response,
) -> Response {
    let (parts, body) = request.into_parts();
    let deadline = Instant::now() + PATIENCE;
    let administrator = logs.authenticator.administrator(&parts.headers, deadline);
    let administrator = administrator.await;
    let span = observe::begin(&parts, administrator.is_ok());
    match administrator {
        Ok(caller) => {
            let response = answer(&caller, body).instrument(span).await;
            observe::by(response, caller)
        }
        Err((code, why)) => refused(code, &why),
    }
}

fn refused(code: StatusCode, why: &str) -> Response {
    let mut response = sentence(code, why);
    if code == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"log-filter\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn sentence(code: StatusCode, text: &str) -> Response {
    (code, format!("{text}\n")).into_response()
}
