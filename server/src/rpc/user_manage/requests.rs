//! Checks requests about subscribers as far as the message alone can tell.

use telecom_proto::v1 as proto;
use telecom_proto::v1::{
    CreateUserRequest, EraseUserRequest, ListUsersRequest, ResumeUserRequest, SuspendUserRequest,
};

use crate::domain::{
    AdminCreateUser, AdminEraseUser, AdminListUsers, AdminResumeUser, AdminSuspendUser,
};
use crate::rpc::requests::{etag, idempotency, limit, user_id};
use crate::rpc::status::Refusal;
use crate::users::{UserDraft, UserId, UserStatus};
use crate::violation::check_reason;

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

pub(super) fn erase(request: EraseUserRequest) -> Result<AdminEraseUser, Refusal> {
    let id = id(&request.id)?;
    check_reason("reason", &request.reason).map_err(Refusal::Invalid)?;
    Ok(AdminEraseUser {
        id,
        reason: request.reason,
        etag: etag(request.etag),
    })
}
