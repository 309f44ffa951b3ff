//! A field that a caller has to correct, and the checks that several messages share.

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
pub(super) struct Violations(Vec<Violation>);

impl Violations {
    /// Notes a violation unless `good`.
    pub(super) fn require(&mut self, good: bool, field: &str, description: &str) {
        if !good {
            self.0.push(Violation::new(field, description));
        }
    }

    /// The checked value, if nothing was noted.
    pub(super) fn into_result<T>(self, value: T) -> Result<T, Vec<Violation>> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self.0)
        }
    }
}

/// Text for people: nothing that breaks a terminal, a table or PostgreSQL (which takes no NUL).
pub(super) fn is_text(text: &str, max_chars: usize) -> bool {
    text.chars().count() <= max_chars && !text.chars().any(char::is_control)
}

/// The reason for a maintenance, at `field`.
pub fn check_reason(field: &str, reason: &str) -> Result<(), Vec<Violation>> {
    let mut violations = Violations::default();
    violations.require(
        is_text(reason, 200),
        field,
        "must be up to 200 characters without control characters",
    );
    violations.into_result(())
}
