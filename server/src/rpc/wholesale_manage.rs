//! The `WholesaleManage` service.

use futures::StreamExt as _;
use futures::stream::BoxStream;
use telecom_proto::v1::wholesale_manage_server::WholesaleManage;
use telecom_proto::v1::{
    CreateDeckRequest, CreateDeckResponse, DeleteDeckRequest, DeleteDeckResponse,
    DeleteTrunkRequest, DeleteTrunkResponse, ExportChargesRequest, ExportChargesResponse,
    ImportRatesRequest, ImportRatesResponse, ListDecksRequest, ListDecksResponse, ListRatesRequest,
    ListRatesResponse, ListTrunksRequest, ListTrunksResponse, RateCallRequest, RateCallResponse,
    RerateRequest, RerateResponse, SetRateEndRequest, SetRateEndResponse, SetTrunkRequest,
    SetTrunkResponse, ShowDeckRequest, ShowDeckResponse, SumChargesRequest, SumChargesResponse,
    UpdateDeckRequest, UpdateDeckResponse,
};
use tonic::{Request, Response, Status};

use super::call::{context, refuse, run};
use crate::domain::{AdminShowDeck, ManageService};

mod calls;
mod convert;
mod requests;

#[tonic::async_trait]
impl WholesaleManage for ManageService {
    async fn list_decks(
        &self,
        mut request: Request<ListDecksRequest>,
    ) -> Result<Response<ListDecksResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::list_decks(request.into_inner());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListDecksResponse {
            decks: page.decks.iter().map(convert::deck).collect(),
            total: page.total,
        }))
    }

    async fn show_deck(
        &self,
        mut request: Request<ShowDeckRequest>,
    ) -> Result<Response<ShowDeckResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::deck("id", request.get_ref().id).map(AdminShowDeck);
        let deck = run(self, &context, input).await?;
        Ok(Response::new(ShowDeckResponse {
            deck: Some(convert::deck(&deck)),
        }))
    }

    async fn create_deck(
        &self,
        mut request: Request<CreateDeckRequest>,
    ) -> Result<Response<CreateDeckResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::create_deck(request.into_inner());
        let deck = run(self, &context, input).await?;
        Ok(Response::new(CreateDeckResponse {
            deck: Some(convert::deck(&deck)),
        }))
    }

    async fn update_deck(
        &self,
        mut request: Request<UpdateDeckRequest>,
    ) -> Result<Response<UpdateDeckResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::update_deck(request.into_inner());
        let deck = run(self, &context, input).await?;
        Ok(Response::new(UpdateDeckResponse {
            deck: Some(convert::deck(&deck)),
        }))
    }

    async fn delete_deck(
        &self,
        mut request: Request<DeleteDeckRequest>,
    ) -> Result<Response<DeleteDeckResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::delete_deck(request.into_inner());
        run(self, &context, input).await?;
        Ok(Response::new(DeleteDeckResponse {}))
    }

    async fn list_rates(
        &self,
        mut request: Request<ListRatesRequest>,
    ) -> Result<Response<ListRatesResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::list_rates(request.into_inner());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListRatesResponse {
            rates: page.rates.iter().map(convert::rate).collect(),
            total: page.total,
        }))
    }

    async fn import_rates(
        &self,
        mut request: Request<ImportRatesRequest>,
    ) -> Result<Response<ImportRatesResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::import_rates(request.into_inner());
        let imported = run(self, &context, input).await?;
        Ok(Response::new(convert::imported(&imported)))
    }

    async fn set_rate_end(
        &self,
        mut request: Request<SetRateEndRequest>,
    ) -> Result<Response<SetRateEndResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::set_rate_end(request.into_inner());
        let rate = run(self, &context, input).await?;
        Ok(Response::new(SetRateEndResponse {
            rate: rate.as_ref().map(convert::rate),
        }))
    }

    async fn list_trunks(
        &self,
        mut request: Request<ListTrunksRequest>,
    ) -> Result<Response<ListTrunksResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::list_trunks(request.get_ref());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListTrunksResponse {
            trunks: page.trunks.iter().map(convert::trunk).collect(),
            total: page.total,
        }))
    }

    async fn set_trunk(
        &self,
        mut request: Request<SetTrunkRequest>,
    ) -> Result<Response<SetTrunkResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::set_trunk(request.into_inner());
        let trunk = run(self, &context, input).await?;
        Ok(Response::new(SetTrunkResponse {
            trunk: Some(convert::trunk(&trunk)),
        }))
    }

    async fn delete_trunk(
        &self,
        mut request: Request<DeleteTrunkRequest>,
    ) -> Result<Response<DeleteTrunkResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::delete_trunk(request.into_inner());
        run(self, &context, input).await?;
        Ok(Response::new(DeleteTrunkResponse {}))
    }

    async fn rate_call(
        &self,
        mut request: Request<RateCallRequest>,
    ) -> Result<Response<RateCallResponse>, Status> {
        let context = context(&mut request)?;
        let input = calls::rate_call(request.into_inner());
        let rated = run(self, &context, input).await?;
        Ok(Response::new(convert::rated(rated)))
    }

    async fn rerate(
        &self,
        mut request: Request<RerateRequest>,
    ) -> Result<Response<RerateResponse>, Status> {
        let context = context(&mut request)?;
        let input = calls::rerate(request.into_inner());
        let rerated = run(self, &context, input).await?;
        Ok(Response::new(convert::rerated(rerated)))
    }

    async fn sum_charges(
        &self,
        mut request: Request<SumChargesRequest>,
    ) -> Result<Response<SumChargesResponse>, Status> {
        let context = context(&mut request)?;
        let input = calls::sum_charges(request.get_ref());
        let sums = run(self, &context, input).await?;
        Ok(Response::new(SumChargesResponse {
            sums: sums.into_iter().map(convert::sum).collect(),
        }))
    }

    type ExportChargesStream = BoxStream<'static, Result<ExportChargesResponse, Status>>;

    async fn export_charges(
        &self,
        mut request: Request<ExportChargesRequest>,
    ) -> Result<Response<Self::ExportChargesStream>, Status> {
        let context = context(&mut request)?;
        let input = calls::export(request.get_ref());
        let export = run(self, &context, input).await?;
        let pieces = export.map(move |piece| match piece {
            Ok(piece) => Ok(ExportChargesResponse {
                data: piece.data,
                cursor: piece.cursor,
            }),
            Err(error) => Err(refuse(error.into(), &context)),
        });
        Ok(Response::new(pieces.boxed()))
    }
}
