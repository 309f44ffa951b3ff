//! What was charged is corrected: once, with its reason, and in all accounts.

use telecom_proto::v1::export_user_response::Record;
use telecom_proto::v1::{
    AdjustUsageRequest, AdjustUsageResponse, EraseUserRequest, ExportUserRequest,
    QueuedPackageStatus as Status,
};
use tonic::Code;

use super::billing::World;
use super::process::{Server, fields, reason};

/// So many bytes, of the active package.
pub fn correction(user: &str, bytes: i64) -> AdjustUsageRequest {
    AdjustUsageRequest {
        user_id: user.to_owned(),
        bytes,
        reason: "complaint 4711".to_owned(),
        ..Default::default()
    }
}

impl Server {
    pub async fn adjust(
        &self,
        request: AdjustUsageRequest,
    ) -> Result<AdjustUsageResponse, tonic::Status> {
        let answer = self.subscribers().await.adjust_usage(request).await?;
        Ok(answer.into_inner())
    }
}

impl World {
    fn access(&self, user: &str) -> String {
        self.sql(&format!(
            "SELECT access FROM user_access WHERE user_id = '{user}'"
        ))
    }
}

#[tokio::test]
async fn a_correction_is_made_once_and_kept_with_its_reason() {
    let world = World::new().await;
    let user = world.subscriber_with(100).await;
    let second = world.bought(&user, 1000).await;
    super::queue::age(|sql| world.sql(sql), &user, "1 hour");
    world.used(&user, 1, 1, "now() - interval '1 minute'", (20, 60), 1.0);
    world.bill().await;
    world.settled().await;

    let back = AdjustUsageRequest {
        idempotency_key: "once".to_owned(),
        ..correction(&user, -30)
    };
    let made = world.server.adjust(back.clone()).await.unwrap();
    let package = made.queued_package.unwrap();
    assert_eq!(
        (package.charged_bytes, package.period_charged_bytes),
        (50, 50)
    );
    let adjustment = made.adjustment.unwrap();
    assert_eq!(adjustment.queued_package_id, package.id);
    assert_eq!(
        (adjustment.charged_bytes, adjustment.overage_bytes),
        (-30, 0)
    );
    assert_eq!(adjustment.reason, "complaint 4711");
    assert_eq!(world.server.check_ledger().await["adjusted"], -30);

    // More than is left: the next one takes its place, without the rest.
    let made = world.server.adjust(correction(&user, 70)).await.unwrap();
    let first = made.queued_package.unwrap();
    assert_eq!(first.status(), Status::Exhausted);
    assert_eq!((first.charged_bytes, first.overage_bytes), (100, 20));
    let adjustment = made.adjustment.unwrap();
    assert_eq!(
        (adjustment.charged_bytes, adjustment.overage_bytes),
        (50, 20)
    );
    let next = world.server.queued(second.id).await;
    assert_eq!((next.status(), next.charged_bytes), (Status::Active, 0));
    assert_eq!(next.active_from, first.ended_at);
    assert_eq!(first.ended_at, adjustment.at);
    let told = world.sql(
        "SELECT payload->>'reason', payload->>'next_id' FROM outbox_event \
         WHERE route = 'telecom.package_expiring'",
    );
    assert_eq!(told, format!("exhausted|{}", second.id));

    // Sent again, it is answered with what it made, and the package as it is now.
    let again = world.server.adjust(back.clone()).await.unwrap();
    assert_eq!(again.adjustment.unwrap().bytes, -30);
    assert_eq!(again.queued_package.unwrap(), first);
    let other = AdjustUsageRequest { bytes: -31, ..back };
    let other = world.server.adjust(other).await.unwrap_err();
    assert_eq!(reason(&other), "IDEMPOTENCY_KEY_REUSED");

    // One that has ended is corrected by its number, and does not come back.
    let ended = AdjustUsageRequest {
        queued_package_id: first.id,
        ..correction(&user, -120)
    };
    let made = world.server.adjust(ended).await.unwrap();
    let package = made.queued_package.unwrap();
    assert_eq!(package.status(), Status::Exhausted);
    assert_eq!((package.charged_bytes, package.overage_bytes), (0, 0));
    assert_eq!(world.packages(&user), "0 0 exhausted, 0 0 active");
    assert_eq!(world.server.check_ledger().await["adjusted"], -80);
    written_down(&world, &user).await;
}

/// In the audit log without the reason, in the export with it.
async fn written_down(world: &World, user: &str) {
    let log = world.sql(
        "SELECT target, before->>'charged', after->>'charged', after->>'bytes' FROM audit_log \
         WHERE method = 'AdjustUsage' ORDER BY id",
    );
    let rows =
        ["1|80|50|-30", "2|50|100|70", "3|100|0|-120"].map(|row| format!("usage_adjustment/{row}"));
    assert_eq!(log.lines().collect::<Vec<_>>(), rows);
    let personal = "SELECT count(*) FROM audit_log WHERE (before, after)::text LIKE '%4711%'";
    assert_eq!(world.sql(personal), "0");

    let id = user.to_owned();
    let request = EraseUserRequest {
        id: id.clone(),
        ..Default::default()
    };
    let mut users = world.server.subscribers().await;
    users.erase_user(request).await.unwrap();
    let mut export = users
        .export_user(ExportUserRequest { id })
        .await
        .unwrap()
        .into_inner();
    let (mut adjustments, mut entries) = (Vec::new(), 0);
    while let Some(record) = export.message().await.unwrap() {
        match record.record.unwrap() {
            Record::UsageAdjustment(made) => adjustments.push(made),
            Record::AuditEntry(entry) => entries += u32::from(entry.method == "AdjustUsage"),
            _ => {}
        }
    }
    let kept: Vec<_> = adjustments
        .iter()
        .map(|made| {
            (
                made.bytes,
                made.charged_bytes,
                made.overage_bytes,
                made.reason.as_str(),
            )
        })
        .collect();
    let why = "complaint 4711";
    assert_eq!(
        kept,
        [
            (-30, -30, 0, why),
            (70, 50, 20, why),
            (-120, -100, -20, why)
        ]
    );
    assert!(
        adjustments
            .iter()
            .all(|made| made.actor.starts_with("admin/"))
    );
    assert_eq!(entries, 3);
    // The books are still corrected, of a package that is named.
    let named = AdjustUsageRequest {
        queued_package_id: adjustments[0].queued_package_id,
        ..correction(user, 5)
    };
    world.server.adjust(named).await.unwrap();
    assert_eq!(world.access(user), "erased");
    world.server.check_ledger().await;
}

#[tokio::test]
async fn access_follows_a_correction() {
    let world = World::new().await;
    let user = world.subscriber_with(100).await;
    super::queue::age(|sql| world.sql(sql), &user, "1 hour");
    // A quota that is whole again before the package is over.
    world.sql(
        "UPDATE queued_package SET monthly_reset = true, duration_months = 3, \
         expires_at = expires_at + interval '2 months', \
         next_reset_at = active_from + interval '1 month'",
    );
    for (bytes, access) in [
        (99, "granted"),
        (1, "quota_used_up"),
        (10, "quota_used_up"),
        (-10, "quota_used_up"),
        (-1, "granted"),
    ] {
        world.server.adjust(correction(&user, bytes)).await.unwrap();
        assert_eq!(world.access(&user), access, "{bytes}");
        world.server.check_ledger().await;
    }
    let warned = "SELECT string_agg(payload->>'percent', ' ' ORDER BY id) FROM outbox_event \
         WHERE route = 'telecom.package_warning' AND payload->>'reason' = 'quota'";
    assert_eq!(world.sql(warned), "95 100");
}

#[tokio::test]
async fn what_cannot_be_corrected_is_said_why() {
    let world = World::new().await;
    let poor = world.server.subscriber("UTC").await;
    let user = world.subscriber_with(100).await;
    let waits = world.bought(&user, 100).await.id;
    let nobody = "0190f3a1-7c11-7cc3-98c4-dc0c0c07398f";
    let of = |user: &str, bytes, queued_package_id| AdjustUsageRequest {
        queued_package_id,
        ..correction(user, bytes)
    };
    for (request, code, why) in [
        (of(nobody, 1, 0), Code::NotFound, "USER_NOT_FOUND"),
        (of(&user, 1, 99), Code::NotFound, "QUEUED_PACKAGE_NOT_FOUND"),
        (
            of(&poor, 1, waits),
            Code::NotFound,
            "QUEUED_PACKAGE_NOT_FOUND",
        ),
        (
            of(&poor, 1, 0),
            Code::FailedPrecondition,
            "NO_ACTIVE_PACKAGE",
        ),
        (
            of(&user, 1, waits),
            Code::FailedPrecondition,
            "QUEUED_PACKAGE_WAITS",
        ),
        (
            of(&user, -1, 0),
            Code::FailedPrecondition,
            "ADJUSTMENT_TOO_LARGE",
        ),
    ] {
        let refused = world.server.adjust(request.clone()).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (code, why),
            "{request:?}"
        );
    }
    let less = world.server.adjust(of(&user, -1, 0)).await.unwrap_err();
    assert!(
        less.message().starts_with("0 bytes are charged"),
        "{less:?}"
    );
    let long = AdjustUsageRequest {
        reason: "x".repeat(201),
        ..of("you", (1 << 50) + 1, -1)
    };
    let long = world.server.adjust(long).await.unwrap_err();
    assert_eq!(
        fields(&long),
        ["user_id", "bytes", "reason", "queued_package_id"]
    );
    for bytes in [0, i64::MIN, -(1 << 50) - 1] {
        let empty = AdjustUsageRequest {
            reason: String::new(),
            ..of(&user, bytes, 0)
        };
        let refused = world.server.adjust(empty).await.unwrap_err();
        assert_eq!(fields(&refused), ["bytes", "reason"], "{bytes}");
    }
    // As much as is allowed, until no more can be counted.
    world.sql("UPDATE queued_package SET quota_kind = 'unlimited', quota_bytes = NULL WHERE status = 'active'");
    world.server.adjust(of(&user, 1 << 50, 0)).await.unwrap();
    world.sql("UPDATE queued_package SET charged = 9223372036854775800 WHERE status = 'active'");
    let much = world.server.adjust(of(&user, 8, 0)).await.unwrap_err();
    assert_eq!(reason(&much), "ADJUSTMENT_TOO_LARGE");
    world.sql("UPDATE queued_package SET charged = 1::bigint << 50 WHERE status = 'active'");
    assert_eq!(world.sql("SELECT count(*) FROM usage_adjustment"), "1");
    world.server.check_ledger().await;
}
