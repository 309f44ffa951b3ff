//! The `NodeServerManage` service.

use telecom_proto::v1::node_server_manage_server::NodeServerManage;
use telecom_proto::v1::{
    CreateNodeServerRequest, CreateNodeServerResponse, DeleteNodeServerRequest,
    DeleteNodeServerResponse, ListNodeServersRequest, ListNodeServersResponse,
    ListRefusedUsageRequest, ListRefusedUsageResponse, ReadmitUsageRequest, ReadmitUsageResponse,
    RotateTokenRequest, RotateTokenResponse, SetMaintenanceRequest, SetMaintenanceResponse,
    ShowNodeServerRequest, ShowNodeServerResponse, UpdateNodeServerRequest,
    UpdateNodeServerResponse,
};
use tonic::{Request, Response, Status};

use super::call::{context, run};
use super::convert;
use super::requests::{etag, new_secret};
use crate::domain::{
    AdminDeleteServer, AdminRotateToken, AdminSetMaintenance, AdminShowServer, AdminUpdateServer,
    ManageService,
};

mod refused_usage;
mod requests;

#[tonic::async_trait]
impl NodeServerManage for ManageService {
    async fn list_node_servers(
        &self,
        mut request: Request<ListNodeServersRequest>,
    ) -> Result<Response<ListNodeServersResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::list(&request.into_inner());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListNodeServersResponse {
            node_servers: page.servers.into_iter().map(convert::node_server).collect(),
            total: page.total,
        }))
    }

    async fn show_node_server(
        &self,
        mut request: Request<ShowNodeServerRequest>,
    ) -> Result<Response<ShowNodeServerResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::id(request.into_inner().id).map(AdminShowServer);
        let detail = run(self, &context, input).await?;
        let heartbeat = detail.server.last_heartbeat.clone();
        let performance = heartbeat.as_ref().map(convert::performance);
        let (boot_id, config_hash) = heartbeat
            .map(|heartbeat| (heartbeat.boot_id, heartbeat.config_hash))
            .unwrap_or_default();
        Ok(Response::new(ShowNodeServerResponse {
            node_server: Some(convert::node_server(detail.server)),
            performance,
            boot_id,
            config_hash,
            tokens: detail.tokens.iter().map(convert::token).collect(),
            status_since: detail.status_since.map(convert::timestamp),
        }))
    }

    async fn create_node_server(
        &self,
        mut request: Request<CreateNodeServerRequest>,
    ) -> Result<Response<CreateNodeServerResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::create(request.into_inner(), new_secret());
        let created = run(self, &context, input).await?;
        Ok(Response::new(CreateNodeServerResponse {
            node_server: Some(convert::node_server(created.server)),
            token: created
                .token
                .map(|token| token.expose().to_owned())
                .unwrap_or_default(),
        }))
    }

    async fn update_node_server(
        &self,
        mut request: Request<UpdateNodeServerRequest>,
    ) -> Result<Response<UpdateNodeServerResponse>, Status> {
        let context = context(&mut request)?;
        let input: Result<AdminUpdateServer, _> = requests::update(request.into_inner());
        let server = run(self, &context, input).await?;
        Ok(Response::new(UpdateNodeServerResponse {
            node_server: Some(convert::node_server(server)),
        }))
    }

    async fn delete_node_server(
        &self,
        mut request: Request<DeleteNodeServerRequest>,
    ) -> Result<Response<DeleteNodeServerResponse>, Status> {
        let context = context(&mut request)?;
        let request = request.into_inner();
        let input = requests::id(request.id).map(|id| AdminDeleteServer {
            id,
            etag: etag(request.etag),
        });
        run(self, &context, input).await?;
        Ok(Response::new(DeleteNodeServerResponse {}))
    }

    async fn set_maintenance(
        &self,
        mut request: Request<SetMaintenanceRequest>,
    ) -> Result<Response<SetMaintenanceResponse>, Status> {
        let context = context(&mut request)?;
        let input: Result<AdminSetMaintenance, _> = requests::maintenance(request.into_inner());
        let server = run(self, &context, input).await?;
        Ok(Response::new(SetMaintenanceResponse {
            node_server: Some(convert::node_server(server)),
        }))
    }

    async fn rotate_token(
        &self,
        mut request: Request<RotateTokenRequest>,
    ) -> Result<Response<RotateTokenResponse>, Status> {
        let context = context(&mut request)?;
        let input: Result<AdminRotateToken, _> =
            requests::rotation(request.into_inner(), new_secret());
        let rotated = run(self, &context, input).await?;
        Ok(Response::new(RotateTokenResponse {
            node_server: Some(convert::node_server(rotated.server)),
            token: rotated.token.expose().to_owned(),
            previous_expires_at: rotated.previous_expires_at.map(convert::timestamp),
        }))
    }

    async fn list_refused_usage(
        &self,
        mut request: Request<ListRefusedUsageRequest>,
    ) -> Result<Response<ListRefusedUsageResponse>, Status> {
        let context = context(&mut request)?;
        let input = refused_usage::list(&request.into_inner());
        let page = run(self, &context, input).await?;
        Ok(Response::new(refused_usage::page(page)))
    }

    async fn readmit_usage(
        &self,
        mut request: Request<ReadmitUsageRequest>,
    ) -> Result<Response<ReadmitUsageResponse>, Status> {
        let context = context(&mut request)?;
        let input = refused_usage::readmit(request.into_inner());
        let usage = run(self, &context, input).await?;
        Ok(Response::new(refused_usage::readmitted(usage)))
    }
}
