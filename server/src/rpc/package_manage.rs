//! The `PackageManage` service.

use telecom_proto::v1::package_manage_server::PackageManage;
use telecom_proto::v1::{
    CreatePackageRequest, CreatePackageResponse, CreatePackageSeriesRequest,
    CreatePackageSeriesResponse, ListPackageSeriesRequest, ListPackageSeriesResponse,
    ListPackagesRequest, ListPackagesResponse, RetirePackageRequest, RetirePackageResponse,
    RetirePackageSeriesRequest, RetirePackageSeriesResponse, ShowPackageRequest,
    ShowPackageResponse, ShowPackageSeriesRequest, ShowPackageSeriesResponse, UpdatePackageRequest,
    UpdatePackageResponse, UpdatePackageSeriesRequest, UpdatePackageSeriesResponse,
};
use tonic::{Request, Response, Status};

use super::call::{context, run};
use super::requests::etag;
use crate::domain::{
    AdminRetirePackage, AdminRetireSeries, AdminShowPackage, AdminShowSeries, AdminUpdatePackage,
    AdminUpdateSeries, ManageService,
};

pub(super) mod convert;
mod requests;

#[tonic::async_trait]
impl PackageManage for ManageService {
    async fn list_package_series(
        &self,
        mut request: Request<ListPackageSeriesRequest>,
    ) -> Result<Response<ListPackageSeriesResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::list_series(request.get_ref());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListPackageSeriesResponse {
            series: page.series.into_iter().map(convert::series).collect(),
            total: page.total,
        }))
    }

    async fn show_package_series(
        &self,
        mut request: Request<ShowPackageSeriesRequest>,
    ) -> Result<Response<ShowPackageSeriesResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::series(request.get_ref().id).map(AdminShowSeries);
        let series = run(self, &context, input).await?;
        Ok(Response::new(ShowPackageSeriesResponse {
            series: Some(convert::series(series)),
        }))
    }

    async fn create_package_series(
        &self,
        mut request: Request<CreatePackageSeriesRequest>,
    ) -> Result<Response<CreatePackageSeriesResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::create_series(request.into_inner());
        let series = run(self, &context, input).await?;
        Ok(Response::new(CreatePackageSeriesResponse {
            series: Some(convert::series(series)),
        }))
    }

    async fn update_package_series(
        &self,
        mut request: Request<UpdatePackageSeriesRequest>,
    ) -> Result<Response<UpdatePackageSeriesResponse>, Status> {
        let context = context(&mut request)?;
        let input: Result<AdminUpdateSeries, _> = requests::update_series(request.into_inner());
        let series = run(self, &context, input).await?;
        Ok(Response::new(UpdatePackageSeriesResponse {
            series: Some(convert::series(series)),
        }))
    }

    async fn retire_package_series(
        &self,
        mut request: Request<RetirePackageSeriesRequest>,
    ) -> Result<Response<RetirePackageSeriesResponse>, Status> {
        let context = context(&mut request)?;
        let request = request.into_inner();
        let input = requests::series(request.id).map(|id| AdminRetireSeries {
            id,
            etag: etag(request.etag),
        });
        let series = run(self, &context, input).await?;
        Ok(Response::new(RetirePackageSeriesResponse {
            series: Some(convert::series(series)),
        }))
    }

    async fn list_packages(
        &self,
        mut request: Request<ListPackagesRequest>,
    ) -> Result<Response<ListPackagesResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::list_packages(request.get_ref());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListPackagesResponse {
            packages: page.packages.into_iter().map(convert::package).collect(),
            total: page.total,
        }))
    }

    async fn show_package(
        &self,
        mut request: Request<ShowPackageRequest>,
    ) -> Result<Response<ShowPackageResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::package("id", request.get_ref().id).map(AdminShowPackage);
        let package = run(self, &context, input).await?;
        Ok(Response::new(ShowPackageResponse {
            package: Some(convert::package(package)),
        }))
    }

    async fn create_package(
        &self,
        mut request: Request<CreatePackageRequest>,
    ) -> Result<Response<CreatePackageResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::create_package(request.into_inner());
        let package = run(self, &context, input).await?;
        Ok(Response::new(CreatePackageResponse {
            package: Some(convert::package(package)),
        }))
    }

    async fn update_package(
        &self,
        mut request: Request<UpdatePackageRequest>,
    ) -> Result<Response<UpdatePackageResponse>, Status> {
        let context = context(&mut request)?;
        let input: Result<AdminUpdatePackage, _> = requests::update_package(request.into_inner());
        let package = run(self, &context, input).await?;
        Ok(Response::new(UpdatePackageResponse {
            package: Some(convert::package(package)),
        }))
    }

    async fn retire_package(
        &self,
        mut request: Request<RetirePackageRequest>,
    ) -> Result<Response<RetirePackageResponse>, Status> {
        let context = context(&mut request)?;
        let request = request.into_inner();
        let input = requests::package("id", request.id).map(|id| AdminRetirePackage {
            id,
            etag: etag(request.etag),
        });
        let package = run(self, &context, input).await?;
        Ok(Response::new(RetirePackageResponse {
            package: Some(convert::package(package)),
        }))
    }
}
