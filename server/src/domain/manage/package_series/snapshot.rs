//! The state of a package series as the audit log keeps it.

use serde_json::{Value, json};

use crate::packages::PackageSeries;

/// The series.
pub(super) fn of(series: &PackageSeries) -> Value {
    let values = series.config.values();
    json!({
        "etag": series.record.revision.etag(),
        "name": values.name,
        "description": values.description,
        "display_order": values.display_order,
        "node_client_ids": values.node_client_ids,
        "retired_at": series.record.retired_at,
    })
}
