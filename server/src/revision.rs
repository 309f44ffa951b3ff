//! How often a thing was written, which is how callers notice that somebody else was faster.

/// Counts the writes to one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision(pub i64);

impl Revision {
    /// The form that callers see and hand back.
    pub fn etag(self) -> String {
        format!("r{}", self.0)
    }
}
