//! The `EventManage` service.

use telecom_proto::v1 as proto;
use telecom_proto::v1::event_manage_server::EventManage;
use telecom_proto::v1::{
    DiscardRequest, DiscardResponse, EventStatus, ListDeadLettersRequest, ListDeadLettersResponse,
    ListEventsRequest, ListEventsResponse, RedriveRequest, RedriveResponse,
};
use tonic::{Request, Response, Status};

use super::call::{context, run};
use super::convert::timestamp;
use super::requests::{limit, word};
use super::status::Refusal;
use crate::domain::{
    AdminDiscard, AdminListDeadLetters, AdminListEvents, AdminRedrive, ManageService,
};
use crate::events::{DeadLetter, Event};
use crate::store::outbox::EventFilter;
use crate::violation::check_reason;

/// Most dead letters of one request.
const MAX_IDS: usize = 500;

#[tonic::async_trait]
impl EventManage for ManageService {
    async fn list_events(
        &self,
        mut request: Request<ListEventsRequest>,
    ) -> Result<Response<ListEventsResponse>, Status> {
        let context = context(&mut request)?;
        let input = events(request.into_inner());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListEventsResponse {
            events: page.items.into_iter().map(event).collect(),
            next_before_id: page.next_before_id.unwrap_or_default(),
        }))
    }

    async fn list_dead_letters(
        &self,
        mut request: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        let context = context(&mut request)?;
        let input = dead_letters(request.into_inner());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListDeadLettersResponse {
            dead_letters: page.items.into_iter().map(dead_letter).collect(),
            next_before_id: page.next_before_id.unwrap_or_default(),
        }))
    }

    async fn redrive(
        &self,
        mut request: Request<RedriveRequest>,
    ) -> Result<Response<RedriveResponse>, Status> {
        let context = context(&mut request)?;
        let input = redrive(request.into_inner());
        let redriven = run(self, &context, input).await?;
        Ok(Response::new(RedriveResponse { redriven }))
    }

    async fn discard(
        &self,
        mut request: Request<DiscardRequest>,
    ) -> Result<Response<DiscardResponse>, Status> {
        let context = context(&mut request)?;
        let input = discard(request.into_inner());
        let unassigned = run(self, &context, input).await?;
        Ok(Response::new(DiscardResponse {
            unassigned_bytes: u64::try_from(unassigned).unwrap_or(u64::MAX),
        }))
    }
}

fn before(id: i64) -> Result<Option<i64>, Refusal> {
    if id < 0 {
        let description = "must be the id of the last of a page, or 0 for the first page";
        return Err(Refusal::field("before_id", description));
    }
    Ok((id > 0).then_some(id))
}

fn events(request: ListEventsRequest) -> Result<AdminListEvents, Refusal> {
    let published = match EventStatus::try_from(request.status) {
        Ok(EventStatus::Unspecified) => None,
        Ok(EventStatus::Pending) => Some(false),
        Ok(EventStatus::Published) => Some(true),
        Err(_) => return Err(Refusal::field("status", "must be a known status")),
    };
    Ok(AdminListEvents {
        limit: limit(request.limit)?,
        filter: EventFilter {
            route: word("route", request.route)?,
            published,
            before_id: before(request.before_id)?,
        },
    })
}

fn dead_letters(request: ListDeadLettersRequest) -> Result<AdminListDeadLetters, Refusal> {
    Ok(AdminListDeadLetters {
        limit: limit(request.limit)?,
        route: word("route", request.route)?,
        before_id: before(request.before_id)?,
    })
}

fn redrive(request: RedriveRequest) -> Result<AdminRedrive, Refusal> {
    let mut ids = request.ids;
    if !(1..=MAX_IDS).contains(&ids.len()) || ids.iter().any(|id| *id < 1) {
        return Err(Refusal::field(
            "ids",
            "must be 1 to 500 numbers of dead letters",
        ));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(AdminRedrive { ids })
}

fn discard(request: DiscardRequest) -> Result<AdminDiscard, Refusal> {
    if request.id < 1 {
        return Err(Refusal::field(
            "id",
            "must be the number of a dead letter, 1 or more",
        ));
    }
    check_reason("reason", &request.reason).map_err(Refusal::Invalid)?;
    if request.reason.is_empty() {
        return Err(Refusal::field("reason", "must be said"));
    }
    Ok(AdminDiscard {
        id: request.id,
        reason: request.reason,
    })
}

fn event(event: Event) -> proto::Event {
    proto::Event {
        id: event.id,
        event_id: event.event_id.to_string(),
        source: event.source,
        source_id: event.source_id.unwrap_or_default(),
        route: event.route,
        data: event.payload.to_string(),
        trace_id: event.trace_id,
        created_at: Some(timestamp(event.created_at)),
        published_at: event.published_at.map(timestamp),
        attempts: event.attempts.into(),
        retry_at: event.retry_at.map(timestamp),
    }
}

fn dead_letter(letter: DeadLetter) -> proto::DeadLetter {
    proto::DeadLetter {
        id: letter.id,
        event_id: letter.event_id.to_string(),
        source: letter.source,
        source_id: letter.source_id.unwrap_or_default(),
        route: letter.route,
        data: letter.payload.to_string(),
        trace_id: letter.trace_id,
        reason: letter.reason,
        detail: letter.detail,
        attempts: letter.attempts.into(),
        created_at: Some(timestamp(letter.created_at)),
        died_at: Some(timestamp(letter.died_at)),
    }
}
