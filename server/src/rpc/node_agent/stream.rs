//! Streams of reports: one after the other, each answered before the next one is read, so that a node
//! that does not read its answers is not read either.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, Stream};
use prost::Message as _;
use telecom_proto::v1::stream_usage_response::Outcome;
use telecom_proto::v1::{StreamUsageRequest, StreamUsageResponse};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use tracing::Instrument as _;

use super::usage;
use crate::domain::{AgentService, Context, DomainError};
use crate::metrics::Metrics;
use crate::rpc::call::refuse;
use crate::rpc::status::{self, Refusal};

/// A token that was revoked opens no other stream, and none lasts longer.
pub(super) const LIFETIME: Duration = Duration::from_mins(15);

/// Takes the reports of one stream.
#[derive(Debug)]
pub(super) struct Taker {
    pub(super) agents: AgentService,
    pub(super) metrics: Metrics,
    pub(super) context: Context,
    /// The longest one report may take.
    pub(super) timeout: Duration,
    /// Of the stream.
    pub(super) span: tracing::Span,
    /// Free again when the stream has ended.
    pub(super) _place: OwnedSemaphorePermit,
}

/// What takes a report; an error ends the stream.
pub(super) trait Take {
    fn take(
        &self,
        request: StreamUsageRequest,
    ) -> impl Future<Output = Result<StreamUsageResponse, Status>> + Send;

    /// What the library said of a message.
    fn broken(&self, status: &Status) -> Status;
}

impl Take for Taker {
    async fn take(&self, request: StreamUsageRequest) -> Result<StreamUsageResponse, Status> {
        let report = request.report.unwrap_or_default();
        let seq = report.seq;
        let now = Instant::now();
        let context = Context {
            deadline: now + self.timeout,
            received: now,
            ..self.context.clone()
        };
        let span = tracing::info_span!(parent: &self.span, "report", seq);
        let taken = usage::take(&self.agents, &self.metrics, &context, report);
        let outcome = match taken.instrument(span).await {
            Ok(response) => Outcome::Taken(response),
            Err(gone @ Refusal::Domain(DomainError::TokenInvalid)) => {
                return Err(refuse(gone, &context));
            }
            Err(refusal) => Outcome::Failed(told(&refuse(refusal, &context))),
        };
        Ok(StreamUsageResponse {
            seq,
            outcome: Some(outcome),
        })
    }

    fn broken(&self, status: &Status) -> Status {
        refuse(status::of_library(status), &self.context)
    }
}

/// A status as a message: that is what ours have as their details.
fn told(status: &Status) -> tonic_types::Status {
    tonic_types::Status::decode(status.details()).unwrap_or_default()
}

/// An answer to each request, in their order, for as long as a stream lives.
pub(super) fn answers<R, T>(
    requests: R,
    taker: T,
    lifetime: Duration,
) -> impl Stream<Item = Result<StreamUsageResponse, Status>>
where
    R: Stream<Item = Result<StreamUsageRequest, Status>> + Unpin,
    T: Take,
{
    let end = Instant::now() + lifetime;
    stream::unfold(Some((requests, taker)), move |open| async move {
        let (mut requests, taker) = open?;
        // A request that is there already would go before the timeout.
        if Instant::now() >= end {
            return None;
        }
        let answer = match timeout_at(end, requests.next()).await {
            Err(_) | Ok(None) => return None,
            Ok(Some(Ok(request))) => taker.take(request).await,
            Ok(Some(Err(status))) => Err(taker.broken(&status)),
        };
        let open = answer.is_ok().then_some((requests, taker));
        Some((answer, open))
    })
}

#[cfg(test)]
mod tests {
    use telecom_proto::v1::ReportUsageRequest;

    use super::*;

    /// Answers with the number; 13 is the end of it.
    struct Numbers;

    impl Take for Numbers {
        async fn take(&self, request: StreamUsageRequest) -> Result<StreamUsageResponse, Status> {
            let seq = request.report.unwrap_or_default().seq;
            if seq == 13 {
                return Err(Status::unauthenticated(""));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(StreamUsageResponse { seq, outcome: None })
        }

        fn broken(&self, status: &Status) -> Status {
            Status::invalid_argument(status.message())
        }
    }

    fn request(seq: u64) -> StreamUsageRequest {
        let report = ReportUsageRequest {
            seq,
            ..Default::default()
        };
        StreamUsageRequest {
            report: Some(report),
        }
    }

    /// The numbers of the answers, and the code of the error at the end.
    async fn run(
        requests: impl Stream<Item = Result<StreamUsageRequest, Status>> + Unpin,
        lifetime: Duration,
    ) -> (Vec<u64>, Option<tonic::Code>) {
        let (mut numbers, mut end) = (Vec::new(), None);
        for answer in answers(requests, Numbers, lifetime)
            .collect::<Vec<_>>()
            .await
        {
            assert_eq!(end, None, "nothing after an error");
            match answer {
                Ok(response) => numbers.push(response.seq),
                Err(status) => end = Some(status.code()),
            }
        }
        (numbers, end)
    }

    #[tokio::test]
    async fn a_stream_is_answered_in_order_and_ends_for_its_reason() {
        let broken = || Err(Status::internal("no message"));
        let cases = [
            (vec![], vec![], None),
            (vec![Ok(request(1)), Ok(request(2))], vec![1, 2], None),
            (
                vec![Ok(request(1)), Ok(request(13)), Ok(request(2))],
                vec![1],
                Some(tonic::Code::Unauthenticated),
            ),
            (
                vec![Ok(request(1)), broken(), Ok(request(2))],
                vec![1],
                Some(tonic::Code::InvalidArgument),
            ),
        ];
        for (requests, numbers, end) in cases {
            assert_eq!(run(stream::iter(requests), LIFETIME).await, (numbers, end));
        }
    }

    #[tokio::test]
    async fn no_stream_lives_longer_than_its_time() {
        let lifetime = Duration::from_millis(200);
        // Reports without end.
        let (numbers, end) = run(stream::iter((100..).map(|seq| Ok(request(seq)))), lifetime).await;
        let taken = 100..100 + numbers.len() as u64;
        assert_eq!((numbers, end), (taken.collect(), None));
        // Nothing at all.
        assert_eq!(run(stream::pending(), lifetime).await, (vec![], None));
    }
}
