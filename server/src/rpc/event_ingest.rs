//! The `EventIngest` service.

use telecom_proto::v1 as proto;
use telecom_proto::v1::event_ingest_server::EventIngest;
use telecom_proto::v1::{PublishRequest, PublishResponse, RefusedEvent};
use tonic::{Request, Response, Status};

use super::call::{context, run};
use super::status::Refusal;
use crate::billing::Unusable;
use crate::domain::{EventService, PublishEvents};
use crate::events::{EventDraft, EventRefusal};

/// Most events of one request.
const MAX_EVENTS: usize = 1000;
/// Characters of a detail that are told.
const MAX_DETAIL: usize = 200;

#[tonic::async_trait]
impl EventIngest for EventService {
    async fn publish(
        &self,
        mut request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let context = context(&mut request)?;
        let input = drafts(request.into_inner());
        let published = run(self, &context, input).await?;
        let refused = published.refused.iter().map(|(index, why)| RefusedEvent {
            index: *index,
            reason: reason(why).into(),
            detail: why.to_string().chars().take(MAX_DETAIL).collect(),
        });
        Ok(Response::new(PublishResponse {
            accepted: published.accepted,
            refused: refused.collect(),
        }))
    }
}

fn drafts(request: PublishRequest) -> Result<PublishEvents, Refusal> {
    if !(1..=MAX_EVENTS).contains(&request.events.len()) {
        return Err(Refusal::field("events", "must be 1 to 1000"));
    }
    let drafts = request.events.into_iter().map(|event| EventDraft {
        id: event.id,
        source: event.source,
        route: event.r#type,
        data: event.data,
    });
    Ok(PublishEvents(drafts.collect()))
}

fn reason(why: &EventRefusal) -> proto::EventRefusal {
    match why {
        EventRefusal::IdInvalid => proto::EventRefusal::IdInvalid,
        EventRefusal::SourceInvalid => proto::EventRefusal::SourceInvalid,
        EventRefusal::TypeUnknown => proto::EventRefusal::TypeUnknown,
        EventRefusal::DataTooLong => proto::EventRefusal::DataInvalid,
        EventRefusal::Data(why) => match why {
            Unusable::Negative => proto::EventRefusal::Negative,
            Unusable::TimeInvalid => proto::EventRefusal::TimeInvalid,
            Unusable::TooOld => proto::EventRefusal::TooOld,
            Unusable::TooNew => proto::EventRefusal::TooNew,
            Unusable::Malformed(_)
            | Unusable::UserUnknown
            | Unusable::TooMuch
            | Unusable::Failed(_) => proto::EventRefusal::DataInvalid,
        },
    }
}
