//! Why a record cannot be stored.

use crate::calls::CallKey;

/// A record cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// What kind of fault.
    pub reason: Reason,
    /// The field at fault, by the name that PBXs use; may be empty.
    pub field: String,
    /// What is wrong, for people; never what was in the field.
    pub description: String,
}

/// What keeps a record out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is no JSON.
    NotJson,
    /// It is JSON, but no object.
    NotAnObject,
    /// A field that is needed is not there.
    FieldMissing,
    /// A field is not of its form.
    FieldInvalid,
    /// A text is too long.
    FieldTooLong,
    /// It ended before it began.
    EndBeforeStart,
    /// It was answered before it began.
    AnswerBeforeStart,
    /// It was answered after it had ended.
    AnswerAfterEnd,
    /// It rang before it began or after it had ended.
    RingOutside,
    /// It began too long ago.
    TooOld,
    /// It begins too far in the future.
    TooNew,
    /// Another record has its key.
    Conflict,
}

impl Reason {
    /// The name in SQL and for callers; it does not change.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::FieldMissing => "field_missing",
            Self::FieldInvalid => "field_invalid",
            Self::FieldTooLong => "field_too_long",
            Self::EndBeforeStart => "end_before_start",
            Self::AnswerBeforeStart => "answer_before_start",
            Self::AnswerAfterEnd => "answer_after_end",
            Self::RingOutside => "ring_outside",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::Conflict => "conflict",
        }
    }
}

impl Rejection {
    pub(super) fn new(reason: Reason, field: &str, description: impl Into<String>) -> Self {
        Self {
            reason,
            field: field.to_owned(),
            description: description.into(),
        }
    }

    /// Another record has the key.
    pub fn conflict() -> Self {
        Self::new(
            Reason::Conflict,
            "callId",
            "another record has this start time and this call id: the first one stays",
        )
    }
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored.
    Stored,
    /// The same one was stored before.
    Duplicate,
    /// It is kept aside: another one has its key.
    Conflict(Rejection),
    /// It is kept aside.
    Rejected(Rejection),
}

impl Outcome {
    /// All names, in metrics and for callers.
    pub const NAMES: [&'static str; 4] = ["stored", "duplicate", "conflict", "rejected"];

    /// The name in metrics and for callers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Conflict(_) => "conflict",
            Self::Rejected(_) => "rejected",
        }
    }

    /// Why it is kept aside.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Stored | Self::Duplicate => None,
            Self::Conflict(rejection) | Self::Rejected(rejection) => Some(rejection),
        }
    }
}

/// A record that is kept aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub rejection: Rejection,
    /// Its key, as far as it is known.
    pub key: Option<CallKey>,
}
