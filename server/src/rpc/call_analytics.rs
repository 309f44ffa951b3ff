//! The `CallAnalytics` service.

use futures::StreamExt as _;
use futures::stream::BoxStream;
use telecom_proto::v1::call_analytics_server::CallAnalytics;
use telecom_proto::v1::{
    ExportCallRecordsRequest, ExportCallRecordsResponse, GetCallStatisticsRequest,
    GetCallStatisticsResponse, ListCallRecordsRequest, ListCallRecordsResponse,
};
use tonic::{Request, Response, Status};

use super::call::{context, refuse, run};
use super::convert::timestamp;
use crate::domain::{CallAnalyticsService, ManageService};
use crate::exports::ExportPiece;

mod convert;
mod page_token;
mod requests;

/// Maps `CallAnalytics` to the domain.
#[derive(Debug)]
pub(super) struct Rpc {
    analytics: CallAnalyticsService,
    manage: ManageService,
    /// Whether numbers are masked in exports.
    mask_numbers: bool,
}

impl Rpc {
    pub(super) fn new(
        analytics: CallAnalyticsService,
        manage: ManageService,
        mask_numbers: bool,
    ) -> Self {
        Self {
            analytics,
            manage,
            mask_numbers,
        }
    }
}

#[tonic::async_trait]
impl CallAnalytics for Rpc {
    async fn list_call_records(
        &self,
        mut request: Request<ListCallRecordsRequest>,
    ) -> Result<Response<ListCallRecordsResponse>, Status> {
        let context = context(&mut request)?;
        let request = request.into_inner();
        let fingerprint = page_token::fingerprint(&request);
        let input = requests::list(request, &fingerprint);
        let page = run(&self.analytics, &context, input).await?;
        let next = page
            .next
            .map(|key| page_token::write(&fingerprint, page.period, &key));
        Ok(Response::new(ListCallRecordsResponse {
            records: page.calls.into_iter().map(convert::record).collect(),
            next_page_token: next.unwrap_or_default(),
            masked: page.masked,
            start: Some(timestamp(page.period.start)),
            end: Some(timestamp(page.period.end)),
        }))
    }

    async fn get_call_statistics(
        &self,
        mut request: Request<GetCallStatisticsRequest>,
    ) -> Result<Response<GetCallStatisticsResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::statistics(request.into_inner());
        let counted = run(&self.analytics, &context, input).await?;
        Ok(Response::new(GetCallStatisticsResponse {
            rows: counted.rows.into_iter().map(convert::statistics).collect(),
            start: Some(timestamp(counted.period.start)),
            end: Some(timestamp(counted.period.end)),
        }))
    }

    type ExportCallRecordsStream = BoxStream<'static, Result<ExportCallRecordsResponse, Status>>;

    async fn export_call_records(
        &self,
        mut request: Request<ExportCallRecordsRequest>,
    ) -> Result<Response<Self::ExportCallRecordsStream>, Status> {
        let context = context(&mut request)?;
        let input = requests::export(&request.into_inner(), self.mask_numbers);
        let pieces = run(&self.manage, &context, input).await?;
        let pieces = pieces.map(move |piece| match piece {
            Ok(ExportPiece { data, cursor }) => Ok(ExportCallRecordsResponse { data, cursor }),
            Err(error) => Err(refuse(error.into(), &context)),
        });
        Ok(Response::new(pieces.boxed()))
    }
}
