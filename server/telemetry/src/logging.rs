//! The lines on standard output, and which events may leave the process.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

use crate::settings::LogFormat;
use crate::transport::EXPORTERS;

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

/// A time as log lines have it: in milliseconds, to the microsecond.
pub fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// Writes one line per event.
pub(crate) fn lines<S, W>(
    format: LogFormat,
    levels: reload::Layer<Targets, S>,
    writer: W,
) -> BoxedLayer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    match format {
        LogFormat::Json => json(writer).with_filter(levels).boxed(),
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_writer(writer)
            .with_filter(levels)
            .boxed(),
    }
}

/// The exporters say the same of every batch that fails; we say it once per outage. Who names them
/// among the levels hears them.
pub(crate) fn without_exporters(levels: &Targets) -> Targets {
    let levels = levels.clone();
    let named = levels.iter().any(|(target, _)| target == EXPORTERS);
    if named {
        levels
    } else {
        levels.with_target(EXPORTERS, LevelFilter::OFF)
    }
}

/// What the exporters say of batches that were taken in part.
pub(crate) fn refusals() -> Targets {
    Targets::new().with_target(EXPORTERS, LevelFilter::WARN)
}

/// The log levels, without the crates that do the sending.
pub(crate) fn exported_logs(levels: &Targets) -> Targets {
    without_senders(levels)
}

/// Spans are taken at `info` whatever the log level: who wants fewer lines still wants traces.
pub(crate) fn exported_spans() -> Targets {
    without_senders(&Targets::new().with_default(LevelFilter::INFO))
}

/// Not even those that the levels name: `opentelemetry-otlp=debug` is for standard output.
fn without_senders(levels: &Targets) -> Targets {
    let is_sender = |target: &str| SENDERS.iter().any(|sender| target.starts_with(sender));
    let others = levels.iter().filter(|(target, _)| !is_sender(target));
    let default = levels.default_level().unwrap_or(LevelFilter::OFF);
    Targets::new()
        .with_default(default)
        .with_targets(others)
        .with_targets(SENDERS.map(|target| (target, LevelFilter::OFF)))
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

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_exporters_are_heard_on_standard_output_by_who_asks_and_never_exported() {
        let asked: Targets = "info,opentelemetry-otlp=debug,hyper::proto=trace,sqlx=warn"
            .parse()
            .unwrap();
        assert!(
            !without_exporters(&"debug".parse().unwrap()).would_enable(EXPORTERS, &Level::ERROR)
        );
        assert!(without_exporters(&asked).would_enable(EXPORTERS, &Level::DEBUG));
        let exported = exported_logs(&asked);
        for sender in [EXPORTERS, "opentelemetry_sdk", "hyper::proto::h2", "tonic"] {
            assert!(!exported.would_enable(sender, &Level::ERROR), "{sender}");
        }
        assert!(exported.would_enable("telecom_server", &Level::INFO));
        assert!(!exported.would_enable("sqlx", &Level::INFO));
    }
}
