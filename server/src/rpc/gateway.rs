//! What happens to every gRPC request before and after its method: limits, deadline, caller, trace,
//! error details, metrics, one log line.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use telecom_telemetry::{milliseconds, propagation};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::{Service, ServiceExt as _};
use tracing::Instrument as _;

use super::authenticate::Authenticator;
use super::methods::{self, Access, METHODS, Method};
use super::status::{self, Refusal};
use super::{Options, deadline, streams};
use crate::auth::Caller;
use crate::domain::Context;
use crate::metrics::Metrics;

/// The way to all methods; a clone is the same way.
#[derive(Debug, Clone)]
pub struct Gateway(Arc<Shared>, Routes);

/// What is too much, and what takes too long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Requests worked on at a time.
    pub(super) max_in_flight: usize,
    /// The longest a unary request may take.
    pub(super) request_timeout: Duration,
}

impl Limits {
    pub(super) fn of(options: &Options) -> Self {
        Self {
            max_in_flight: options.max_in_flight,
            request_timeout: options.request_timeout,
        }
    }
}

#[derive(Debug)]
struct Shared {
    authenticator: Arc<Authenticator>,
    free: Semaphore,
    request_timeout: Duration,
    metrics: Metrics,
    drain: CancellationToken,
}

impl Gateway {
    pub(super) fn new(
        routes: Routes,
        authenticator: Arc<Authenticator>,
        limits: Limits,
        metrics: Metrics,
        drain: CancellationToken,
    ) -> Self {
        for method in &METHODS {
            let labels = [method.service, method.name];
            metrics.grpc_in_flight.with_label_values(&labels).set(0);
            for code in status::CODES {
                let labels = [method.service, method.name, status::code_name(code)];
                metrics.grpc_requests.with_label_values(&labels).inc_by(0);
            }
        }
        let shared = Shared {
            authenticator,
            free: Semaphore::new(limits.max_in_flight),
            request_timeout: limits.request_timeout,
            metrics,
            drain,
        };
        Self(Arc::new(shared), routes)
    }
}

impl Service<Request<Body>> for Gateway {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        // Requests that are too many are answered so, not kept waiting.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self(shared, routes) = self.clone();
        Box::pin(async move { Ok(shared.handle(routes, request).await) })
    }
}

/// For requests whose path names no method: callers must not be able to make up labels.
const UNKNOWN: Method = Method {
    service: "unknown",
    name: "unknown",
    access: Access::Open,
    streams: false,
};

impl Shared {
    async fn handle(&self, routes: Routes, request: Request<Body>) -> Response<Body> {
        let received = Instant::now();
        let method = methods::find(request.uri().path()).unwrap_or(&UNKNOWN);
        let labels = [method.service, method.name];
        let in_flight = InFlight::new(self.metrics.grpc_in_flight.with_label_values(&labels));
        let admitted = self.admit(method, request.headers(), received).await;
        let span = tracing::info_span!(
            "grpc",
            otel.name = format_args!("{}/{}", method.service, method.name),
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            rpc.system = "grpc",
            rpc.service = method.service,
            rpc.method = method.name,
            rpc.grpc.status_code = tracing::field::Empty,
        );
        let peer = match &admitted {
            Ok(Admitted {
                caller: Some(_), ..
            }) => propagation::Caller::Authenticated,
            _ => propagation::Caller::Unknown,
        };
        propagation::continue_trace(&span, request.headers(), peer);
        let caller = admitted
            .as_ref()
            .ok()
            .and_then(|admitted| admitted.caller.clone());
        let record = Record {
            metrics: &self.metrics,
            span: span.clone(),
            method,
            caller,
            received,
            code: None,
        };
        let answering = self.answer(method, routes, request, admitted, received);
        let response = answering.instrument(span).await;
        record.answered(&response);
        drop(in_flight);
        response
    }

    /// Everything that can be said before the message itself is looked at.
    async fn admit(
        &self,
        method: &Method,
        headers: &HeaderMap,
        received: Instant,
    ) -> Result<Admitted<'_>, Refusal> {
        if method == &UNKNOWN {
            return Err(Refusal::MethodUnknown);
        }
        let wanted = deadline::timeout(headers).map_err(|()| {
            Refusal::field(
                "grpc-timeout",
                "must be up to 8 digits and a unit of H, M, S, m, u or n",
            )
        })?;
        let deadline = received
            + wanted
                .unwrap_or(self.request_timeout)
                .min(self.request_timeout);
        // Health has to be told under any load.
        let permit = match method.access {
            Access::Open => None,
            Access::Roles(_) => Some(self.free.try_acquire().map_err(|_| Refusal::Overloaded)?),
        };
        let caller = self.authenticator.caller(method, headers, deadline).await?;
        Ok(Admitted {
            caller,
            deadline,
            _permit: permit,
        })
    }

    async fn answer(
        &self,
        method: &Method,
        routes: Routes,
        mut request: Request<Body>,
        admitted: Result<Admitted<'_>, Refusal>,
        received: Instant,
    ) -> Response<Body> {
        let trace_id = propagation::current_trace_id().unwrap_or_default();
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return refusal.into_status(&trace_id).into_http(),
        };
        if let Some(caller) = admitted.caller {
            request.extensions_mut().insert(Context {
                caller,
                deadline: admitted.deadline,
                received,
                trace_id: trace_id.clone(),
            });
        }
        let call = AssertUnwindSafe(routes.oneshot(request)).catch_unwind();
        let response = match timeout_at(admitted.deadline, call).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(_)) => return Refusal::Panicked.into_status(&trace_id).into_http(),
            Err(_) => return Refusal::DeadlineExceeded.into_status(&trace_id).into_http(),
            Ok(Ok(Err(never))) => match never {},
        };
        match library_status(&response) {
            Some(status) => status::of_library(&status)
                .into_status(&trace_id)
                .into_http(),
            None if method.streams => {
                let drain = self.drain.clone();
                response.map(|body| streams::until_drained(body, drain, trace_id))
            }
            None => response,
        }
    }
}

/// Counts and logs a request, also one whose caller went away before it was answered.
struct Record<'a> {
    metrics: &'a Metrics,
    span: tracing::Span,
    method: &'a Method,
    caller: Option<Caller>,
    received: Instant,
    code: Option<Code>,
}

impl Record<'_> {
    fn answered(mut self, response: &Response<Body>) {
        let status = Status::from_header_map(response.headers());
        self.code = Some(status.map_or(Code::Ok, |status| status.code()));
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let method = self.method;
        let code = self.code.unwrap_or(Code::Cancelled);
        let took = self.received.elapsed();
        let name = status::code_name(code);
        self.span.record("rpc.grpc.status_code", i32::from(code));
        if matches!(
            code,
            Code::Internal | Code::Unavailable | Code::DeadlineExceeded
        ) {
            self.span.record("otel.status_code", "ERROR");
        }
        self.metrics
            .grpc_requests
            .with_label_values(&[method.service, method.name, name])
            .inc();
        self.metrics
            .grpc_duration
            .with_label_values(&[method.service, method.name])
            .observe(took.as_secs_f64());
        let caller = self.caller.as_ref().map(Caller::in_log).unwrap_or_default();
        let duration_ms = milliseconds(took);
        let method_name = format_args!("{}/{}", method.service, method.name);
        macro_rules! tell {
            ($level:ident) => {
                tracing::$level!(method = %method_name, code = name, duration_ms, caller, "request")
            };
        }
        match (code, method.access) {
            (Code::Internal | Code::Unknown | Code::DataLoss, _) => tell!(error),
            (Code::Unavailable | Code::DeadlineExceeded, _) => tell!(warn),
            // Health is asked for all day long.
            (_, Access::Open) if method != &UNKNOWN => tell!(debug),
            _ => tell!(info),
        }
    }
}

/// A request that may go on.
struct Admitted<'a> {
    caller: Option<Caller>,
    deadline: Instant,
    _permit: Option<SemaphorePermit<'a>>,
}

/// The status of an answer that is nothing but an error without our details: the library's own.
fn library_status(response: &Response<Body>) -> Option<Status> {
    let status = Status::from_header_map(response.headers())?;
    (status.code() != Code::Ok && status.details().is_empty()).then_some(status)
}

struct InFlight(prometheus::IntGauge);

impl InFlight {
    fn new(gauge: prometheus::IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
