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
    span.add_link_with_attributes(sender, vec![KeyValue::new(LINK, "caller")]);
}

/// Names what a link is: `caller`, a stranger; `cause`, work of ours that led to this.
pub(crate) const LINK: &str = "telecom.link";
/// Links of one span that stand for its causes: who looks at more than these looks at none.
pub const MAX_CAUSES: u32 = 8;

/// Links `span` to what led to it, each a `traceparent` as [`sampled_traceparent`] gives it; the first
/// [`MAX_CAUSES`] of them. A span that follows a recorded one is recorded itself, whatever the ratio says: else the
/// links of what is kept would mostly lead to what is not.
///
/// Call it before the span is entered for the first time.
pub fn follow<'a>(span: &tracing::Span, causes: impl IntoIterator<Item = &'a str>) {
    let causes = causes.into_iter().filter_map(remote);
    for cause in causes.take(MAX_CAUSES as usize) {
        let cause = cause.span().span_context().clone();
        span.add_link_with_attributes(cause, vec![KeyValue::new(LINK, "cause")]);
    }
}

/// Makes `span` part of the first trace among those that led to it, and links it to the others. One that comes again and
/// again counts once.
///
/// Call it before the span is entered for the first time.
pub fn carry_on<'a>(span: &tracing::Span, causes: impl IntoIterator<Item = &'a str>) {
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.dedup();
    let mut causes = causes.into_iter();
    if let Some(first) = causes.by_ref().find_map(remote)
        && span.set_parent(first.clone()).is_err()
    {
        link(span, first.span().span_context().clone());
    }
    follow(span, causes);
}

/// The context that a `traceparent` stands for, if it is one.
fn remote(traceparent: &str) -> Option<Context> {
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", traceparent.parse().ok()?);
    let context = TraceContextPropagator::new().extract(&HeaderExtractor(&headers));
    context.has_active_span().then_some(context)
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

/// Whether the current trace is recorded; `false` outside of any span.
pub fn is_recorded() -> bool {
    Context::map_current(|context| context.span().span_context().is_sampled())
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
