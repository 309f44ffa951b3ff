//! The vocabulary of the audit log: what administrators did, and which of it is asked for.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// One write by an administrator, as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Ascending, but not without gaps.
    pub id: i64,
    /// When, by the database's clock.
    pub at: DateTime<Utc>,
    /// Role and subject of who did it.
    pub actor: String,
    /// The method, without its service.
    pub method: String,
    /// What was written: kind and id.
    pub target: String,
    /// What it was before; absent when it was not there.
    pub before: Option<Value>,
    /// What it was after; absent when it was gone.
    pub after: Option<Value>,
    /// The trace of the request.
    pub trace_id: String,
}

/// Which entries; all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only of this actor.
    pub actor: Option<String>,
    /// Only of this method.
    pub method: Option<String>,
    /// Only on this target.
    pub target: Option<String>,
    /// Only at or after this moment.
    pub start: Option<DateTime<Utc>>,
    /// Only before this moment.
    pub end: Option<DateTime<Utc>>,
    /// Only with a smaller id.
    pub before_id: Option<i64>,
}
