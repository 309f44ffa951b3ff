//! The vocabulary of subscribers to its messages.

use telecom_proto::v1 as proto;
use telecom_proto::v1::export_user_response::Record;

use crate::domain::ExportRecord;
use crate::rpc::audit;
use crate::rpc::convert::timestamp;
use crate::rpc::package_queue_manage::convert::queued_package;
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
        ExportRecord::AuditEntry(entry) => Record::AuditEntry(audit::entry(entry)),
    };
    proto::ExportUserResponse {
        record: Some(record),
    }
}
