//! Calls as staff looks at them; there are none yet.

use anyhow::Result;
use telecom_proto::v1::call_analytics_client::CallAnalyticsClient;
use telecom_proto::v1::user_manage_client::UserManageClient;
use telecom_proto::v1::{
    ExportCallRecordsRequest, ExportFormat, ExportUsageRequest, GetCallStatisticsRequest,
    ListCallRecordsRequest,
};
use tonic::Code;

use super::Provider;

pub(super) async fn look_at(provider: &Provider) -> Result<()> {
    let mut support = CallAnalyticsClient::new(provider.support.clone());
    let list = ListCallRecordsRequest::default();
    let listed = support.list_call_records(list.clone()).await?.into_inner();
    assert!(listed.masked);
    let mut viewer = CallAnalyticsClient::new(provider.viewer.clone());
    let refused = viewer.list_call_records(list).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let statistics = GetCallStatisticsRequest::default();
    let counted = viewer.get_call_statistics(statistics).await?.into_inner();
    assert_eq!(counted.rows.len(), 1);
    exports(provider).await
}

/// A day that has long been closed.
async fn exports(provider: &Provider) -> Result<()> {
    let day = "2026-01-01".to_owned();
    let calls = ExportCallRecordsRequest {
        first_day: day.clone(),
        last_day: day.clone(),
        format: ExportFormat::Csv.into(),
        ..Default::default()
    };
    let mut admin = CallAnalyticsClient::new(provider.admin.clone());
    let mut stream = admin.export_call_records(calls).await?.into_inner();
    let head = stream.message().await?.unwrap();
    assert!(head.data.starts_with(b"stored_at,") && head.data.ends_with(b"\r\n"));
    assert!(stream.message().await?.is_none());

    let usage = ExportUsageRequest {
        first_day: day.clone(),
        last_day: day,
        format: ExportFormat::Csv.into(),
        ..Default::default()
    };
    let mut admin = UserManageClient::new(provider.admin.clone());
    let mut stream = admin.export_usage(usage).await?.into_inner();
    let head = stream.message().await?.unwrap();
    assert!(head.data.starts_with(b"day,user_id,"));
    assert!(stream.message().await?.is_none());
    Ok(())
}
