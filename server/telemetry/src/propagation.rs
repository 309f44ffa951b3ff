//! W3C trace context in headers: whom to believe on the way in, what to say on the way out.
//!
//! A caller's `sampled` flag decides that a trace is recorded here, at our cost. Only a caller whose
//! identity has been proved may decide that; anybody else's trace is remembered as a link, and ours
//! begins anew with its own roll of the dice. (Keeping the stranger's trace id would not do: the
//! ratio is taken over that id, so who chooses the id chooses the outcome.)

use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing_opentelemetry::OpenTelemetrySpanExt;

#[cfg(test)]
mod tests;

/// What is known about the sender of a trace context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// It has proved who it is (an administrator, a node, the operator): its trace goes on here.
    Authenticated,
    /// Anybody: its trace is linked.
    Unknown,
}

/// Connects `span` with the trace context in a request's headers, if there is a valid one.
///
/// Call it before the span is entered for the first time: a span that has begun cannot change its
/// parent, and then gets a link instead. For gRPC, `metadata.as_ref()` are the headers.
pub fn continue_trace(span: &tracing::Span, headers: &HeaderMap, caller: Caller) {
    let remote = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    let sender = remote.span().span_context().clone();
    if !sender.is_valid() {
        return;
    }
    match caller {
        Caller::Authenticated => {
            if span.set_parent(remote).is_err() {
                link(span, sender);
            }
        }
        Caller::Unknown => link(span, sender),
    }
}

fn link(span: &tracing::Span, sender: SpanContext) {
    span.add_link_with_attributes(sender, vec![KeyValue::new("telecom.link", "caller")]);
}

/// Adds the current span's trace context to the headers of an outgoing request.
///
/// For gRPC, `metadata.as_mut()` are the headers.
pub fn inject(headers: &mut HeaderMap) {
    let context = tracing::Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut HeaderInjector(headers));
}

/// The id of the current trace, in hexadecimal, whether or not it is recorded; `None` outside of
/// any span.
pub fn current_trace_id() -> Option<String> {
    Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| span.trace_id().to_string())
    })
}

/// The current span as a `traceparent` header has it; `None` when its trace is not recorded.
///
/// <https://www.w3.org/TR/trace-context/#traceparent-header>
pub fn sampled_traceparent() -> Option<String> {
    Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        let sampled = span.is_valid() && span.is_sampled();
        sampled.then(|| format!("00-{}-{}-01", span.trace_id(), span.span_id()))
    })
}
