//! The way of each signal to the collector: OTLP over gRPC or HTTP, TLS, headers, deadline, retries.
//!
//! Spans and log records are sent by the exporters of `opentelemetry-otlp`. What stands around them
//! here is what they leave open: one TLS configuration for both protocols, a deadline that also ends
//! an attempt under way, one line per outage, and every loss counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_http::hyper::HyperClient;
use prometheus::IntCounter;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use url::Url;

use crate::dropped::Dropped;
use crate::settings::{Export, Protocol};
use crate::signal::Signal;

mod connector;
mod http;
mod rejections;
mod road;
#[cfg(test)]
mod tests;
mod tls;

use self::http::Client;
use connector::Connector;
pub(crate) use rejections::Rejections;
use road::{Headers, Road};
pub(crate) use tls::Error as TransportError;

/// The target of the events of `opentelemetry-otlp`.
pub(crate) const EXPORTERS: &str = "opentelemetry-otlp";

/// One export, retries included, takes no longer: the period of a span batch is 5 s, the queue
/// behind it holds several batches.
const EXPORT_DEADLINE: Duration = Duration::from_secs(10);
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection whose peer vanished without a word is noticed after two of these.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Where each signal goes; `None` goes nowhere.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) traces: Option<Arc<Route>>,
    pub(crate) metrics: Option<Arc<Route>>,
    pub(crate) logs: Option<Arc<Route>>,
}

/// Where one signal goes, and whether it got through the last time.
#[derive(Debug)]
pub(crate) struct Route {
    signal: Signal,
    endpoint: Url,
    road: Road,
    dropped: IntCounter,
    failing: AtomicBool,
    runtime: Handle,
}

impl Transport {
    /// Must be called inside a Tokio runtime, which then carries all sending.
    pub(crate) fn new(export: &Export, dropped: &Dropped) -> Result<Self, TransportError> {
        let mut roads = Roads::new(export)?;
        let mut route = |signal: Signal, url: &Option<Url>| {
            let Some(url) = url else { return Ok(None) };
            Ok::<_, TransportError>(Some(Arc::new(Route {
                signal,
                endpoint: url.clone(),
                road: roads.to(url)?,
                dropped: dropped.of(signal).clone(),
                failing: AtomicBool::new(false),
                runtime: Handle::current(),
            })))
        };
        let targets = &export.targets;
        Ok(Self {
            traces: route(Signal::Traces, &targets.traces)?,
            metrics: route(Signal::Metrics, &targets.metrics)?,
            logs: route(Signal::Logs, &targets.logs)?,
        })
    }
}

/// Makes roads: signals of one collector share its connection.
struct Roads {
    protocol: Protocol,
    headers: Headers,
    connector: Connector,
    http: HyperClient<Connector>,
    channels: Vec<(Url, Channel)>,
}

impl Roads {
    fn new(export: &Export) -> Result<Self, TransportError> {
        let connector = Connector::new(export.protocol, export.ca_file.clone())?;
        Ok(Self {
            protocol: export.protocol,
            headers: Headers(export.headers.clone()),
            http: HyperClient::new(connector.clone(), EXPORT_DEADLINE, None),
            connector,
            channels: Vec::new(),
        })
    }

    fn to(&mut self, url: &Url) -> Result<Road, TransportError> {
        let headers = self.headers.clone();
        Ok(match self.protocol {
            Protocol::Grpc => Road::Grpc {
                channel: self.channel(url)?,
                headers,
            },
            Protocol::Http => Road::Http {
                client: Arc::new(Client::new(self.http.clone(), headers)),
                url: url.to_string(),
            },
        })
    }

    fn channel(&mut self, url: &Url) -> Result<Channel, TransportError> {
        if let Some((_, channel)) = self.channels.iter().find(|(other, _)| other == url) {
            return Ok(channel.clone());
        }
        let endpoint =
            Endpoint::new(url.to_string()).map_err(|source| TransportError::Address {
                url: url.to_string(),
                source,
            })?;
        let channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .connect_with_connector_lazy(self.connector.clone());
        self.channels.push((url.clone(), channel.clone()));
        Ok(channel)
    }
}

impl Route {
    pub(crate) fn road(&self) -> &Road {
        &self.road
    }

    pub(crate) fn dropped(&self) -> &IntCounter {
        &self.dropped
    }

    /// Carries out one export of so many items; it says how many of them were thrown away, or why
    /// all were. That is counted and logged, so there is nothing to return.
    ///
    /// May be polled outside the runtime: the SDK's processors have threads of their own.
    pub(crate) async fn carry<F>(self: &Arc<Self>, items: u64, export: F)
    where
        F: Future<Output = Result<u64, String>> + Send + 'static,
    {
        let route = Arc::clone(self);
        let carried = self.runtime.spawn(async move {
            let outcome = timeout(EXPORT_DEADLINE, export).await.unwrap_or_else(|_| {
                let seconds = EXPORT_DEADLINE.as_secs();
                Err(format!("no answer within {seconds} s"))
            });
            route.settle(items, outcome);
        });
        // The task ends early only with its runtime, or by a panic: nothing arrived then.
        if carried.await.is_err() {
            self.dropped.inc_by(items);
        }
    }

    fn settle(&self, items: u64, outcome: Result<u64, String>) {
        match outcome {
            Ok(rejected) => {
                self.dropped.inc_by(rejected);
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(signal = %self.signal, "the collector takes telemetry again");
                }
            }
            Err(failure) => {
                self.dropped.inc_by(items);
                // Once per outage: a line per batch would bury the log that people need then.
                if !self.failing.swap(true, Ordering::Relaxed) {
                    let error = self.road.cause().unwrap_or(failure);
                    tracing::warn!(
                        signal = %self.signal, endpoint = %self.endpoint, error,
                        "the collector does not take telemetry; it is dropped and counted until it does"
                    );
                }
            }
        }
    }
}

/// An error with its causes: "client error (Connect): tcp connect error: Connection refused".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
