//! What stands in the way of a use case, as its callers see it.

use super::Answer;
use crate::domain::Obstacle;
use crate::jobs::{JobKey, rfc3339};

pub(super) fn reason(obstacle: &Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Missing(thing) => thing.kind.not_found(),
        Obstacle::NodeServerInUse { .. } => "NODE_SERVER_IN_USE",
        Obstacle::NodeClientInUse { .. } => "NODE_CLIENT_IN_USE",
        Obstacle::WholesaleDeckInUse { .. } => "WHOLESALE_DECK_IN_USE",
        Obstacle::SeriesRetired(_) => "PACKAGE_SERIES_RETIRED",
        Obstacle::PackageRetired(_) => "PACKAGE_RETIRED",
        Obstacle::UserErased(_) => "USER_ERASED",
        Obstacle::QueueFull { .. } => "QUEUE_FULL",
        Obstacle::QueuedPackageEnded(_) => "QUEUED_PACKAGE_ENDED",
        Obstacle::NoActivePackage(_) => "NO_ACTIVE_PACKAGE",
        Obstacle::QueuedPackageWaits(_) => "QUEUED_PACKAGE_WAITS",
        Obstacle::JobActive(_) => "JOB_ACTIVE",
        Obstacle::ClockAhead { .. } => "CLOCK_AHEAD",
        Obstacle::SlotSuperseded { .. } => "SLOT_SUPERSEDED",
        Obstacle::DatabaseInUse { .. } => "DATABASE_IN_USE",
        Obstacle::DayOpen { .. } => "DAY_OPEN",
        Obstacle::LessCharged { .. } | Obstacle::TooMuchCharged(_) => "ADJUSTMENT_TOO_LARGE",
    }
}

/// What programs need to know of an obstacle.
pub(super) fn facts(obstacle: Obstacle, answer: Answer) -> Answer {
    match obstacle {
        Obstacle::JobActive(run) => {
            let answer = answer.with("started_at", rfc3339(run.started_at));
            match run.key {
                JobKey::Slot(slot) => answer.with("scheduled_at", rfc3339(slot)),
                JobKey::Request(id) => answer.with("request_id", id),
            }
        }
        Obstacle::ClockAhead { now } => answer.with("now", rfc3339(now)),
        Obstacle::SlotSuperseded { latest } => answer.with("scheduled_at", rfc3339(latest)),
        Obstacle::DatabaseInUse { owner } => answer.with("cluster_uid", owner),
        Obstacle::DayOpen { day } => answer.with("day", day.to_string()),
        Obstacle::Missing(_)
        | Obstacle::NodeServerInUse { .. }
        | Obstacle::NodeClientInUse { .. }
        | Obstacle::WholesaleDeckInUse { .. }
        | Obstacle::SeriesRetired(_)
        | Obstacle::PackageRetired(_)
        | Obstacle::UserErased(_)
        | Obstacle::QueueFull { .. }
        | Obstacle::QueuedPackageEnded(_)
        | Obstacle::NoActivePackage(_)
        | Obstacle::QueuedPackageWaits(_)
        | Obstacle::LessCharged { .. }
        | Obstacle::TooMuchCharged(_) => answer,
    }
}
