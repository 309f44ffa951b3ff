//! Errors as `google.rpc.Status`: a code, a sentence, and details that programs can act on.
//!
//! The reasons are part of the API: they do not change. The domain of all is `telecom.dev`.

use std::collections::HashMap;
use std::time::Duration;

use http::StatusCode;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::domain::DomainError;
use crate::store::StoreError;
use crate::violation::Violation;

mod obstacle;

const DOMAIN: &str = "telecom.dev";

// A status travels in HTTP headers, of which some clients read no more than 8 KiB in all.
/// Violations that are told; the others show when these are corrected.
const MAX_VIOLATIONS: usize = 10;
/// Bytes of the sentence, which may repeat what the caller sent.
const MAX_SENTENCE: usize = 1000;

/// Why a request was not answered; everything a caller can meet.
#[derive(Debug)]
pub(super) enum Refusal {
    TokenMissing,
    TokenInvalid,
    KeysUnknown,
    RoleNotAllowed,
    MethodUnknown,
    CompressionUnsupported,
    MessageTooLarge,
    MessageMalformed,
    Invalid(Vec<Violation>),
    Overloaded,
    DeadlineExceeded,
    Aborted,
    Draining,
    Panicked,
    Domain(DomainError),
}

impl From<DomainError> for Refusal {
    fn from(error: DomainError) -> Self {
        Self::Domain(error)
    }
}

impl Refusal {
    /// One violated field.
    pub(super) fn field(field: &str, description: &str) -> Self {
        Self::Invalid(vec![Violation::new(field, description)])
    }

    /// As the caller sees it, with the trace that explains it to whoever reads the logs.
    pub(super) fn into_status(self, trace_id: &str) -> Status {
        let answer = self.answer();
        let mut details = ErrorDetails::with_error_info(answer.reason, DOMAIN, answer.metadata);
        if !answer.violations.is_empty() {
            let violations = answer.violations.into_iter().take(MAX_VIOLATIONS);
            let violations: Vec<_> = violations
                .map(|violation| FieldViolation::new(violation.field, violation.description))
                .collect();
            details.set_bad_request(violations);
        }
        if let Some(delay) = answer.retry_after {
            details.set_retry_info(Some(delay));
        }
        details.set_request_info(trace_id, "");
        Status::with_error_details(answer.code, shortened(answer.message), details)
    }

    /// The code and the sentence of an HTTP answer, of what is refused before anything is done.
    pub(super) fn into_http(self) -> (StatusCode, String) {
        let answer = self.answer();
        let code = match answer.code {
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (code, answer.message)
    }

    fn answer(self) -> Answer {
        match self {
            Self::TokenMissing => Answer::new(
                Code::Unauthenticated,
                "TOKEN_MISSING",
                "no token: send it as `authorization: Bearer <token>`",
            ),
            Self::TokenInvalid => token_invalid(),
            Self::KeysUnknown => Answer::new(
                Code::Unavailable,
                "KEYS_UNAVAILABLE",
                "the keys that tokens are verified with cannot be fetched at the moment",
            )
            .retry_after(Duration::from_secs(5)),
            Self::RoleNotAllowed => role_not_allowed(),
            Self::MethodUnknown => Answer::new(
                Code::Unimplemented,
                "METHOD_UNKNOWN",
                "there is no such method here",
            ),
            Self::CompressionUnsupported => Answer::new(
                Code::Unimplemented,
                "COMPRESSION_UNSUPPORTED",
                "only gzip is taken, besides no compression at all",
            ),
            Self::MessageTooLarge => Answer::new(
                Code::ResourceExhausted,
                "MESSAGE_TOO_LARGE",
                "the message is larger than this server reads",
            ),
            Self::MessageMalformed => Answer::new(
                Code::InvalidArgument,
                "MESSAGE_MALFORMED",
                "the message cannot be decoded as the one this method takes",
            ),
            Self::Invalid(violations) => invalid(violations),
            Self::Overloaded => Answer::new(
                Code::ResourceExhausted,
                "OVERLOADED",
                "too many requests are being worked on",
            )
            .retry_after(Duration::from_secs(1)),
            Self::DeadlineExceeded => deadline_exceeded(),
            Self::Aborted => Answer::new(
                Code::Cancelled,
                "REQUEST_ABORTED",
                "the request ended before it was complete",
            ),
            Self::Draining => draining(),
            Self::Panicked => internal(),
            Self::Domain(error) => domain(error),
        }
    }
}

fn shortened(mut sentence: String) -> String {
    if sentence.len() > MAX_SENTENCE {
        sentence.truncate(sentence.floor_char_boundary(MAX_SENTENCE));
        sentence.push('…');
    }
    sentence
}

struct Answer {
    code: Code,
    reason: &'static str,
    message: String,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
    metadata: HashMap<String, String>,
}

impl Answer {
    fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            violations: Vec::new(),
            retry_after: None,
            metadata: HashMap::new(),
        }
    }

    /// A fact for programs.
    fn with(mut self, key: &str, value: String) -> Self {
        self.metadata.insert(key.to_owned(), value);
        self
    }

    fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}

fn domain(error: DomainError) -> Answer {
    let sentence = error.to_string();
    match error {
        DomainError::Invalid(violations) => invalid(violations),
        DomainError::NotFound(thing) => {
            Answer::new(Code::NotFound, thing.kind.not_found(), sentence)
        }
        DomainError::NameTaken { kind, .. } => {
            Answer::new(Code::AlreadyExists, kind.taken(), sentence)
        }
        DomainError::IdempotencyKeyReused(_) => {
            Answer::new(Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED", sentence)
        }
        DomainError::OrderExists { id, .. } => {
            Answer::new(Code::AlreadyExists, "ORDER_EXISTS", sentence)
                .with("queued_package_id", id.to_string())
        }
        DomainError::SeqReused { .. } => Answer::new(Code::AlreadyExists, "SEQ_REUSED", sentence),
        DomainError::FactorExists => Answer::new(Code::AlreadyExists, "FACTOR_EXISTS", sentence),
        DomainError::Obstacle(obstacle) => {
            let reason = obstacle::reason(&obstacle);
            obstacle::facts(
                obstacle,
                Answer::new(Code::FailedPrecondition, reason, sentence),
            )
        }
        DomainError::EtagStale { .. } => {
            Answer::new(Code::FailedPrecondition, "ETAG_STALE", sentence)
        }
        DomainError::TokenInvalid => token_invalid(),
        DomainError::NotYours => Answer::new(Code::PermissionDenied, "NOT_YOURS", sentence),
        DomainError::UserNotNamed => invalid(vec![Violation::new("user_id", sentence)]),
        DomainError::WrongCaller => role_not_allowed(),
        DomainError::Draining => draining(),
        DomainError::Store(error) => store(&error),
    }
}

/// What the database said goes to the log, never to the caller.
fn store(error: &StoreError) -> Answer {
    match error {
        StoreError::Deadline => deadline_exceeded(),
        StoreError::Unavailable(_) | StoreError::Authentication(_) => {
            tracing::warn!(%error, "database");
            Answer::new(
                Code::Unavailable,
                "DATABASE_UNAVAILABLE",
                "the database cannot be reached at the moment",
            )
            .retry_after(Duration::from_secs(1))
        }
        StoreError::Conflict(_) => Answer::new(
            Code::Unavailable,
            "CONFLICT",
            "other writes got in the way four times",
        )
        .retry_after(Duration::from_millis(100)),
        StoreError::PartitionMissing(_) => {
            tracing::warn!(%error, "the maintenance of the database is behind");
            Answer::new(
                Code::Unavailable,
                "PARTITION_MISSING",
                "the database has no room for this time yet, but will have",
            )
            .retry_after(Duration::from_secs(1))
        }
        StoreError::Duplicate { .. }
        | StoreError::Orphan
        | StoreError::Overtaken
        | StoreError::Corrupt(_)
        | StoreError::Other(_) => {
            tracing::error!(%error, "database");
            internal()
        }
    }
}

fn invalid(violations: Vec<Violation>) -> Answer {
    let fields: Vec<_> = violations
        .iter()
        .map(|violation| format!("{}: {}", violation.field, violation.description))
        .collect();
    let mut answer = Answer::new(Code::InvalidArgument, "FIELD_INVALID", fields.join("; "));
    answer.violations = violations;
    answer
}

fn token_invalid() -> Answer {
    Answer::new(
        Code::Unauthenticated,
        "TOKEN_INVALID",
        "the token is not known or no longer works",
    )
}

fn role_not_allowed() -> Answer {
    Answer::new(
        Code::PermissionDenied,
        "ROLE_NOT_ALLOWED",
        "the token is good, but not for this method",
    )
}

fn deadline_exceeded() -> Answer {
    Answer::new(
        Code::DeadlineExceeded,
        "DEADLINE_EXCEEDED",
        "the time for the request was over before it was done",
    )
}

fn draining() -> Answer {
    Answer::new(
        Code::Unavailable,
        "DRAINING",
        "this server is going away: ask again, another one will answer",
    )
    .retry_after(Duration::from_millis(100))
}

fn internal() -> Answer {
    Answer::new(
        Code::Internal,
        "INTERNAL",
        "something is wrong in the server; its log has the trace",
    )
}

/// What the gRPC library answered by itself, before any of our code saw the request.
pub(super) fn of_library(status: &Status) -> Refusal {
    let message = status.message();
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => Refusal::MessageTooLarge,
        Code::Unimplemented if message.contains("ompress") || message.contains("encoding") => {
            Refusal::CompressionUnsupported
        }
        Code::Unimplemented => Refusal::MethodUnknown,
        Code::DeadlineExceeded => Refusal::DeadlineExceeded,
        Code::Cancelled | Code::Unknown | Code::Unavailable => Refusal::Aborted,
        // It calls bytes that are no message an internal error.
        _ if message.contains("size limit") => Refusal::MessageTooLarge,
        _ => Refusal::MessageMalformed,
    }
}

/// The name of a code, as the gRPC specification writes it.
pub(super) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The codes this server answers with.
pub(super) const CODES: [Code; 12] = [
    Code::Ok,
    Code::Cancelled,
    Code::InvalidArgument,
    Code::DeadlineExceeded,
    Code::NotFound,
    Code::AlreadyExists,
    Code::PermissionDenied,
    Code::ResourceExhausted,
    Code::FailedPrecondition,
    Code::Internal,
    Code::Unavailable,
    Code::Unauthenticated,
];
