//! Subscribers, their queues, and what they see themselves.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use telecom_proto::v1::export_user_response::Record;
use telecom_proto::v1::package_queue_manage_client::PackageQueueManageClient;
use telecom_proto::v1::telecom_client::TelecomClient;
use telecom_proto::v1::user_manage_client::UserManageClient;
use telecom_proto::v1::{
    AdjustUsageRequest, CancelRequest, CountQueuedPackagesRequest, CreateUserRequest,
    EnqueueRequest, EraseUserRequest, ExportUserRequest, GetRecentTrafficUsageRequest,
    ListNodeStatusHistoryRequest, ListNodesRequest, ListQueuedPackagesRequest, ListUsersRequest,
    ListUsuallyUsedNodesRequest, QueuedPackage, QueuedPackageStatus, RecentRange,
    ResumeUserRequest, ShowQueuedPackageRequest, ShowUserRequest, SuspendUserRequest, UserStatus,
};
use telecom_tests::door::Caller;
use tonic::Code;

use super::Provider;
use super::network::{self, Network};
use super::packages::OnSale;

fn users(caller: &Caller) -> UserManageClient<Caller> {
    UserManageClient::new(caller.clone())
}

fn queue(caller: &Caller) -> PackageQueueManageClient<Caller> {
    PackageQueueManageClient::new(caller.clone())
}

pub(super) async fn buy_and_use(
    provider: &Provider,
    network: &Network,
    on_sale: OnSale,
) -> Result<()> {
    let user = register(provider).await?;
    let [active, waiting] = buy(provider, &user, on_sale.package).await?;
    looks_up(provider, network, &user).await?;
    network::report(provider, network, &user).await?;
    suspend_and_resume(provider, &user).await?;
    queue_is_shown(provider, &user, &active).await?;

    adjust(provider, &user).await?;
    let cancel = CancelRequest {
        id: active.id,
        reason: "changed their mind".into(),
        ..Default::default()
    };
    let cancelled = queue(&provider.admin).cancel(cancel).await?.into_inner();
    assert_eq!(cancelled.active.unwrap().id, waiting.id);
    export_and_erase(provider, &user).await
}

async fn register(provider: &Provider) -> Result<String> {
    let create = CreateUserRequest {
        time_zone: "Asia/Kathmandu".into(),
        ..Default::default()
    };
    let created = users(&provider.admin).create_user(create).await?;
    let user = created.into_inner().user.unwrap();
    let list = ListUsersRequest::default();
    let listed = users(&provider.support).list_users(list).await?;
    assert_eq!(listed.into_inner().total, 1);
    let refused = users(&provider.viewer).list_users(list).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    Ok(user.id)
}

async fn buy(provider: &Provider, user: &str, package: i32) -> Result<[QueuedPackage; 2]> {
    let order = |line| EnqueueRequest {
        user_id: user.to_owned(),
        package_id: package,
        order_id: "order-1".into(),
        line,
        priority: 0,
    };
    let mut admin = queue(&provider.admin);
    let first = admin.enqueue(order(1)).await?.into_inner();
    let second = admin.enqueue(order(2)).await?.into_inner();
    let bought = [first, second].map(|reply| reply.queued_package.unwrap());
    let statuses = [bought[0].status(), bought[1].status()];
    let expected = [QueuedPackageStatus::Active, QueuedPackageStatus::Queued];
    assert_eq!(statuses, expected);
    let again = admin.enqueue(order(1)).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    Ok(bought)
}

async fn queue_is_shown(provider: &Provider, user: &str, active: &QueuedPackage) -> Result<()> {
    let mut support = queue(&provider.support);
    let count = CountQueuedPackagesRequest::default();
    let counted = support.count_queued_packages(count).await?.into_inner();
    let counts: Vec<_> = counted.counts.iter().map(|count| count.count).collect();
    assert_eq!(counts, [1, 1]);
    let list = ListQueuedPackagesRequest {
        user_id: user.to_owned(),
        ..Default::default()
    };
    let listed = support.list_queued_packages(list).await?.into_inner();
    assert_eq!(listed.total, 2);
    let show = ShowQueuedPackageRequest { id: active.id };
    let shown = support.show_queued_package(show).await?.into_inner();
    assert!(shown.queued_package.unwrap().expires_at.is_some());
    Ok(())
}

/// The subscriber sees the node of their package, and nothing of anybody else's.
async fn looks_up(provider: &Provider, network: &Network, user: &str) -> Result<()> {
    let mut app = TelecomClient::new(provider.user(user)?);
    let nodes = app.list_nodes(ListNodesRequest::default()).await?;
    let nodes = nodes.into_inner().nodes;
    let ids: Vec<_> = nodes.iter().map(|node| node.id).collect();
    assert_eq!(ids, [network.client]);
    assert_eq!(nodes[0].speed_limit_bps, 100_000_000);
    let other = ListNodesRequest {
        user_id: uuid::Uuid::new_v4().to_string(),
    };
    let refused = app.list_nodes(other).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let now = SystemTime::now();
    let day = ListNodeStatusHistoryRequest {
        start: Some((now - Duration::from_hours(24)).into()),
        end: Some(now.into()),
        ..Default::default()
    };
    let history = app.list_node_status_history(day).await?.into_inner();
    // A whole day, and the hour that has begun unless it is exactly full.
    let hours = history.buckets.len();
    assert!((24..=25).contains(&hours), "{hours} hours");

    let week = GetRecentTrafficUsageRequest {
        range: RecentRange::Week.into(),
        time_zone: "Asia/Kathmandu".into(),
        ..Default::default()
    };
    let recent = app.get_recent_traffic_usage(week).await?.into_inner();
    assert_eq!((recent.raw.len(), recent.actually_billed.len()), (7, 7));
    let usual = ListUsuallyUsedNodesRequest::default();
    app.list_usually_used_nodes(usual).await?;
    Ok(())
}

async fn suspend_and_resume(provider: &Provider, user: &str) -> Result<()> {
    let mut admin = users(&provider.admin);
    let suspend = SuspendUserRequest {
        id: user.to_owned(),
        reason: "unpaid".into(),
        ..Default::default()
    };
    admin.suspend_user(suspend).await?;
    let show = || ShowUserRequest {
        id: user.to_owned(),
    };
    let shown = users(&provider.support).show_user(show()).await?;
    let status = shown.into_inner().user.unwrap().status();
    assert_eq!(status, UserStatus::Suspended);
    let resume = ResumeUserRequest {
        id: user.to_owned(),
        ..Default::default()
    };
    admin.resume_user(resume).await?;
    let shown = users(&provider.support).show_user(show()).await?;
    let shown = shown.into_inner();
    assert_eq!(shown.user.unwrap().status(), UserStatus::Active);
    assert_eq!(shown.queued_packages, 1);
    Ok(())
}

/// What was charged is corrected, and then as it was.
async fn adjust(provider: &Provider, user: &str) -> Result<()> {
    let mut admin = users(&provider.admin);
    for bytes in [1000, -1000] {
        let request = AdjustUsageRequest {
            user_id: user.to_owned(),
            bytes,
            reason: "complaint 17".into(),
            ..Default::default()
        };
        let made = admin.adjust_usage(request).await?.into_inner();
        assert_eq!(made.adjustment.unwrap().charged_bytes, bytes);
        assert!(made.queued_package.is_some());
    }
    Ok(())
}

async fn export_and_erase(provider: &Provider, user: &str) -> Result<()> {
    let mut admin = users(&provider.admin);
    let export = ExportUserRequest {
        id: user.to_owned(),
    };
    let mut stream = admin.export_user(export).await?.into_inner();
    let (mut people, mut packages, mut entries) = (0, 0, 0);
    while let Some(record) = stream.message().await? {
        match record.record.unwrap() {
            Record::User(_) => people += 1,
            Record::QueuedPackage(_) => packages += 1,
            // As far as it has been billed by now.
            Record::DailyUsage(_)
            | Record::HourlyUsage(_)
            | Record::PackageUsage(_)
            | Record::UsageAdjustment(_) => {}
            Record::AuditEntry(_) => entries += 1,
        }
    }
    assert_eq!((people, packages), (1, 2));
    assert!(entries >= 1);
    let erase = EraseUserRequest {
        id: user.to_owned(),
        reason: "asked for it".into(),
        ..Default::default()
    };
    let erased = admin.erase_user(erase).await?.into_inner();
    assert_eq!(erased.user.unwrap().status(), UserStatus::Erased);
    assert_eq!(erased.cancelled_packages, 1);
    Ok(())
}
