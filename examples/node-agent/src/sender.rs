//! Brings the reports of the spool to the server, in their order, and lets go of those that it has.

use std::collections::VecDeque;
use std::sync::Arc;

use prost::Message as _;
use telecom_proto::v1::node_agent_client::NodeAgentClient;
use telecom_proto::v1::stream_usage_response::Outcome;
use telecom_proto::v1::{
    ReportUsageRequest, ReportUsageResponse, StreamUsageRequest, StreamUsageResponse,
};
use telecom_spool::Position;
use telecom_spool::backoff::Backoff;
use tokio::sync::{broadcast, mpsc};
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::access::Keeper;
use crate::connection::Token;
use crate::event::Event;
use crate::queue::Queue;
use crate::retry;

/// Reports that are on their way at once. The server works on one at a time; the next ones lie ready.
const WINDOW: usize = 4;

/// What sending needs.
pub struct Sender {
    /// The way to the server.
    pub channel: Channel,
    /// The node's token.
    pub token: Arc<Token>,
    /// The spool.
    pub queue: Queue,
    /// Takes up whom the answers deny.
    pub access: Arc<Keeper>,
    /// Where it is said what was not taken.
    pub events: broadcast::Sender<Event>,
}

/// A report without an answer.
struct Sent {
    report: ReportUsageRequest,
    /// Where the next one begins.
    next: Position,
}

impl Sender {
    /// Sends until the future is dropped. After an error it waits, and goes on with the first report that
    /// has no answer; those behind it that were taken nevertheless are known to the server.
    pub async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let Err(status) = self.stream(&mut backoff).await else {
                continue;
            };
            if status.code() == Code::Unauthenticated {
                self.token.read_again();
            }
            let pause = retry::after(&mut backoff, &status);
            tracing::warn!(code = ?status.code(), message = status.message(), ?pause, "reports wait");
            sleep(pause).await;
        }
    }

    /// One stream, until the server ends it or something goes wrong.
    async fn stream(&self, backoff: &mut Backoff) -> Result<(), Status> {
        let (reports, outgoing) = mpsc::channel(WINDOW);
        let (mut sent, mut next) = (VecDeque::new(), self.queue.head());
        self.fill(&reports, &mut sent, &mut next)?;
        let request = self.token.on(ReceiverStream::new(outgoing));
        let mut client = NodeAgentClient::new(self.channel.clone());
        let mut answers = client.stream_usage(request).await?.into_inner();
        loop {
            tokio::select! {
                answer = answers.message() => match answer? {
                    Some(answer) => {
                        self.settle(sent.pop_front(), answer)?;
                        backoff.reset();
                    }
                    None => return Ok(()),
                },
                () = self.queue.appended(), if sent.len() < WINDOW => {}
            }
            self.fill(&reports, &mut sent, &mut next)?;
        }
    }

    /// Puts reports on their way while there is room.
    fn fill(
        &self,
        reports: &mpsc::Sender<StreamUsageRequest>,
        sent: &mut VecDeque<Sent>,
        next: &mut Position,
    ) -> Result<(), Status> {
        while sent.len() < WINDOW {
            let Some((bytes, behind)) = self.queue.read(*next).map_err(disk)? else {
                break;
            };
            *next = behind;
            let report = match ReportUsageRequest::decode(&bytes[..]) {
                Ok(report) => report,
                Err(error) => {
                    // Its checksum is right: an agent of another kind has written it.
                    return Err(Status::internal(format!("no report in the spool: {error}")));
                }
            };
            let message = StreamUsageRequest {
                report: Some(report.clone()),
            };
            // No room: the stream has ended, which its answers will say.
            if reports.try_send(message).is_err() {
                break;
            }
            sent.push_back(Sent {
                report,
                next: behind,
            });
        }
        Ok(())
    }

    /// Takes up the answer to the oldest report that has none.
    fn settle(&self, sent: Option<Sent>, answer: StreamUsageResponse) -> Result<(), Status> {
        let sent = sent.filter(|sent| sent.report.seq == answer.seq);
        let sent = sent.ok_or_else(|| Status::internal("an answer to no report"))?;
        match answer.outcome {
            Some(Outcome::Taken(taken)) => self.taken(&sent.report, &taken),
            Some(Outcome::Failed(failed)) => {
                self.failed(&sent.report, &retry::as_status(&failed))?;
            }
            None => return Err(Status::internal("an answer without an outcome")),
        }
        self.queue.release(sent.next).map_err(disk)
    }

    fn taken(&self, report: &ReportUsageRequest, taken: &ReportUsageResponse) {
        for refused in &taken.refused {
            let row = usize::try_from(refused.index).ok();
            let Some(row) = row.and_then(|index| report.rows.get(index)) else {
                continue;
            };
            let reason = refused.reason().as_str_name();
            let reason = reason.strip_prefix("REFUSAL_REASON_").unwrap_or(reason);
            tracing::warn!(
                seq = report.seq,
                user_id = row.user_id,
                node_client_id = row.node_client_id,
                reason,
                "a row was refused"
            );
            let _ = self.events.send(Event::Refused {
                user_id: row.user_id.clone(),
                node_client_id: row.node_client_id,
                reason,
            });
        }
        self.access.denied(taken.access_version, &taken.denied);
    }

    /// A report that can never be taken is put aside, so that those behind it are.
    fn failed(&self, report: &ReportUsageRequest, status: &Status) -> Result<(), Status> {
        if !retry::is_final(status) {
            return Err(status.clone());
        }
        self.queue.reject(report).map_err(disk)?;
        tracing::error!(boot_id = report.boot_id, seq = report.seq, code = ?status.code(), message = status.message(),
            "the server will never take this report; it lies in rejected/");
        let _ = self.events.send(Event::Rejected {
            boot_id: report.boot_id.clone(),
            seq: report.seq,
            error: status.message().to_owned(),
        });
        Ok(())
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn disk(error: std::io::Error) -> Status {
    Status::internal(format!("the spool's disk: {error}"))
}
