//! The vocabulary of queues to and from its messages.

use prost::UnknownEnumValue;
use telecom_proto::v1 as proto;

use crate::domain::QueuedPackageCount;
use crate::packages::{QueuedPackage, QueuedPackageStatus};
use crate::rpc::convert::timestamp;
use crate::rpc::package_manage::convert::{duration, quota};

fn status(status: QueuedPackageStatus) -> proto::QueuedPackageStatus {
    match status {
        QueuedPackageStatus::Queued => proto::QueuedPackageStatus::Queued,
        QueuedPackageStatus::Active => proto::QueuedPackageStatus::Active,
        QueuedPackageStatus::Exhausted => proto::QueuedPackageStatus::Exhausted,
        QueuedPackageStatus::Expired => proto::QueuedPackageStatus::Expired,
        QueuedPackageStatus::Cancelled => proto::QueuedPackageStatus::Cancelled,
    }
}

/// `Ok(None)` for any status; an error for a number that names none.
pub(super) fn status_filter(number: i32) -> Result<Option<QueuedPackageStatus>, UnknownEnumValue> {
    Ok(match proto::QueuedPackageStatus::try_from(number)? {
        proto::QueuedPackageStatus::Unspecified => None,
        proto::QueuedPackageStatus::Queued => Some(QueuedPackageStatus::Queued),
        proto::QueuedPackageStatus::Active => Some(QueuedPackageStatus::Active),
        proto::QueuedPackageStatus::Exhausted => Some(QueuedPackageStatus::Exhausted),
        proto::QueuedPackageStatus::Expired => Some(QueuedPackageStatus::Expired),
        proto::QueuedPackageStatus::Cancelled => Some(QueuedPackageStatus::Cancelled),
    })
}

pub(super) fn count(count: QueuedPackageCount) -> proto::QueuedPackageCount {
    proto::QueuedPackageCount {
        series_id: count.series.0,
        status: status(count.status).into(),
        count: count.count,
    }
}

/// A queued package, wherever it is shown.
pub(in crate::rpc) fn queued_package(package: QueuedPackage) -> proto::QueuedPackage {
    let span = package.span();
    proto::QueuedPackage {
        id: package.id.0,
        etag: package.revision.etag(),
        user_id: package.user.to_string(),
        package_id: package.package.0,
        series_id: package.series.0,
        line: package.order.line,
        quota: Some(quota(package.terms.quota)),
        duration: Some(duration(package.terms.duration)),
        speed_limit_bps: package.terms.speed_limit_bps,
        priority: package.priority,
        status: status(package.status()).into(),
        enqueued_at: Some(timestamp(package.enqueued_at)),
        active_from: span.map(|span| timestamp(span.active_from)),
        expires_at: span.map(|span| timestamp(span.expires_at)),
        ended_at: package.ended_at().map(timestamp),
        end_reason: package.end_reason().to_owned(),
        charged_bytes: package.charges.charged,
        overage_bytes: package.charges.overage,
        period_charged_bytes: package.charges.period_charged,
        next_reset_at: package.next_reset_at().map(timestamp),
        order_id: package.order.order,
    }
}
