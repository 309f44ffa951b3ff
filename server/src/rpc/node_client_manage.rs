//! The `NodeClientManage` service.

use telecom_proto::v1::node_client_manage_server::NodeClientManage;
use telecom_proto::v1::{
    CreateNodeClientRequest, CreateNodeClientResponse, DeleteNodeClientRequest,
    DeleteNodeClientResponse, ListNodeClientsRequest, ListNodeClientsResponse, SetFactorRequest,
    SetFactorResponse, ShowNodeClientRequest, ShowNodeClientResponse, UpdateNodeClientRequest,
    UpdateNodeClientResponse,
};
use tonic::{Request, Response, Status};

use super::call::{context, run};
use crate::domain::{AdminShowClient, ManageService};

mod convert;
mod requests;

#[tonic::async_trait]
impl NodeClientManage for ManageService {
    async fn list_node_clients(
        &self,
        mut request: Request<ListNodeClientsRequest>,
    ) -> Result<Response<ListNodeClientsResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::list(&request.into_inner());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListNodeClientsResponse {
            node_clients: page.clients.iter().map(convert::node_client).collect(),
            total: page.total,
        }))
    }

    async fn show_node_client(
        &self,
        mut request: Request<ShowNodeClientRequest>,
    ) -> Result<Response<ShowNodeClientResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::id(request.into_inner().id).map(AdminShowClient);
        let detail = run(self, &context, input).await?;
        Ok(Response::new(convert::detail(detail)))
    }

    async fn create_node_client(
        &self,
        mut request: Request<CreateNodeClientRequest>,
    ) -> Result<Response<CreateNodeClientResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::create(request.into_inner());
        let client = run(self, &context, input).await?;
        Ok(Response::new(CreateNodeClientResponse {
            node_client: Some(convert::node_client(&client)),
        }))
    }

    async fn update_node_client(
        &self,
        mut request: Request<UpdateNodeClientRequest>,
    ) -> Result<Response<UpdateNodeClientResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::update(request.into_inner());
        let client = run(self, &context, input).await?;
        Ok(Response::new(UpdateNodeClientResponse {
            node_client: Some(convert::node_client(&client)),
        }))
    }

    async fn delete_node_client(
        &self,
        mut request: Request<DeleteNodeClientRequest>,
    ) -> Result<Response<DeleteNodeClientResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::delete(request.into_inner());
        run(self, &context, input).await?;
        Ok(Response::new(DeleteNodeClientResponse {}))
    }

    async fn set_factor(
        &self,
        mut request: Request<SetFactorRequest>,
    ) -> Result<Response<SetFactorResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::set_factor(request.into_inner());
        let set = run(self, &context, input).await?;
        Ok(Response::new(SetFactorResponse {
            node_client: Some(convert::node_client(&set.client)),
            factor: Some(convert::factor(set.factor)),
        }))
    }
}
