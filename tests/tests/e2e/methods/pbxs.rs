//! A PBX: registered, heard, and gone.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use telecom_proto::v1::call_ingest_client::CallIngestClient;
use telecom_proto::v1::pbx_manage_client::PbxManageClient;
use telecom_proto::v1::{
    CallDirection, CallRecordOutcome, CallRecordPush, CallRecordResult, CreatePbxRequest,
    DeletePbxRequest, IngestCallRecordsRequest, ListPbxsRequest, ListRejectedCallRecordsRequest,
    PbxConfig, ReportPbxStateRequest, RotatePbxTokenRequest, ShowPbxRequest, UpdatePbxRequest,
};

use super::Provider;

/// A PBX that has brought a call over its trunks, and a record that is none.
pub(super) async fn set_up(provider: &Provider) -> Result<i32> {
    let mut admin = PbxManageClient::new(provider.admin.clone());
    let create = CreatePbxRequest {
        config: Some(config("")),
        idempotency_key: String::new(),
    };
    let created = admin.create_pbx(create).await?.into_inner();
    let id = created.pbx.context("a PBX")?.id;
    let rotated = admin.rotate_pbx_token(RotatePbxTokenRequest {
        id,
        ..Default::default()
    });
    let token = rotated.await?.into_inner().token;

    let mut pbx = CallIngestClient::new(provider.door.with(&token)?);
    let ago = |seconds| Some((SystemTime::now() - Duration::from_secs(seconds)).into());
    let good = CallRecordPush {
        call_id: "call-1".into(),
        start_time: ago(70),
        answer_time: ago(60),
        end_time: ago(0),
        direction: CallDirection::Outbound.into(),
        from_number: "4930123456".into(),
        to_number: "15550100".into(),
        sip_trunk_id: "11".into(),
        outbound_sip_trunk_id: "22".into(),
        ..Default::default()
    };
    let bad = CallRecordPush {
        end_time: None,
        ..good.clone()
    };
    let records = vec![good, bad];
    let answer = pbx.ingest_call_records(IngestCallRecordsRequest { records });
    let results = answer.await?.into_inner().results;
    let outcomes: Vec<_> = results.iter().map(CallRecordResult::outcome).collect();
    let (stored, rejected) = (CallRecordOutcome::Stored, CallRecordOutcome::Rejected);
    assert_eq!(outcomes, [stored, rejected]);
    let report = ReportPbxStateRequest {
        active_calls: 3,
        ..Default::default()
    };
    pbx.report_pbx_state(report).await?;

    let shown = admin.show_pbx(ShowPbxRequest { id }).await?.into_inner();
    assert_eq!(shown.state.map(|state| state.active_calls), Some(3));
    let aside = ListRejectedCallRecordsRequest::default();
    let aside = admin.list_rejected_call_records(aside).await?.into_inner();
    assert_eq!(aside.records.len(), 1);
    Ok(id)
}

/// It goes; its calls stay.
pub(super) async fn take_down(provider: &Provider, id: i32) -> Result<()> {
    let mut admin = PbxManageClient::new(provider.admin.clone());
    let listed = admin
        .list_pbxs(ListPbxsRequest::default())
        .await?
        .into_inner();
    let etag = listed.pbxs.first().context("a PBX")?.etag.clone();
    let update = UpdatePbxRequest {
        id,
        etag,
        config: Some(config("http://pbx.example.net/ami/v1/health")),
        update_mask: None,
    };
    admin.update_pbx(update).await?;
    let delete = DeletePbxRequest {
        id,
        etag: String::new(),
    };
    admin.delete_pbx(delete).await?;
    Ok(())
}

fn config(health_url: &str) -> PbxConfig {
    PbxConfig {
        name: "pbx".into(),
        health_url: health_url.into(),
        ..PbxConfig::default()
    }
}
