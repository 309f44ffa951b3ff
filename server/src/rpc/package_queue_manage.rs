//! The `PackageQueueManage` service.

use telecom_proto::v1::package_queue_manage_server::PackageQueueManage;
use telecom_proto::v1::{
    CancelRequest, CancelResponse, CountQueuedPackagesRequest, CountQueuedPackagesResponse,
    EnqueueRequest, EnqueueResponse, ListQueuedPackagesRequest, ListQueuedPackagesResponse,
    ShowQueuedPackageRequest, ShowQueuedPackageResponse,
};
use tonic::{Request, Response, Status};

use super::call::{context, run};
use crate::domain::{AdminShowQueuedPackage, ManageService};

pub(super) mod convert;
mod requests;

#[tonic::async_trait]
impl PackageQueueManage for ManageService {
    async fn count_queued_packages(
        &self,
        mut request: Request<CountQueuedPackagesRequest>,
    ) -> Result<Response<CountQueuedPackagesResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::count(request.into_inner());
        let counts = run(self, &context, input).await?;
        Ok(Response::new(CountQueuedPackagesResponse {
            counts: counts.into_iter().map(convert::count).collect(),
        }))
    }

    async fn list_queued_packages(
        &self,
        mut request: Request<ListQueuedPackagesRequest>,
    ) -> Result<Response<ListQueuedPackagesResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::list(request.into_inner());
        let page = run(self, &context, input).await?;
        let packages = page.queued_packages.into_iter();
        Ok(Response::new(ListQueuedPackagesResponse {
            queued_packages: packages.map(convert::queued_package).collect(),
            total: page.total,
        }))
    }

    async fn show_queued_package(
        &self,
        mut request: Request<ShowQueuedPackageRequest>,
    ) -> Result<Response<ShowQueuedPackageResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::id(request.get_ref().id).map(AdminShowQueuedPackage);
        let package = run(self, &context, input).await?;
        Ok(Response::new(ShowQueuedPackageResponse {
            queued_package: Some(convert::queued_package(package)),
        }))
    }

    async fn enqueue(
        &self,
        mut request: Request<EnqueueRequest>,
    ) -> Result<Response<EnqueueResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::enqueue(request.into_inner());
        let package = run(self, &context, input).await?;
        Ok(Response::new(EnqueueResponse {
            queued_package: Some(convert::queued_package(package)),
        }))
    }

    async fn cancel(
        &self,
        mut request: Request<CancelRequest>,
    ) -> Result<Response<CancelResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::cancel(request.into_inner());
        let cancelled = run(self, &context, input).await?;
        Ok(Response::new(CancelResponse {
            queued_package: Some(convert::queued_package(cancelled.package)),
            active: cancelled.active.map(convert::queued_package),
        }))
    }
}
