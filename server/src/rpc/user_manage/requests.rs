//! Checks requests about subscribers as far as the message alone can tell.

use telecom_proto::v1 as proto;
use telecom_proto::v1::{
    AdjustUsageRequest, CreateUserRequest, EraseUserRequest, ExportUsageRequest, ListUsersRequest,
    ResumeUserRequest, SuspendUserRequest,
};

use crate::domain::{
    AdminAdjustUsage, AdminCreateUser, AdminEraseUser, AdminExportUsage, AdminListUsers,
    AdminResumeUser, AdminSuspendUser,
};
use crate::exports::UsageCursor;
use crate::packages::QueuedPackageId;
use crate::rpc::requests::{cursor, days, etag, format, idempotency, limit, user_id};
use crate::rpc::status::Refusal;
use crate::usage::MAX_ROW_BYTES;
use crate::users::{SubscriberNumber, UserDraft, UserId, UserStatus};
use crate::violation::{Violations, check_reason};

pub(super) fn id(id: &str) -> Result<UserId, Refusal> {
    user_id("id", id)
}

/// `made` is the id of a subscriber for whom the caller has chosen none.
pub(super) fn create(request: CreateUserRequest, made: UserId) -> Result<AdminCreateUser, Refusal> {
    let idempotency = idempotency(&request.idempotency_key, &request)?;
    let id = match request.id.as_str() {
        "" => made,
        given => id(given)?,
    };
    let draft = UserDraft {
        time_zone: request.time_zone,
        metadata: request.metadata,
    };
    Ok(AdminCreateUser {
        id,
        profile: draft.check().map_err(Refusal::Invalid)?,
        idempotency,
    })
}

pub(super) fn list(request: &ListUsersRequest) -> Result<AdminListUsers, Refusal> {
    Ok(AdminListUsers {
        status: status_filter(request.status)?,
        limit: limit(request.limit)?,
        offset: request.offset,
    })
}

fn status_filter(number: i32) -> Result<Option<UserStatus>, Refusal> {
    match proto::UserStatus::try_from(number) {
        Ok(proto::UserStatus::Unspecified) => Ok(None),
        Ok(proto::UserStatus::Active) => Ok(Some(UserStatus::Active)),
        Ok(proto::UserStatus::Suspended) => Ok(Some(UserStatus::Suspended)),
        Ok(proto::UserStatus::Erased) => Ok(Some(UserStatus::Erased)),
        Err(_) => {
            let description = "must be a known status, or unspecified for all";
            Err(Refusal::field("status", description))
        }
    }
}

pub(super) fn suspend(request: SuspendUserRequest) -> Result<AdminSuspendUser, Refusal> {
    let id = id(&request.id)?;
    check_reason("reason", &request.reason).map_err(Refusal::Invalid)?;
    Ok(AdminSuspendUser {
        id,
        reason: request.reason,
        etag: etag(request.etag),
    })
}

pub(super) fn resume(request: ResumeUserRequest) -> Result<AdminResumeUser, Refusal> {
    Ok(AdminResumeUser {
        id: id(&request.id)?,
        etag: etag(request.etag),
    })
}

/// All fields at fault are named at once.
pub(super) fn adjust(request: AdjustUsageRequest) -> Result<AdminAdjustUsage, Refusal> {
    let idempotency = idempotency(&request.idempotency_key, &request)?;
    let user: Option<UserId> = request.user_id.parse().ok();
    let mut violations = Violations::default();
    violations.require(user.is_some(), "user_id", "must be a UUID");
    violations.require(
        (1..=MAX_ROW_BYTES).contains(&request.bytes.unsigned_abs()),
        "bytes",
        "must be -2^50 to 2^50, and not 0",
    );
    violations.require(!request.reason.is_empty(), "reason", "must be given");
    violations.text("reason", &request.reason, 200);
    violations.require(
        request.queued_package_id >= 0,
        "queued_package_id",
        "must be the number of a queued package, or 0 for the active one",
    );
    let input = user.map(|user| AdminAdjustUsage {
        user,
        bytes: request.bytes,
        reason: request.reason,
        package: (request.queued_package_id > 0)
            .then_some(QueuedPackageId(request.queued_package_id)),
        idempotency,
    });
    violations.into_checked(input).map_err(Refusal::Invalid)
}

pub(super) fn erase(request: EraseUserRequest) -> Result<AdminEraseUser, Refusal> {
    let id = id(&request.id)?;
    check_reason("reason", &request.reason).map_err(Refusal::Invalid)?;
    Ok(AdminEraseUser {
        id,
        reason: request.reason,
        etag: etag(request.etag),
        numbers: numbers(&request.numbers)?,
    })
}

/// Most numbers of a subscriber.
const MAX_NUMBERS: usize = 20;

fn numbers(given: &[String]) -> Result<Vec<SubscriberNumber>, Refusal> {
    if given.len() > MAX_NUMBERS {
        return Err(Refusal::field("numbers", "must be at most 20"));
    }
    let numbers = given.iter().enumerate().map(|(nth, text)| {
        let description = "must have 3 to 64 characters, besides a leading + at least 3";
        let field = format!("numbers[{nth}]");
        SubscriberNumber::new(text).ok_or_else(|| Refusal::field(&field, description))
    });
    numbers.collect()
}

pub(super) fn export_usage(request: &ExportUsageRequest) -> Result<AdminExportUsage, Refusal> {
    let days = days(&request.first_day, &request.last_day)?;
    Ok(AdminExportUsage {
        days,
        format: format(request.format)?,
        after: cursor(&request.after_cursor, |text| {
            UsageCursor::understood(text, days)
        })?,
    })
}
