//! The one road to a collector: OTLP over gRPC or HTTP, TLS, headers, deadline and retries.
//!
//! The exporters of `opentelemetry-otlp` cannot send a Prometheus registry (the SDK's metric data
//! has no public constructor), so metrics need a client of their own; with one client for all three
//! signals, headers, certificates, deadlines and drop counts behave the same everywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, Uri};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::dropped::Dropped;
use crate::settings::Export;

mod client;
mod request;
mod tls;

use client::Client;
pub(crate) use request::{Request, Signal};
pub(crate) use tls::Error as TlsError;

/// One export, retries included, takes no longer: the period of a span batch is 5 s, the queue
/// behind it holds several batches.
const EXPORT_DEADLINE: Duration = Duration::from_secs(10);
const FIRST_RETRY: Duration = Duration::from_millis(500);

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The collector may take the same request later.
    #[error("{0}")]
    Transient(String),
    /// It never will.
    #[error("{0}")]
    Permanent(String),
}

/// Sends requests of every signal; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Transport(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    traces: Option<Route>,
    metrics: Option<Route>,
    logs: Option<Route>,
    dropped: Dropped,
    runtime: Handle,
}

/// Where one signal goes, and whether it got through the last time.
#[derive(Debug)]
struct Route {
    uri: Uri,
    failing: AtomicBool,
}

impl Route {
    fn new(url: &url::Url) -> Result<Self, http::uri::InvalidUri> {
        Ok(Self {
            uri: url.as_str().parse()?,
            failing: AtomicBool::new(false),
        })
    }
}

impl Transport {
    /// Must be called inside a Tokio runtime, which then carries all sending.
    pub(crate) fn new(export: &Export, dropped: Dropped) -> Result<Self, TlsError> {
        let targets = &export.targets;
        let route = |url: &url::Url| {
            Route::new(url).map_err(|source| TlsError::Address {
                url: url.to_string(),
                source,
            })
        };
        Ok(Self(Arc::new(Inner {
            client: Client::new(
                export.protocol,
                export.headers.clone(),
                tls::client_config(export.ca_file.as_deref())?,
            ),
            traces: targets.traces.as_ref().map(route).transpose()?,
            metrics: targets.metrics.as_ref().map(route).transpose()?,
            logs: targets.logs.as_ref().map(route).transpose()?,
            dropped,
            runtime: Handle::current(),
        })))
    }

    pub(crate) fn dropped(&self) -> &Dropped {
        &self.0.dropped
    }

    /// Sends one request; what fails for good is counted and logged, so there is nothing to return.
    /// May be polled outside the runtime: the SDK's processors have threads of their own.
    pub(crate) async fn send<R: Request>(&self, request: R) {
        let items = request.items();
        if items == 0 {
            return;
        }
        let transport = self.clone();
        let sent = self.0.runtime.spawn(async move {
            transport.deliver(&request).await;
        });
        // The task ends early only with its runtime, or by a panic: nothing arrived then.
        if sent.await.is_err() {
            self.0.dropped.of(R::SIGNAL).inc_by(items);
        }
    }

    async fn deliver<R: Request>(&self, request: &R) {
        let Some(route) = self.route(R::SIGNAL) else {
            return;
        };
        let outcome = self.attempts(request, &route.uri).await;
        let dropped = self.0.dropped.of(R::SIGNAL);
        match outcome {
            Ok(reply) => {
                dropped.inc_by(R::rejected(&reply));
                if route.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(signal = %R::SIGNAL, "the collector takes telemetry again");
                }
            }
            Err(failure) => {
                dropped.inc_by(request.items());
                // Once per outage: a line per batch would bury the log that people need then.
                if !route.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        signal = %R::SIGNAL, endpoint = %route.uri, error = %failure,
                        "the collector does not take telemetry; it is dropped and counted until it does"
                    );
                }
            }
        }
    }

    async fn attempts<R: Request>(&self, request: &R, uri: &Uri) -> Result<R::Reply, Failure> {
        let deadline = Instant::now() + EXPORT_DEADLINE;
        let mut pause = FIRST_RETRY;
        loop {
            let attempt = timeout_at(deadline, self.0.client.call(request, uri)).await;
            let outcome = attempt.unwrap_or_else(|_| {
                let seconds = EXPORT_DEADLINE.as_secs();
                Err(Failure::Transient(format!("no answer within {seconds} s")))
            });
            let again = R::RETRIED && Instant::now() + pause < deadline;
            match outcome {
                Err(Failure::Transient(_)) if again => {}
                outcome => return outcome,
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    fn route(&self, signal: Signal) -> Option<&Route> {
        match signal {
            Signal::Traces => self.0.traces.as_ref(),
            Signal::Metrics => self.0.metrics.as_ref(),
            Signal::Logs => self.0.logs.as_ref(),
        }
    }
}

/// Copies the user's headers into a request, over what is there.
fn add_headers(to: &mut HeaderMap, headers: &HeaderMap) {
    for (name, value) in headers {
        to.insert(name, value.clone());
    }
}
