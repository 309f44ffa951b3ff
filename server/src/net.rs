//! Ports: accepting connections, bounding what a peer may do, and counting how each one ends.
//!
//! Both ports share this. A connection can only harm itself: it has a time for its first request, a
//! time for standing still, and an end that is counted with its reason.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::config;
use crate::metrics::Metrics;

mod activity;
mod connection;
#[cfg(test)]
mod tests;

use activity::Activity;

/// Which of the two ports; the name is the `port` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// HTTP/2 for gRPC, HTTP/1.1 for gRPC-Web.
    Grpc,
    /// HTTP/1.1 for health and metrics.
    Http,
}

impl Port {
    fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closed {
    /// As it should.
    Done,
    /// What came was not HTTP.
    Malformed,
    /// No complete request header in time.
    HandshakeTimeout,
    /// No request for too long.
    Idle,
    /// A request, but not a byte moved for too long.
    Stalled,
    /// The peer went away in the middle.
    Io,
    /// The process is ending and the connection was not done in time.
    Shutdown,
}

impl Closed {
    const ALL: [Self; 7] = [
        Self::Done,
        Self::Malformed,
        Self::HandshakeTimeout,
        Self::Idle,
        Self::Stalled,
        Self::Io,
        Self::Shutdown,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Malformed => "malformed",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::Idle => "idle",
            Self::Stalled => "stalled",
            Self::Io => "io",
            Self::Shutdown => "shutdown",
        }
    }
}

const MAX_CONNECTIONS: &str = "max_connections";

/// What tells connections to end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Accept no more; finish what has begun.
    pub drain: CancellationToken,
    /// End now.
    pub kill: CancellationToken,
}

/// A port that is open, and the limits for its peers.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    port: Port,
    limits: config::Listener,
    metrics: Metrics,
}

/// A port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{port} port {address} cannot be opened: {source}")]
pub struct BindError {
    port: &'static str,
    address: std::net::SocketAddr,
    source: std::io::Error,
}

impl Acceptor {
    /// Opens the port.
    pub async fn bind(
        port: Port,
        limits: config::Listener,
        metrics: Metrics,
    ) -> Result<Self, BindError> {
        let listener = TcpListener::bind(limits.listen)
            .await
            .map_err(|source| BindError {
                port: port.name(),
                address: limits.listen,
                source,
            })?;
        let label = port.name();
        metrics.connections_open.with_label_values(&[label]).set(0);
        let refused = &metrics.connections_refused;
        refused
            .with_label_values(&[label, MAX_CONNECTIONS])
            .inc_by(0);
        for reason in Closed::ALL {
            let closed = &metrics.connections_closed;
            closed.with_label_values(&[label, reason.name()]).inc_by(0);
        }
        Ok(Self {
            listener,
            port,
            limits,
            metrics,
        })
    }

    /// Where it listens, with the port the system chose if it was asked to.
    pub fn address(&self) -> std::net::SocketAddr {
        self.listener.local_addr().unwrap_or(self.limits.listen)
    }

    /// Accepts connections and serves each in a task of `tasks`, until told to drain.
    pub async fn run<S, B>(self, service: S, stop: Stop, tasks: TaskTracker)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let free = Arc::new(Semaphore::new(self.limits.max_connections));
        let builder = self.builder();
        loop {
            let accepted = tokio::select! {
                () = stop.drain.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: busy looping would not free one.
                    tracing::warn!(port = self.port.name(), %error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&free).try_acquire_owned() else {
                self.refuse(stream);
                continue;
            };
            // Small messages should not wait for one another; a socket that is gone already will
            // show itself at the first read.
            let _ = stream.set_nodelay(true);
            let connection = self.connection(builder.clone(), stop.clone());
            let service = service.clone();
            tasks.spawn(async move {
                connection.serve(stream, service).await;
                drop(permit);
            });
        }
    }

    fn refuse(&self, stream: TcpStream) {
        drop(stream);
        self.metrics
            .connections_refused
            .with_label_values(&[self.port.name(), MAX_CONNECTIONS])
            .inc();
    }

    fn builder(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        let header_bytes = usize::try_from(self.limits.max_header_bytes).unwrap_or(usize::MAX);
        builder
            .http1()
            .timer(TokioTimer::new())
            // The time for a header is watched with the rest of the connection's activity: the
            // timer of the library counts the pause between two requests too.
            .header_read_timeout(None)
            .max_buf_size(header_bytes.max(8192));
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.limits.max_streams_per_connection)
            .max_header_list_size(self.limits.max_header_bytes)
            .keep_alive_interval(Some(Duration::from_secs(30)))
            .keep_alive_timeout(Duration::from_secs(20));
        match self.port {
            Port::Grpc => builder,
            Port::Http => builder.http1_only(),
        }
    }

    fn connection(&self, builder: auto::Builder<TokioExecutor>, stop: Stop) -> Connection {
        Connection {
            builder,
            port: self.port.name(),
            limits: self.limits.clone(),
            metrics: self.metrics.clone(),
            stop,
        }
    }
}

struct Connection {
    builder: auto::Builder<TokioExecutor>,
    port: &'static str,
    limits: config::Listener,
    metrics: Metrics,
    stop: Stop,
}

impl Connection {
    async fn serve<S, B>(self, stream: TcpStream, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let open = self
            .metrics
            .connections_open
            .with_label_values(&[self.port]);
        open.inc();
        let activity = Arc::new(Activity::new(Instant::now()));
        let io = TokioIo::new(connection::Watched::new(stream, Arc::clone(&activity)));
        let service = connection::Counted::new(service, Arc::clone(&activity));
        let closed = {
            let serving = self.builder.serve_connection(io, service);
            tokio::pin!(serving);
            let watch = Watch {
                activity: &activity,
                limits: &self.limits,
                stop: &self.stop,
            };
            watch.until_closed(serving).await
        };
        open.dec();
        tracing::debug!(
            port = self.port,
            reason = closed.name(),
            "connection closed"
        );
        self.metrics
            .connections_closed
            .with_label_values(&[self.port, closed.name()])
            .inc();
    }
}

/// Watches one connection.
struct Watch<'a> {
    activity: &'a Activity,
    limits: &'a config::Listener,
    stop: &'a Stop,
}

/// A connection that is told to finish has this long to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

impl Watch<'_> {
    async fn until_closed<C>(&self, mut serving: std::pin::Pin<&mut C>) -> Closed
    where
        C: connection::Graceful,
    {
        let shortest = self.limits.handshake_timeout.min(self.limits.idle_timeout);
        let period = (shortest / 4).clamp(Duration::from_millis(25), Duration::from_secs(1));
        let mut ticks = tokio::time::interval(period);
        let mut draining = false;
        let mut goodbye = None;
        loop {
            tokio::select! {
                result = serving.as_mut() => {
                    return match goodbye {
                        Some((reason, _)) => reason,
                        None => self.outcome(result),
                    };
                }
                () = self.stop.drain.cancelled(), if !draining => {
                    draining = true;
                    serving.as_mut().finish();
                }
                () = self.stop.kill.cancelled() => return Closed::Shutdown,
                _ = ticks.tick() => {
                    if goodbye.is_some_and(|(_, until)| Instant::now() >= until) {
                        return goodbye.map_or(Closed::Idle, |(reason, _)| reason);
                    }
                    match self.activity.overdue(Instant::now(), self.limits.handshake_timeout, self.limits.idle_timeout) {
                        Some(Closed::Idle) if goodbye.is_none() => {
                            goodbye = Some((Closed::Idle, Instant::now() + GOODBYE));
                            serving.as_mut().finish();
                        }
                        None | Some(Closed::Idle) => {}
                        Some(reason) => return reason,
                    }
                }
            }
        }
    }

    fn outcome(&self, result: Result<(), Box<dyn StdError + Send + Sync>>) -> Closed {
        match result {
            Ok(()) => Closed::Done,
            Err(error) => {
                tracing::debug!(%error, "connection failed");
                let incomplete = error
                    .downcast_ref::<hyper::Error>()
                    .is_some_and(|error| error.is_incomplete_message() || error.is_closed());
                if incomplete || self.activity.io_failed() {
                    Closed::Io
                } else {
                    Closed::Malformed
                }
            }
        }
    }
}
