//! Takes records of calls from all who bring them and stores them together: a PBX sends each in a request of its own,
//! and a transaction for each of them would cost more than the record.

use std::sync::Arc;
use std::time::Duration;

use telecom_telemetry::propagation;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tracing::{Instrument as _, Span};

use crate::calls::Outcome;
use crate::domain::{CallService, DomainError, Incoming, StoredCalls};
use crate::metrics::Metrics;
use crate::store::StoreError;

/// Transactions at a time.
const WORKERS: usize = 4;
/// Records of one transaction, unless one request brings more.
const BATCH: usize = 256;
/// Requests that wait, each with its caller.
const QUEUE: usize = 4096;
/// How long a request is kept waiting: RustPBX gives up after 10 seconds and does not come again.
pub const PATIENCE: Duration = Duration::from_secs(8);
/// Between two attempts at a database that is away.
const PAUSE: Duration = Duration::from_millis(250);

/// Where records are handed in.
#[derive(Debug, Clone)]
pub struct CallIntake {
    sender: mpsc::Sender<Request>,
}

/// What stores them.
#[derive(Debug)]
pub struct CallStorer {
    service: CallService,
    metrics: Metrics,
    requests: Arc<Mutex<mpsc::Receiver<Request>>>,
}

/// The records of one request.
#[derive(Debug)]
struct Request {
    calls: Arc<[Incoming]>,
    deadline: Instant,
    /// Its span as a `traceparent`, when its trace is recorded.
    traceparent: Option<String>,
    reply: oneshot::Sender<Result<Vec<Outcome>, DomainError>>,
}

impl CallIntake {
    /// A way in, and what has to run behind it.
    pub fn new(service: CallService, metrics: Metrics) -> (Self, CallStorer) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let storer = CallStorer {
            service,
            metrics,
            requests: Arc::new(Mutex::new(receiver)),
        };
        (Self { sender }, storer)
    }

    /// Stores records, or tells why none of them is; what became of each, in their order. Waits for a database that is
    /// away until the deadline, and no longer than RustPBX waits.
    pub async fn store(
        &self,
        calls: Vec<Incoming>,
        deadline: Instant,
    ) -> Result<Vec<Outcome>, DomainError> {
        let deadline = deadline.min(Instant::now() + PATIENCE);
        let calls = Arc::from(calls);
        loop {
            match self.hand_in(&calls, deadline).await {
                Err(DomainError::Store(error))
                    if may_pass(&error) && Instant::now() + PAUSE < deadline =>
                {
                    sleep(PAUSE).await;
                }
                result => return result,
            }
        }
    }

    async fn hand_in(
        &self,
        calls: &Arc<[Incoming]>,
        deadline: Instant,
    ) -> Result<Vec<Outcome>, DomainError> {
        let (reply, stored) = oneshot::channel();
        let request = Request {
            calls: Arc::clone(calls),
            deadline,
            traceparent: propagation::sampled_traceparent(),
            reply,
        };
        self.sender
            .send(request)
            .await
            .map_err(|_| DomainError::Draining)?;
        // Without an answer the storer is gone: what it held is rolled back.
        stored.await.unwrap_or(Err(DomainError::Draining))
    }
}

fn may_pass(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unavailable(_) | StoreError::Conflict(_) | StoreError::PartitionMissing(_)
    )
}

/// The span of a batch: part of the trace of its first request that is recorded, if there is one.
fn span(requests: &[Request]) -> Span {
    let causes = requests.iter();
    let causes = causes.filter_map(|request| request.traceparent.as_deref());
    let causes: Vec<_> = causes.collect();
    if causes.is_empty() {
        return Span::none();
    }
    let records = requests.iter().map(|request| request.calls.len());
    let span = tracing::info_span!(
        parent: None,
        "calls",
        otel.name = "store calls",
        telecom.requests = requests.len(),
        telecom.call_records = records.sum::<usize>(),
    );
    propagation::carry_on(&span, causes);
    span
}

impl CallStorer {
    /// Stores what is handed in until the future is dropped.
    pub async fn run(&self) {
        let workers = (0..WORKERS).map(|_| self.work());
        futures::future::join_all(workers).await;
    }

    async fn work(&self) {
        while let Some(requests) = self.next().await {
            let span = span(&requests);
            self.store(requests).instrument(span).await;
        }
    }

    /// The requests that wait, as many as make a batch; whose caller has gone is left out.
    async fn next(&self) -> Option<Vec<Request>> {
        let mut queue = self.requests.lock().await;
        let mut requests = vec![queue.recv().await?];
        let mut records = requests[0].calls.len();
        while records < BATCH
            && let Ok(request) = queue.try_recv()
        {
            if !request.reply.is_closed() {
                records += request.calls.len();
                requests.push(request);
            }
        }
        Some(requests)
    }

    async fn store(&self, mut requests: Vec<Request>) {
        if requests.len() == 1
            && let Some(request) = requests.pop()
        {
            return self.store_one(request).await;
        }
        let deadline = requests.iter().map(|request| request.deadline).min();
        let deadline = deadline.unwrap_or_else(Instant::now);
        let calls = requests.iter().flat_map(|request| request.calls.iter());
        let together: Vec<_> = calls.collect();
        match self.service.store(&together, deadline).await {
            Ok(stored) => {
                let mut outcomes = self.counted(stored).into_iter();
                for request in requests {
                    let of_request = outcomes.by_ref().take(request.calls.len()).collect();
                    let _ = request.reply.send(Ok(of_request));
                }
            }
            // Whose fault it was shows when each is alone.
            Err(error) => {
                tracing::debug!(%error, "records are stored one request after the other");
                for request in requests {
                    self.store_one(request).await;
                }
            }
        }
    }

    async fn store_one(&self, request: Request) {
        let calls: Vec<_> = request.calls.iter().collect();
        let stored = self.service.store(&calls, request.deadline).await;
        let stored = stored.map(|stored| self.counted(stored));
        let _ = request.reply.send(stored);
    }

    fn counted(&self, stored: StoredCalls) -> Vec<Outcome> {
        self.metrics.calls.count(&stored.outcomes, &stored.new);
        self.metrics.call_center.count(&stored.new);
        self.metrics.wholesale.count(&stored.ratings);
        stored.outcomes
    }
}
