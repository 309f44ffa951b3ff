//! Puts the parts together: the subscriber of this process, and what has to be flushed at its end.

use std::io;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, ShouldSample};
use prometheus::Registry;
use tokio::task::spawn_blocking;
use tracing::Dispatch;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, registry};

use crate::dropped::Dropped;
use crate::filter::{self, LogFilter};
use crate::metrics::Push;
use crate::sampler::HeadSampler;
use crate::settings::{Export, Service, Settings};
use crate::signal::Signal;
use crate::transport::{Rejections, Transport, TransportError};
use crate::{logging, pipeline};

#[cfg(test)]
pub(crate) mod tests;

/// Telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The road to the collector cannot be built: a CA file that cannot be read, most likely.
    #[error("OTLP exporter: {0}")]
    Exporter(String),
    /// Another metric of the same name is in the registry.
    #[error("registry: {0}")]
    Registry(#[from] prometheus::Error),
    /// This process has a subscriber already.
    #[error("tracing subscriber: {0}")]
    Subscriber(#[from] tracing_subscriber::util::TryInitError),
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self::Exporter(error.to_string())
    }
}

/// Everything that still holds data when the process ends.
#[derive(Debug)]
#[must_use = "what is not shut down loses its last spans, samples and log records"]
pub struct Telemetry {
    providers: Providers,
    filter: LogFilter,
}

#[derive(Debug)]
struct Providers {
    traces: SdkTracerProvider,
    logs: Option<SdkLoggerProvider>,
    metrics: Option<Push>,
}

/// Installs logging and exporters for this process. Must be called inside a Tokio runtime, once.
///
/// Registers `{prefix}_otlp_dropped_total{signal}` in `registry`; the registry's metrics, whenever
/// they are added, are those that are exported.
pub fn init(settings: &Settings, registry: &Registry) -> Result<Telemetry, Error> {
    let (telemetry, dispatch) = build(settings, registry, io::stdout)?;
    dispatch.try_init()?;
    if let Some(export) = &settings.export {
        announce(export);
    }
    Ok(telemetry)
}

/// As [`init`], but hands back the subscriber instead of installing it, and writes lines to `writer`.
pub fn build<W>(
    settings: &Settings,
    registry: &Registry,
    writer: W,
) -> Result<(Telemetry, Dispatch), Error>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let dropped = Dropped::register(&settings.service.metric_prefix, registry)?;
    let resource = resource(settings);
    let providers = match &settings.export {
        Some(export) => exporting(export, registry, &resource, &dropped)?,
        None => Providers {
            traces: tracer_provider(Sampler::AlwaysOff, resource).build(),
            logs: None,
            metrics: None,
        },
    };
    let rejections = settings.export.is_some().then(|| Rejections::new(dropped));
    let (dispatch, filter) = subscriber(settings, &providers, rejections, writer);
    let telemetry = Telemetry { providers, filter };
    Ok((telemetry, dispatch))
}

/// Says where each signal goes: without an address of its own or a base URL it goes nowhere.
fn announce(export: &Export) {
    let place =
        |url: &Option<url::Url>| url.as_ref().map_or("nowhere", url::Url::as_str).to_owned();
    tracing::info!(
        traces = place(&export.targets.traces),
        metrics = place(&export.targets.metrics),
        logs = place(&export.targets.logs),
        sample_ratio = export.sample_ratio,
        "telemetry is exported"
    );
}

fn exporting(
    export: &Export,
    registry: &Registry,
    resource: &Resource,
    dropped: &Dropped,
) -> Result<Providers, Error> {
    let transport = Transport::new(export, dropped)?;
    let traces = match &transport.traces {
        Some(route) => {
            let sampler = HeadSampler::new(export.sample_ratio);
            tracer_provider(sampler, resource.clone())
                .with_span_processor(pipeline::spans(route, resource)?)
                .build()
        }
        None => tracer_provider(Sampler::AlwaysOff, resource.clone()).build(),
    };
    let logs = match &transport.logs {
        Some(route) => Some(
            SdkLoggerProvider::builder()
                .with_log_processor(pipeline::logs(route, resource)?)
                .with_resource(resource.clone())
                .build(),
        ),
        None => None,
    };
    let metrics = transport
        .metrics
        .map(|route| Push::start(registry, resource, route, export.metrics_interval));
    Ok(Providers {
        traces,
        logs,
        metrics,
    })
}

fn tracer_provider(
    sampler: impl ShouldSample + 'static,
    resource: Resource,
) -> opentelemetry_sdk::trace::TracerProviderBuilder {
    SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_resource(resource)
}

/// Every span has ids, recorded or not, so that log lines of one request can be found by its id
/// without any collector.
fn subscriber<W>(
    settings: &Settings,
    providers: &Providers,
    rejections: Option<Rejections>,
    writer: W,
) -> (Dispatch, LogFilter)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let spans = tracing_opentelemetry::layer()
        .with_tracer(providers.traces.tracer(settings.service.name.clone()))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(logging::exported_spans());
    let mut filter = filter::Builder::new(settings.log_levels.clone());
    let logs = providers.logs.as_ref().map(|provider| {
        OpenTelemetryTracingBridge::new(provider).with_filter(filter.layer(logging::exported_logs))
    });
    let levels = filter.layer(logging::without_exporters);
    let lines = logging::lines(settings.log_format, levels, writer);
    let rejections = rejections.map(|layer| layer.with_filter(logging::refusals()));
    let dispatch = registry()
        .with(spans)
        .with(logs)
        .with(rejections)
        .with(lines)
        .into();
    (dispatch, filter.build())
}

fn resource(settings: &Settings) -> Resource {
    let Service {
        name,
        version,
        instance,
        metric_prefix: _,
    } = &settings.service;
    let mut attributes = vec![
        KeyValue::new("service.name", name.clone()),
        KeyValue::new("service.version", version.clone()),
    ];
    if !instance.is_empty() {
        attributes.push(KeyValue::new("service.instance.id", instance.clone()));
    }
    let own = settings.resource_attributes.iter();
    attributes.extend(own.map(|(key, value)| KeyValue::new(key.clone(), value.clone())));
    Resource::builder_empty()
        .with_attributes(attributes)
        .build()
}

impl Telemetry {
    /// What changes the log levels while the process runs.
    pub fn log_filter(&self) -> LogFilter {
        self.filter.clone()
    }

    /// Sends what is left, all signals side by side, for at most `timeout`.
    pub async fn shutdown(self, timeout: Duration) {
        let Providers {
            traces,
            logs,
            metrics,
        } = self.providers;
        let traces = spawn_blocking(move || traces.shutdown_with_timeout(timeout).is_ok());
        let logs = spawn_blocking(move || {
            logs.is_none_or(|provider| provider.shutdown_with_timeout(timeout).is_ok())
        });
        let metrics = async {
            match metrics {
                Some(push) => push.shutdown(timeout).await,
                None => true,
            }
        };
        let (traces, logs, metrics) = tokio::join!(traces, logs, metrics);
        let flushed = [
            (Signal::Traces, traces.unwrap_or(false)),
            (Signal::Logs, logs.unwrap_or(false)),
            (Signal::Metrics, metrics),
        ];
        for (signal, _) in flushed.iter().filter(|(_, flushed)| !flushed) {
            tracing::warn!(%signal, "the collector did not take the last of it in time");
        }
    }
}
