//! Checks requests on queues as far as the message alone can tell.

use telecom_proto::v1::{
    CancelRequest, CountQueuedPackagesRequest, EnqueueRequest, ListQueuedPackagesRequest,
};

use super::convert;
use crate::domain::{AdminCancel, AdminCountQueuedPackages, AdminEnqueue, AdminListQueuedPackages};
use crate::packages::{OrderLine, PackageId, QueuedPackageId, QueuedPackageStatus, SeriesId};
use crate::rpc::requests::{etag, limit, number_filter, user_id};
use crate::rpc::status::Refusal;
use crate::users::UserId;
use crate::violation::{Violations, check_reason};

/// Longest identity of an order.
const MAX_ORDER: usize = 64;
/// Largest line of an order.
const MAX_LINE: u32 = 9999;
/// Farthest priority.
const MAX_PRIORITY: u32 = 1000;

pub(super) fn id(number: i64) -> Result<QueuedPackageId, Refusal> {
    if number > 0 {
        Ok(QueuedPackageId(number))
    } else {
        let description = "must be the number of a queued package, 1 or more";
        Err(Refusal::field("id", description))
    }
}

pub(super) fn count(
    request: CountQueuedPackagesRequest,
) -> Result<AdminCountQueuedPackages, Refusal> {
    let series = number_filter("a package series", "series_id", request.series_id)?;
    Ok(AdminCountQueuedPackages {
        series: series.map(SeriesId),
        status: status(request.status)?,
    })
}

pub(super) fn list(request: ListQueuedPackagesRequest) -> Result<AdminListQueuedPackages, Refusal> {
    let user = match request.user_id.as_str() {
        "" => None,
        id => Some(user_id("user_id", id)?),
    };
    if !request.order_id.is_empty() && !is_order(&request.order_id) {
        return Err(Refusal::field("order_id", ORDER));
    }
    let package = number_filter("a package", "package_id", request.package_id)?;
    Ok(AdminListQueuedPackages {
        user,
        order: (!request.order_id.is_empty()).then_some(request.order_id),
        package: package.map(PackageId),
        status: status(request.status)?,
        limit: limit(request.limit)?,
        offset: request.offset,
    })
}

/// All fields at fault are named at once.
pub(super) fn enqueue(request: EnqueueRequest) -> Result<AdminEnqueue, Refusal> {
    let user: Option<UserId> = request.user_id.parse().ok();
    let mut violations = Violations::default();
    violations.require(user.is_some(), "user_id", "must be a UUID");
    violations.require(
        request.package_id > 0,
        "package_id",
        "must be the number of a package, 1 or more",
    );
    violations.require(is_order(&request.order_id), "order_id", ORDER);
    violations.require(request.line <= MAX_LINE, "line", "must be at most 9999");
    violations.require(
        request.priority.unsigned_abs() <= MAX_PRIORITY,
        "priority",
        "must be -1000 to 1000",
    );
    let input = user.map(|user| AdminEnqueue {
        user,
        package: PackageId(request.package_id),
        order: OrderLine {
            order: request.order_id,
            line: request.line,
        },
        priority: request.priority,
    });
    violations.into_checked(input).map_err(Refusal::Invalid)
}

pub(super) fn cancel(request: CancelRequest) -> Result<AdminCancel, Refusal> {
    let id = id(request.id)?;
    check_reason("reason", &request.reason).map_err(Refusal::Invalid)?;
    Ok(AdminCancel {
        id,
        reason: request.reason,
        etag: etag(request.etag),
    })
}

const ORDER: &str = "must be 1 to 64 visible ASCII characters";

fn is_order(order: &str) -> bool {
    (1..=MAX_ORDER).contains(&order.len()) && order.bytes().all(|b| b.is_ascii_graphic())
}

fn status(number: i32) -> Result<Option<QueuedPackageStatus>, Refusal> {
    convert::status_filter(number)
        .map_err(|_| Refusal::field("status", "must be a known status, or unspecified for all"))
}
