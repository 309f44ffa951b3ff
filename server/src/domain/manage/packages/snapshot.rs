//! The state of a package as the audit log keeps it.

use serde_json::{Value, json};

use crate::packages::{Package, PackageDuration, Quota};

/// The package.
pub(super) fn of(package: &Package) -> Value {
    let config = &package.config;
    json!({
        "etag": package.record.revision.etag(),
        "series_id": config.series.0,
        "name": config.name,
        "description": config.description,
        "quota": quota(config.quota),
        "duration": duration(config.duration),
        "speed_limit_bps": config.speed_limit_bps,
        "retired_at": package.record.retired_at,
    })
}

/// A quota.
pub(in crate::domain::manage) fn quota(quota: Quota) -> Value {
    json!({
        "kind": quota.kind().as_str(),
        "bytes": quota.bytes(),
        "monthly_reset": quota.monthly_reset(),
    })
}

/// A duration.
pub(in crate::domain::manage) fn duration(duration: PackageDuration) -> Value {
    match duration {
        PackageDuration::Seconds(seconds) => json!({ "seconds": seconds }),
        PackageDuration::Months(months) => json!({ "months": months }),
    }
}
