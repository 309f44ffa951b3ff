//! The `CallIngest` service.

use telecom_proto::v1::call_ingest_server::CallIngest;
use telecom_proto::v1::{
    CallRecordOutcome, CallRecordResult, IngestCallRecordsRequest, IngestCallRecordsResponse,
    ReportPbxStateRequest, ReportPbxStateResponse,
};
use tonic::{Request, Response, Status};

use super::call::{context, refuse, run};
use super::convert::timestamp;
use crate::auth::Caller;
use crate::call_intake::CallIntake;
use crate::calls::Outcome;
use crate::domain::{CallService, DomainError};

mod requests;

/// Takes records and reports of PBXs.
#[derive(Debug, Clone)]
pub(super) struct Rpc {
    service: CallService,
    intake: CallIntake,
}

impl Rpc {
    pub(super) fn new(service: CallService, intake: CallIntake) -> Self {
        Self { service, intake }
    }
}

#[tonic::async_trait]
impl CallIngest for Rpc {
    async fn ingest_call_records(
        &self,
        mut request: Request<IngestCallRecordsRequest>,
    ) -> Result<Response<IngestCallRecordsResponse>, Status> {
        let context = context(&mut request)?;
        let Caller::Pbx(pbx) = context.caller else {
            return Err(refuse(DomainError::WrongCaller.into(), &context));
        };
        let calls = requests::records(pbx, request.into_inner());
        let calls = calls.map_err(|refusal| refuse(refusal, &context))?;
        let stored = self.intake.store(calls, context.deadline).await;
        let outcomes = stored.map_err(|error| refuse(error.into(), &context))?;
        Ok(Response::new(IngestCallRecordsResponse {
            results: (0..).zip(&outcomes).map(result).collect(),
        }))
    }

    async fn report_pbx_state(
        &self,
        mut request: Request<ReportPbxStateRequest>,
    ) -> Result<Response<ReportPbxStateResponse>, Status> {
        let context = context(&mut request)?;
        let input = requests::report(request.into_inner());
        let expires_at = run(&self.service, &context, input).await?;
        Ok(Response::new(ReportPbxStateResponse {
            expires_at: Some(timestamp(expires_at)),
        }))
    }
}

fn result((index, outcome): (u32, &Outcome)) -> CallRecordResult {
    let rejection = outcome.rejection();
    CallRecordResult {
        index,
        outcome: match outcome {
            Outcome::Stored => CallRecordOutcome::Stored,
            Outcome::Duplicate => CallRecordOutcome::Duplicate,
            Outcome::Conflict(_) => CallRecordOutcome::Conflict,
            Outcome::Rejected(_) => CallRecordOutcome::Rejected,
        }
        .into(),
        reason: rejection.map_or_else(String::new, |why| why.reason.as_str().to_owned()),
        field: rejection.map(|why| why.field.clone()).unwrap_or_default(),
        description: rejection
            .map(|why| why.description.clone())
            .unwrap_or_default(),
    }
}
