//! The lines on standard output, and which events may leave the process.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::registry::LookupSpan;

use crate::settings::LogFormat;

/// The crates that do the sending: their own events, exported, would beget more of them.
const SENDERS: [&str; 6] = [
    "opentelemetry",
    "h2",
    "hyper",
    "hyper_util",
    "tonic",
    "rustls",
];

/// A layer whose type does not matter any more.
pub(crate) type BoxedLayer<S> = Box<dyn Layer<S> + Send + Sync>;

/// Writes one line per event.
pub(crate) fn lines<S, W>(format: LogFormat, levels: &Targets, writer: W) -> BoxedLayer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    match format {
        LogFormat::Json => json(writer).with_filter(levels.clone()).boxed(),
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_writer(writer)
            .with_filter(levels.clone())
            .boxed(),
    }
}

/// The log levels, without the crates that do the sending.
pub(crate) fn exported_logs(levels: &Targets) -> Targets {
    without_senders(levels.clone())
}

/// Spans are taken at `info` whatever the log level: who wants fewer lines still wants traces.
pub(crate) fn exported_spans() -> Targets {
    without_senders(Targets::new().with_default(LevelFilter::INFO))
}

fn without_senders(levels: Targets) -> Targets {
    levels.with_targets(SENDERS.map(|target| (target, LevelFilter::OFF)))
}

fn json<S, W>(writer: W) -> json_subscriber::JsonLayer<S, W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let mut layer = json_subscriber::JsonLayer::new(writer);
    layer.with_timer("timestamp", SystemTime);
    layer.with_level("level");
    layer.with_target("target");
    layer.with_flattened_span_fields("span");
    layer.with_flattened_event_with_renames(|name, ()| unambiguous(name), ());
    layer.add_dynamic_field("trace_id", |_, _| {
        current(|span| span.trace_id().to_string())
    });
    layer.add_dynamic_field("span_id", |_, _| current(|span| span.span_id().to_string()));
    layer
}

/// A field of an event may not repeat a key of the line: JSON with a key twice has no meaning.
fn unambiguous(name: &str) -> &str {
    match name {
        "timestamp" => "event.timestamp",
        "level" => "event.level",
        "target" => "event.target",
        "span" => "event.span",
        "trace_id" => "event.trace_id",
        "span_id" => "event.span_id",
        other => other,
    }
}

fn current(read: impl FnOnce(&SpanContext) -> String) -> Option<String> {
    Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| read(span))
    })
}
