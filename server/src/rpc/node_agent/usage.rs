//! Reports of usage: from their messages, into the domain, and what is counted of them.

use telecom_proto::v1 as proto;
use telecom_proto::v1::{ReportUsageRequest, ReportUsageResponse};
use telecom_telemetry::propagation;

use super::access;
use crate::domain::{
    AgentService, Context, DomainError, Processor as _, ReceiveUsage, UsageReceipt,
};
use crate::metrics::Metrics;
use crate::rpc::convert::{refusal_reason, time, timestamp};
use crate::rpc::status::Refusal;
use crate::usage::{Factored, Report, ReportDraft, RowDraft, TakenRow};

/// Takes a report and counts it.
pub(super) async fn take(
    agents: &AgentService,
    metrics: &Metrics,
    context: &Context,
    request: ReportUsageRequest,
) -> Result<ReportUsageResponse, Refusal> {
    let seq = request.seq;
    let report = draft(request).check().map_err(Refusal::Invalid)?;
    let input = ReceiveUsage {
        report: &report,
        traceparent: propagation::sampled_traceparent(),
    };
    let receipt = match agents.process(context, input).await {
        Err(error @ DomainError::SeqReused { .. }) => {
            metrics
                .usage
                .reports
                .with_label_values(&["seq_reused"])
                .inc();
            tracing::warn!(caller = %context.caller, %error, "a report that is not a repetition");
            return Err(error.into());
        }
        result => result?,
    };
    count(metrics, &report, &receipt);
    Ok(ReportUsageResponse {
        seq,
        accepted: receipt.accepted,
        refused: receipt
            .refused
            .iter()
            .map(|refused| proto::RefusedRow {
                index: refused.place,
                reason: refusal_reason(refused.reason).into(),
            })
            .collect(),
        replayed: receipt.added.is_none(),
        server_time: Some(timestamp(receipt.now)),
        access_version: receipt.access.version,
        denied: access::denied(&receipt.access.denied),
    })
}

fn draft(request: ReportUsageRequest) -> ReportDraft {
    let rows = request.rows.into_iter().map(|row| RowDraft {
        user_id: row.user_id,
        node_client_id: row.node_client_id,
        used_at: row.used_at.and_then(time),
        upload: row.upload_bytes,
        download: row.download_bytes,
    });
    ReportDraft {
        boot_id: request.boot_id,
        seq: request.seq,
        rows: rows.collect(),
    }
}

fn count(metrics: &Metrics, report: &Report, receipt: &UsageReceipt) {
    let usage = &metrics.usage;
    let Some(added) = &receipt.added else {
        usage.reports.with_label_values(&["replayed"]).inc();
        return;
    };
    usage.reports.with_label_values(&["taken"]).inc();
    let rows = |labels: &[&str; 2]| usage.rows.with_label_values(labels);
    rows(&["taken", ""]).inc_by(added.len() as u64);
    let bytes = |direction, kind, bytes| {
        usage
            .bytes
            .with_label_values(&[direction, kind])
            .inc_by(bytes);
    };
    bytes("upload", "raw", added.iter().map(|row| row.upload).sum());
    bytes(
        "download",
        "raw",
        added.iter().map(|row| row.download).sum(),
    );
    let whole = |sum: Factored| u64::try_from(sum.whole()).unwrap_or(u64::MAX);
    let upload = added.iter().map(TakenRow::factored_upload).sum();
    let download = added.iter().map(TakenRow::factored_download).sum();
    bytes("upload", "factored", whole(upload));
    bytes("download", "factored", whole(download));
    for (refused, row) in receipt.refused.iter().filter_map(|refused| {
        let place = usize::try_from(refused.place).ok()?;
        Some((refused, report.rows().get(place)?))
    }) {
        let name = refused.reason.as_str();
        rows(&["refused", name]).inc();
        let claimed = i128::from(row.upload.max(0)) + i128::from(row.download.max(0));
        #[allow(
            clippy::cast_precision_loss,
            reason = "a counter of claims is good to 53 bits"
        )]
        usage
            .refused_bytes
            .with_label_values(&[name])
            .inc_by(claimed as f64);
    }
}
