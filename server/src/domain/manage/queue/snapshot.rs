//! The state of a queued package as the audit log keeps it. The reason of a cancellation is not in it:
//! it may say something personal, and the log is for good.

use serde_json::{Value, json};

use crate::domain::manage::packages::snapshot::{duration, quota};
use crate::packages::QueuedPackage;

/// The queued package.
pub(super) fn of(package: &QueuedPackage) -> Value {
    json!({
        "etag": package.revision.etag(),
        "user_id": package.user.0,
        "package_id": package.package.0,
        "order_id": package.order.order,
        "line": package.order.line,
        "quota": quota(package.terms.quota),
        "duration": duration(package.terms.duration),
        "speed_limit_bps": package.terms.speed_limit_bps,
        "priority": package.priority,
        "status": package.status().as_str(),
        "active_from": package.span().map(|span| span.active_from),
        "expires_at": package.span().map(|span| span.expires_at),
        "ended_at": package.ended_at(),
    })
}
