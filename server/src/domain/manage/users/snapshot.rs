//! The state of a subscriber as the audit log keeps it. Nobody can erase anything there, so nothing
//! personal goes in: of what could be, only that it changed.

use serde_json::{Value, json};

use crate::users::{User, UserStatus};

/// The subscriber.
pub(super) fn of(user: &User) -> Value {
    let mut snapshot = json!({
        "etag": user.revision.etag(),
        "status": user.status.as_str(),
    });
    // Callers are told that this one is kept.
    if user.status == UserStatus::Erased {
        snapshot["status_reason"] = user.status_reason.clone().into();
    }
    snapshot
}

/// The subscriber after a change, with the names of the personal fields that it changed.
pub(super) fn of_change(before: &User, after: &User) -> Value {
    let fields = [
        (
            "metadata",
            before.profile.metadata != after.profile.metadata,
        ),
        ("status_reason", before.status_reason != after.status_reason),
        (
            "time_zone",
            before.profile.time_zone != after.profile.time_zone,
        ),
    ];
    let changed = fields.into_iter().filter(|(_, differs)| *differs);
    let changed: Vec<_> = changed.map(|(name, _)| name).collect();
    let mut snapshot = of(after);
    snapshot["changed"] = changed.into();
    snapshot
}
