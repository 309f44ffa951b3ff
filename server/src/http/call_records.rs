//! `POST /v1/call-records`: what RustPBX's `callrecord` push sends, and JSON for everybody else.
//!
//! RustPBX neither tries again nor waits longer than 10 seconds, and an answer that is an error makes it drop what
//! else is on its way. So a push waits for the database as long as it may, and a record that cannot be stored is kept
//! aside and answered like a good one.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;

use super::{Shared, json_response, observe};
use crate::auth::{Caller, Machine, Secret};
use crate::call_intake::{CallIntake, PATIENCE};
use crate::call_push::{self, Format, PushError};
use crate::calls::{CallDraft, Outcome};
use crate::domain::{AuthenticateMachine, DomainError, Incoming, MachineService};
use crate::pbxs::PbxId;
use crate::rpc::bearer;
use crate::store::StoreError;

/// Between two looks at a token that could not be checked.
const PAUSE: Duration = Duration::from_millis(250);
/// Most records of one request.
const MAX_RECORDS: usize = 1000;

/// What takes pushes.
#[derive(Debug, Clone)]
pub struct Pushes {
    /// Knows the tokens of PBXs.
    pub machines: MachineService,
    /// Where records are handed in.
    pub intake: CallIntake,
}

/// The codes that the route answers with.
pub(super) const CODES: [StatusCode; 8] = [
    StatusCode::OK,
    StatusCode::ACCEPTED,
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::SERVICE_UNAVAILABLE,
];

pub(super) async fn push(State(shared): State<Shared>, request: Request) -> Response {
    let pushes = &shared.doors.pushes;
    let (parts, body) = request.into_parts();
    let deadline = Instant::now() + PATIENCE;
    let pbx = caller(&pushes.machines, &parts.headers, deadline).await;
    let span = observe::begin(&parts, pbx.is_ok());
    let pbx = match pbx {
        Ok(pbx) => pbx,
        Err(refusal) => return refusal.into_response(),
    };
    let taken = take(pushes, pbx, &parts.headers, body, deadline);
    let response = taken.instrument(span).await;
    observe::by(
        response.unwrap_or_else(Refusal::into_response),
        Caller::Pbx(pbx),
    )
}

/// Why a request is refused as a whole.
#[derive(Debug)]
enum Refusal {
    TokenMissing,
    TokenInvalid,
    NotAPbx,
    Push(PushError),
    TooMany(usize),
    Empty,
    Unavailable,
}

async fn take(
    pushes: &Pushes,
    pbx: PbxId,
    headers: &HeaderMap,
    body: Body,
    deadline: Instant,
) -> Result<Response, Refusal> {
    let (format, records) = read(headers, body).await?;
    let calls = records.iter().map(|record| incoming(pbx, record)).collect();
    let stored = pushes.intake.store(calls, deadline).await;
    let outcomes = stored.map_err(|error| {
        tracing::warn!(%error, %pbx, records = records.len(), "records of calls are not stored");
        Refusal::Unavailable
    })?;
    Ok(match format {
        Format::Multipart => json_response(StatusCode::ACCEPTED, &json!({})),
        Format::Json => {
            let results: Vec<_> = outcomes.iter().enumerate().map(result).collect();
            json_response(StatusCode::OK, &json!({ "results": results }))
        }
    })
}

async fn caller(
    machines: &MachineService,
    headers: &HeaderMap,
    deadline: Instant,
) -> Result<PbxId, Refusal> {
    let token = Secret::new(bearer(headers).ok_or(Refusal::TokenMissing)?);
    loop {
        let input = AuthenticateMachine {
            token: token.clone(),
            deadline,
        };
        match machines.authenticate(input).await {
            Ok(Machine::Pbx(pbx)) => return Ok(pbx),
            Ok(Machine::Node(_)) => return Err(Refusal::NotAPbx),
            Err(DomainError::Store(StoreError::Unavailable(_) | StoreError::Conflict(_)))
                if Instant::now() + PAUSE < deadline =>
            {
                sleep(PAUSE).await;
            }
            Err(DomainError::TokenInvalid) => return Err(Refusal::TokenInvalid),
            Err(error) => {
                tracing::warn!(%error, "the token of a PBX cannot be checked");
                return Err(Refusal::Unavailable);
            }
        }
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<(Format, Vec<String>), Refusal> {
    let content_type = headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let push = call_push::read(content_type.unwrap_or_default(), body.into_data_stream()).await;
    let push = push.map_err(Refusal::Push)?;
    match push.records.len() {
        0 => Err(Refusal::Empty),
        count if count > MAX_RECORDS => Err(Refusal::TooMany(count)),
        _ => Ok((push.format, push.records)),
    }
}

fn incoming(pbx: PbxId, record: &str) -> Incoming {
    Incoming {
        pbx,
        draft: CallDraft::read(record.as_bytes()),
        body: record.to_owned(),
    }
}

fn result((index, outcome): (usize, &Outcome)) -> Value {
    let rejection = outcome.rejection();
    json!({
        "index": index,
        "outcome": outcome.as_str(),
        "reason": rejection.map_or("", |why| why.reason.as_str()),
        "field": rejection.map_or("", |why| &why.field),
        "description": rejection.map_or("", |why| &why.description),
    })
}

impl Refusal {
    fn into_response(self) -> Response {
        let (code, sentence) = match &self {
            Self::TokenMissing => (
                StatusCode::UNAUTHORIZED,
                "send the token of the PBX as `Authorization: Bearer <token>`".to_owned(),
            ),
            Self::TokenInvalid => (
                StatusCode::UNAUTHORIZED,
                "the token is not known or no longer works".to_owned(),
            ),
            Self::NotAPbx => (
                StatusCode::FORBIDDEN,
                "the token is good, but not that of a PBX".to_owned(),
            ),
            Self::Push(error) => (error.status(), error.to_string()),
            Self::TooMany(count) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("{count} records; up to {MAX_RECORDS} are taken at a time"),
            ),
            Self::Empty => (StatusCode::BAD_REQUEST, "there is no record".to_owned()),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "nothing is stored: the database does not answer in time; send it again".to_owned(),
            ),
        };
        let mut response = (code, format!("{sentence}\n")).into_response();
        let headers = response.headers_mut();
        if code == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"call-records\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if code == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
