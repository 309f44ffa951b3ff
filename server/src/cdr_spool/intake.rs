//! The port of a spool: `POST /v1/call-records`, `/healthz`, `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::journal::{Journal, NotKept};
use super::metrics::{Metrics, Refusal};
use super::token::Token;
use crate::call_push;
use crate::http::json_response;
use crate::metrics::{self, Format};
use crate::rpc::bearer;

/// What the handlers need.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The spool.
    pub journal: Journal,
    /// What a request has to show.
    pub token: Arc<Token>,
    /// What is counted.
    pub metrics: Metrics,
    /// Only processes of this machine reach the port: they need not show anything.
    pub trusted: bool,
}

/// The routes.
pub fn router(shared: Shared) -> Router {
    Router::new()
        .route("/v1/call-records", post(take))
        .route("/healthz", get(health))
        .route("/metrics", get(scrape))
        .with_state(shared)
}

async fn take(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if !shared.admits(&parts.headers) {
        let challenge = HeaderValue::from_static("Bearer realm=\"call-records\"");
        let sentence = "send the token of the PBX as `Authorization: Bearer <token>`";
        let mut response = shared.refuse(Refusal::Token, StatusCode::UNAUTHORIZED, sentence);
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        return response;
    }
    let content_type = parts.headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let read = call_push::read(content_type.unwrap_or_default(), body.into_data_stream()).await;
    let records = match read {
        Ok(push) if push.records.is_empty() => {
            let sentence = "there is no record";
            return shared.refuse(Refusal::Form, StatusCode::BAD_REQUEST, sentence);
        }
        Ok(push) => push.records,
        Err(error) => return shared.refuse(Refusal::Form, error.status(), &error.to_string()),
    };
    match shared.journal.append(&records).await {
        Ok(()) => {
            shared.metrics.received.inc_by(records.len() as u64);
            let body = json!({ "spooled": records.len() });
            json_response(StatusCode::ACCEPTED, &body)
        }
        Err(error) => {
            let (reason, code) = match error {
                NotKept::Full => (Refusal::Full, StatusCode::INSUFFICIENT_STORAGE),
                NotKept::Disk => (Refusal::Disk, StatusCode::INSUFFICIENT_STORAGE),
                NotKept::TooLong => (Refusal::Form, StatusCode::PAYLOAD_TOO_LARGE),
            };
            shared.refuse(reason, code, &error.to_string())
        }
    }
}

impl Shared {
    /// Who shows a token shows the right one, wherever it comes from.
    fn admits(&self, headers: &HeaderMap) -> bool {
        match bearer(headers) {
            Some(token) => self.token.admits(&token),
            None => self.trusted && !headers.contains_key(AUTHORIZATION),
        }
    }

    fn refuse(&self, reason: Refusal, code: StatusCode, sentence: &str) -> Response {
        self.metrics.refuse(reason);
        tracing::warn!(code = code.as_u16(), sentence, "a request is not taken");
        (code, format!("{sentence}\n")).into_response()
    }
}

async fn health(State(shared): State<Shared>) -> Response {
    let standing = shared.journal.standing();
    let body = json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "pending_records": standing.records,
        "pending_bytes": standing.bytes,
        "oldest_seconds": standing.oldest_seconds,
    });
    json_response(StatusCode::OK, &body)
}

async fn scrape(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    shared.metrics.show(shared.journal.standing());
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    match metrics::render(&shared.metrics.registry, format) {
        Ok(text) => ([(CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot render metrics");
            let body = "the metrics cannot be rendered; the log says why\n";
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
    }
}
