//! The `PbxManage` service.

use telecom_proto::v1::pbx_manage_server::PbxManage;
use telecom_proto::v1::{
    CreatePbxRequest, CreatePbxResponse, DeletePbxRequest, DeletePbxResponse, ListPbxsRequest,
    ListPbxsResponse, ListRejectedCallRecordsRequest, ListRejectedCallRecordsResponse,
    RotatePbxTokenRequest, RotatePbxTokenResponse, ShowPbxRequest, ShowPbxResponse,
    UpdatePbxRequest, UpdatePbxResponse,
};
use tonic::{Request, Response, Status};

use super::call::{context, run};
use super::convert::timestamp;
use super::requests::{etag, new_secret};
use crate::domain::{
    AdminDeletePbx, AdminRotatePbxToken, AdminShowPbx, AdminUpdatePbx, ManageService,
};

mod convert;
mod requests;

#[tonic::async_trait]
impl PbxManage for ManageService {
    async fn list_pbxs(
        &self,
        mut request: Request<ListPbxsRequest>,
    ) -> Result<Response<ListPbxsResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::list(request.into_inner());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListPbxsResponse {
            pbxs: page.pbxs.iter().map(convert::pbx).collect(),
            total: page.total,
        }))
    }

    async fn show_pbx(
        &self,
        mut request: Request<ShowPbxRequest>,
    ) -> Result<Response<ShowPbxResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::id(request.into_inner().id).map(AdminShowPbx);
        let detail = run(self, &context, input).await?;
        Ok(Response::new(ShowPbxResponse {
            pbx: Some(convert::pbx(&detail.pbx)),
            state: detail.state.map(convert::state),
            tokens: detail.tokens.iter().map(convert::token).collect(),
        }))
    }

    async fn create_pbx(
        &self,
        mut request: Request<CreatePbxRequest>,
    ) -> Result<Response<CreatePbxResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::create(request.into_inner(), new_secret());
        let created = run(self, &context, input).await?;
        let token = created.token.map(|token| token.expose().to_owned());
        Ok(Response::new(CreatePbxResponse {
            pbx: Some(convert::pbx(&created.pbx)),
            token: token.unwrap_or_default(),
        }))
    }

    async fn update_pbx(
        &self,
        mut request: Request<UpdatePbxRequest>,
    ) -> Result<Response<UpdatePbxResponse>, Status> {
        let context = context(&mut request)?;
        let input: Result<AdminUpdatePbx, _> = requests::update(request.into_inner());
        let pbx = run(self, &context, input).await?;
        Ok(Response::new(UpdatePbxResponse {
            pbx: Some(convert::pbx(&pbx)),
        }))
    }

    async fn delete_pbx(
        &self,
        mut request: Request<DeletePbxRequest>,
    ) -> Result<Response<DeletePbxResponse>, Status> {
        let context = context(&mut request)?;
        let request = request.into_inner();
        let input = requests::id(request.id).map(|id| AdminDeletePbx {
            id,
            etag: etag(request.etag),
        });
        run(self, &context, input).await?;
        Ok(Response::new(DeletePbxResponse {}))
    }

    async fn rotate_pbx_token(
        &self,
        mut request: Request<RotatePbxTokenRequest>,
    ) -> Result<Response<RotatePbxTokenResponse>, Status> {
        let context = context(&mut request)?;
        let input: Result<AdminRotatePbxToken, _> =
            requests::rotation(request.into_inner(), new_secret());
        let rotated = run(self, &context, input).await?;
        Ok(Response::new(RotatePbxTokenResponse {
            pbx: Some(convert::pbx(&rotated.pbx)),
            token: rotated.token.expose().to_owned(),
            previous_expires_at: rotated.previous_expires_at.map(timestamp),
        }))
    }

    async fn list_rejected_call_records(
        &self,
        mut request: Request<ListRejectedCallRecordsRequest>,
    ) -> Result<Response<ListRejectedCallRecordsResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::list_rejected(request.into_inner());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListRejectedCallRecordsResponse {
            records: page.records.into_iter().map(convert::rejected).collect(),
            next_before_id: page.next_before_id.unwrap_or_default(),
        }))
    }
}
