//! A field that a caller has to correct, and the checks that several messages share.

use std::collections::BTreeMap;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request message: `config.name`.
    pub field: String,
    /// What is wrong and what would be right.
    pub description: String,
}

impl Violation {
    /// A violation of the field at `field`.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            description: description.into(),
        }
    }
}

/// Notes violations while a message is checked.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<Violation>);

impl Violations {
    /// Notes a violation unless `good`.
    pub(crate) fn require(&mut self, good: bool, field: &str, description: &str) {
        if !good {
            self.0.push(Violation::new(field, description));
        }
    }

    /// A name that people know a thing by.
    pub(crate) fn name(&mut self, field: &str, name: &str) {
        self.require(
            !name.is_empty() && name.trim() == name && is_text(name, 100),
            field,
            "must be 1 to 100 characters without control characters and without spaces at its ends",
        );
    }

    /// Text for people, which may be empty.
    pub(crate) fn text(&mut self, field: &str, text: &str, max_chars: usize) {
        if !is_text(text, max_chars) {
            let description =
                format!("must be up to {max_chars} characters without control characters");
            self.require(false, field, &description);
        }
    }

    /// A country; not empty.
    pub(crate) fn country(&mut self, field: &str, country: &str) {
        self.require(
            country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()),
            field,
            "must be an ISO 3166-1 alpha-2 code: two capital letters, such as DE",
        );
    }

    /// A word for programs, such as a class of route; may be empty.
    pub(crate) fn slug(&mut self, field: &str, word: &str) {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        self.require(
            word.len() <= 32 && word.bytes().all(allowed),
            field,
            "must be up to 32 lower-case letters, digits and dashes",
        );
    }

    /// The provider's own pairs.
    pub(crate) fn metadata(&mut self, field: &str, metadata: &BTreeMap<String, String>) {
        self.require(metadata.len() <= 32, field, "must have at most 32 entries");
        for (key, value) in metadata.iter().take(33) {
            let shown: String = key.chars().filter(|c| !c.is_control()).take(63).collect();
            let field = format!("{field}[\"{shown}\"]");
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-/".contains(&b);
            self.require(
                (1..=63).contains(&key.len()) && key.bytes().all(allowed),
                &field,
                "must have a key of 1 to 63 letters, digits, `.`, `_`, `-` and `/`",
            );
            self.require(
                is_text(value, 256),
                &field,
                "must have a value of up to 256 characters without control characters",
            );
        }
    }

    /// The value that came of the checks, if nothing was noted. What is missing must have been.
    pub(crate) fn into_checked<T>(self, value: Option<T>) -> Result<T, Vec<Violation>> {
        value.filter(|_| self.0.is_empty()).ok_or(self.0)
    }

    /// The checked value, if nothing was noted.
    pub(crate) fn into_result<T>(self, value: T) -> Result<T, Vec<Violation>> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self.0)
        }
    }
}

/// Text for people: nothing that breaks a terminal, a table or PostgreSQL (which takes no NUL).
fn is_text(text: &str, max_chars: usize) -> bool {
    text.chars().count() <= max_chars && !text.chars().any(char::is_control)
}

/// An administrator's reason, at `field`.
pub fn check_reason(field: &str, reason: &str) -> Result<(), Vec<Violation>> {
    let mut violations = Violations::default();
    violations.text(field, reason, 200);
    violations.into_result(())
}
