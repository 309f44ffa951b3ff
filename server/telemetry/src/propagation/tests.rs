//! Whose trace goes on, whose is only linked, and what the sampler makes of it.

use http::HeaderValue;
use opentelemetry::trace::{TraceId, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use rstest::rstest;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::sampler::HeadSampler;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn traceparent(flags: &str) -> HeaderMap {
    let value = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", HeaderValue::from_str(&value).unwrap());
    headers
}

/// Runs `work` under a subscriber that samples at `ratio`, and returns the recorded spans.
fn recorded(ratio: f64, work: impl FnOnce()) -> Vec<SpanData> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_sampler(HeadSampler::new(ratio))
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, work);
    exporter.get_finished_spans().unwrap()
}

fn request(headers: &HeaderMap, caller: Caller) -> Option<String> {
    let span = tracing::info_span!("request");
    continue_trace(&span, headers, caller);
    span.in_scope(current_trace_id)
}

#[rstest]
#[case::our_ratio_says_no_theirs_yes(0.0, "01", Caller::Authenticated, true)]
#[case::our_ratio_says_yes_theirs_no(1.0, "00", Caller::Authenticated, false)]
#[case::a_stranger_cannot_force_a_recording(0.0, "01", Caller::Unknown, false)]
#[case::a_stranger_cannot_hide(1.0, "00", Caller::Unknown, true)]
fn the_flag_counts_only_from_a_known_caller(
    #[case] ratio: f64,
    #[case] flags: &str,
    #[case] caller: Caller,
    #[case] expected: bool,
) {
    let spans = recorded(ratio, || {
        request(&traceparent(flags), caller);
    });
    assert_eq!(!spans.is_empty(), expected);
}

#[test]
fn a_known_callers_trace_goes_on() {
    let spans = recorded(0.0, || {
        let id = request(&traceparent("01"), Caller::Authenticated);
        assert_eq!(id.as_deref(), Some(TRACE));
    });
    assert_eq!(spans[0].parent_span_id.to_string(), "00f067aa0ba902b7");
    assert!(spans[0].parent_span_is_remote);
}

#[test]
fn a_strangers_trace_is_a_link() {
    let spans = recorded(1.0, || {
        let id = request(&traceparent("01"), Caller::Unknown);
        assert!(id.is_some_and(|id| id != TRACE));
    });
    let links = &spans[0].links.links;
    assert_eq!(links.len(), 1);
    assert_eq!(
        links[0].span_context.trace_id(),
        TraceId::from_hex(TRACE).unwrap()
    );
}

#[test]
fn a_span_that_has_begun_gets_a_link() {
    let spans = recorded(1.0, || {
        let span = tracing::info_span!("request");
        span.in_scope(|| {});
        continue_trace(&span, &traceparent("01"), Caller::Authenticated);
    });
    assert_eq!(spans[0].links.links.len(), 1);
    assert_ne!(spans[0].span_context.trace_id().to_string(), TRACE);
}

#[rstest]
#[case::absent(None)]
#[case::garbage(Some("00-zz-00f067aa0ba902b7-01"))]
#[case::zeros(Some("00-00000000000000000000000000000000-0000000000000000-01"))]
fn a_bad_header_is_no_header(#[case] value: Option<&str>) {
    let mut headers = HeaderMap::new();
    if let Some(value) = value {
        headers.insert("traceparent", HeaderValue::from_str(value).unwrap());
    }
    let spans = recorded(1.0, || {
        request(&headers, Caller::Authenticated);
    });
    assert_eq!(spans[0].parent_span_id, opentelemetry::SpanId::INVALID);
    assert!(spans[0].links.links.is_empty());
}

#[test]
fn what_goes_out_comes_in_again() {
    recorded(1.0, || {
        let span = tracing::info_span!("caller");
        let _entered = span.enter();
        let mut headers = HeaderMap::new();
        inject(&mut headers);
        let received = request(&headers, Caller::Authenticated);
        assert_eq!(received, current_trace_id());
        assert!(received.is_some());
    });
}

#[test]
fn outside_of_spans_there_is_no_id() {
    recorded(1.0, || {
        assert_eq!(current_trace_id(), None);
        let mut headers = HeaderMap::new();
        inject(&mut headers);
        assert!(headers.is_empty());
    });
}

/// A cause of ours: the digit makes it one of many.
fn cause(digit: u8, flags: &str) -> String {
    format!("00-{TRACE}-00f067aa0ba902b{digit}-{flags}")
}

#[rstest]
#[case::a_recorded_cause_is_followed_whatever_the_ratio(0.0, "01", true)]
#[case::one_that_is_not_decides_nothing(0.0, "00", false)]
fn what_follows_a_recorded_span_is_recorded(
    #[case] ratio: f64,
    #[case] flags: &str,
    #[case] expected: bool,
) {
    let spans = recorded(ratio, || {
        let span = tracing::info_span!(parent: None, "job");
        follow(&span, [cause(1, flags).as_str(), "no traceparent"]);
        span.in_scope(|| {});
    });
    assert_eq!(!spans.is_empty(), expected);
    if let [span] = &spans[..] {
        assert_ne!(span.span_context.trace_id().to_string(), TRACE);
        assert_eq!(span.links.links.len(), 1);
    }
}

#[test]
fn the_first_cause_is_the_parent_and_no_more_are_looked_at_than_are_worth_it() {
    let causes: Vec<_> = (0..10).map(|digit| cause(digit, "01")).collect();
    let causes = ["", "\u{e9}"]
        .into_iter()
        .chain(causes.iter().map(String::as_str));
    let spans = recorded(0.0, || {
        let span = tracing::info_span!(parent: None, "event");
        carry_on(&span, causes);
        span.in_scope(|| {});
    });
    assert_eq!(spans[0].span_context.trace_id().to_string(), TRACE);
    assert_eq!(spans[0].parent_span_id.to_string(), "00f067aa0ba902b0");
    let linked = spans[0].links.links.iter();
    let linked: Vec<_> = linked
        .map(|link| link.span_context.span_id().to_string())
        .collect();
    assert_eq!(linked.len(), MAX_CAUSES as usize);
    assert_eq!(linked[0], "00f067aa0ba902b1");
}

#[test]
fn without_a_cause_the_ratio_decides() {
    for (ratio, expected) in [(0.0, 0), (1.0, 1)] {
        let spans = recorded(ratio, || {
            let span = tracing::info_span!(parent: None, "event");
            carry_on(&span, []);
            span.in_scope(|| assert_eq!(is_recorded(), expected == 1));
        });
        assert_eq!(spans.len(), expected);
    }
}
