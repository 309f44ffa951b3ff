//! The vocabulary of subscribers to its messages.

use telecom_proto::v1 as proto;
use telecom_proto::v1::export_user_response::Record;

use crate::domain::ExportRecord;
use crate::rpc::audit;
use crate::rpc::convert::timestamp;
use crate::rpc::package_queue_manage::convert::queued_package;
use crate::usage::{PackageUsage, UsageAdjustment, UsageSum};
use crate::users::{User, UserStatus};

pub(super) fn user(user: User) -> proto::User {
    proto::User {
        id: user.id.to_string(),
        etag: user.revision.etag(),
        status: status(user.status).into(),
        status_reason: user.status_reason,
        time_zone: user.profile.time_zone.name().to_owned(),
        metadata: user.profile.metadata,
        created_at: Some(timestamp(user.created_at)),
        updated_at: Some(timestamp(user.updated_at)),
    }
}

fn status(status: UserStatus) -> proto::UserStatus {
    match status {
        UserStatus::Active => proto::UserStatus::Active,
        UserStatus::Suspended => proto::UserStatus::Suspended,
        UserStatus::Erased => proto::UserStatus::Erased,
    }
}

pub(super) fn record(record: ExportRecord) -> proto::ExportUserResponse {
    let record = match record {
        ExportRecord::User(person) => Record::User(user(*person)),
        ExportRecord::QueuedPackage(package) => Record::QueuedPackage(queued_package(*package)),
        ExportRecord::DailyUsage(sum) => Record::DailyUsage(usage_sum(&sum)),
        ExportRecord::HourlyUsage(sum) => Record::HourlyUsage(usage_sum(&sum)),
        ExportRecord::PackageUsage(usage) => Record::PackageUsage(package_usage(&usage)),
        ExportRecord::UsageAdjustment(made) => Record::UsageAdjustment(adjustment(made)),
        ExportRecord::AuditEntry(entry) => Record::AuditEntry(audit::entry(entry)),
    };
    proto::ExportUserResponse {
        record: Some(record),
    }
}

fn usage_sum(sum: &UsageSum) -> proto::UsageSum {
    proto::UsageSum {
        bucket_start: Some(timestamp(sum.start)),
        node_client_id: sum.node_client.0,
        node_server_id: sum.node_server.0,
        raw_upload_bytes: sum.raw.upload,
        raw_download_bytes: sum.raw.download,
        billed_upload_bytes: sum.billed.upload,
        billed_download_bytes: sum.billed.download,
    }
}

fn package_usage(usage: &PackageUsage) -> proto::PackageUsage {
    proto::PackageUsage {
        bucket_start: Some(timestamp(usage.start)),
        node_server_id: usage.node_server.0,
        queued_package_id: usage.package.map_or(0, |package| package.0),
        charged_bytes: usage.charged,
        overage_bytes: usage.overage,
        uncounted_bytes: usage.uncounted,
        unassigned_bytes: usage.unassigned,
        external_bytes: usage.external,
    }
}

pub(super) fn adjustment(made: UsageAdjustment) -> proto::UsageAdjustment {
    proto::UsageAdjustment {
        id: made.id,
        queued_package_id: made.package.0,
        bytes: made.bytes,
        reason: made.reason,
        actor: made.actor,
        at: Some(timestamp(made.at)),
        charged_bytes: made.charged,
        overage_bytes: made.bytes - made.charged,
    }
}
