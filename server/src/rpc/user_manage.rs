//! The `UserManage` service.

use futures::StreamExt as _;
use futures::stream::BoxStream;
use telecom_proto::v1::user_manage_server::UserManage;
use telecom_proto::v1::{
    AdjustUsageRequest, AdjustUsageResponse, CreateUserRequest, CreateUserResponse,
    EraseUserRequest, EraseUserResponse, ExportUsageRequest, ExportUsageResponse,
    ExportUserRequest, ExportUserResponse, ListUsersRequest, ListUsersResponse, ResumeUserRequest,
    ResumeUserResponse, ShowUserRequest, ShowUserResponse, SuspendUserRequest, SuspendUserResponse,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::call::{context, refuse, run};
use super::package_queue_manage::convert::queued_package;
use crate::domain::{AdminExportUser, AdminShowUser, ManageService};
use crate::exports::ExportPiece;
use crate::users::UserId;

mod convert;
mod requests;

#[tonic::async_trait]
impl UserManage for ManageService {
    async fn create_user(
        &self,
        mut request: Request<CreateUserRequest>,
    ) -> Result<Response<CreateUserResponse>, Status> {
        let context = context(&mut request)?;
        // Later ids are greater, so that new rows of an index lie together.
        let input = requests::create(request.into_inner(), UserId(Uuid::now_v7()));
        let user = run(self, &context, input).await?;
        Ok(Response::new(CreateUserResponse {
            user: Some(convert::user(user)),
        }))
    }

    async fn show_user(
        &self,
        mut request: Request<ShowUserRequest>,
    ) -> Result<Response<ShowUserResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::id(&request.into_inner().id).map(AdminShowUser);
        let detail = run(self, &context, input).await?;
        Ok(Response::new(ShowUserResponse {
            user: Some(convert::user(detail.user)),
            active_package: detail.active.map(queued_package),
            queued_packages: detail.queued,
        }))
    }

    async fn list_users(
        &self,
        mut request: Request<ListUsersRequest>,
    ) -> Result<Response<ListUsersResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::list(&request.into_inner());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListUsersResponse {
            users: page.users.into_iter().map(convert::user).collect(),
            total: page.total,
        }))
    }

    async fn suspend_user(
        &self,
        mut request: Request<SuspendUserRequest>,
    ) -> Result<Response<SuspendUserResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::suspend(request.into_inner());
        let user = run(self, &context, input).await?;
        Ok(Response::new(SuspendUserResponse {
            user: Some(convert::user(user)),
        }))
    }

    async fn resume_user(
        &self,
        mut request: Request<ResumeUserRequest>,
    ) -> Result<Response<ResumeUserResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::resume(request.into_inner());
        let user = run(self, &context, input).await?;
        Ok(Response::new(ResumeUserResponse {
            user: Some(convert::user(user)),
        }))
    }

    async fn adjust_usage(
        &self,
        mut request: Request<AdjustUsageRequest>,
    ) -> Result<Response<AdjustUsageResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::adjust(request.into_inner());
        let adjusted = run(self, &context, input).await?;
        Ok(Response::new(AdjustUsageResponse {
            queued_package: Some(queued_package(adjusted.package)),
            adjustment: Some(convert::adjustment(adjusted.adjustment)),
        }))
    }

    type ExportUserStream = BoxStream<'static, Result<ExportUserResponse, Status>>;

    async fn export_user(
        &self,
        mut request: Request<ExportUserRequest>,
    ) -> Result<Response<Self::ExportUserStream>, Status> {
        let context = context(&mut request)?;
        let input = requests::id(&request.into_inner().id).map(AdminExportUser);
        let export = run(self, &context, input).await?;
        let records = export.map(move |record| {
            record
                .map(convert::record)
                .map_err(|error| refuse(error.into(), &context))
        });
        Ok(Response::new(records.boxed()))
    }

    type ExportUsageStream = BoxStream<'static, Result<ExportUsageResponse, Status>>;

    async fn export_usage(
        &self,
        mut request: Request<ExportUsageRequest>,
    ) -> Result<Response<Self::ExportUsageStream>, Status> {
        let context = context(&mut request)?;
        let input = requests::export_usage(&request.into_inner());
        let pieces = run(self, &context, input).await?;
        let pieces = pieces.map(move |piece| match piece {
            Ok(ExportPiece { data, cursor }) => Ok(ExportUsageResponse { data, cursor }),
            Err(error) => Err(refuse(error.into(), &context)),
        });
        Ok(Response::new(pieces.boxed()))
    }

    async fn erase_user(
        &self,
        mut request: Request<EraseUserRequest>,
    ) -> Result<Response<EraseUserResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::erase(request.into_inner());
        let erased = run(self, &context, input).await?;
        Ok(Response::new(EraseUserResponse {
            user: Some(convert::user(erased.user)),
            cancelled_packages: erased.cancelled,
            erased_call_records: erased.calls.records,
            erased_rejected_call_records: erased.calls.rejected,
            complete: erased.calls.complete,
        }))
    }
}
