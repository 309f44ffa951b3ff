//! One signal's connection to the collector, and the exporters that use it.

use std::sync::Arc;

use http::{HeaderMap, header};
use opentelemetry_http::{Bytes, HttpClient};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig,
    WithHttpConfig, WithTonicConfig,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use prost::Message;
use tonic::service::Interceptor;
use tonic::transport::Channel;

use super::http::Client;
use super::{EXPORT_DEADLINE, FIRST_RETRY, LONGEST_PAUSE, chain};

/// How requests travel.
#[derive(Debug, Clone)]
pub(crate) enum Road {
    Grpc { channel: Channel, headers: Headers },
    Http { client: Arc<Client>, url: String },
}

/// The user's headers, which go with every request.
#[derive(Debug, Clone)]
pub(crate) struct Headers(pub(super) HeaderMap);

impl Headers {
    /// Copies them into a request, over what is there.
    pub(super) fn add(&self, to: &mut HeaderMap) {
        for (name, value) in &self.0 {
            to.insert(name, value.clone());
        }
    }
}

impl Interceptor for Headers {
    fn call(&mut self, mut request: tonic::Request<()>) -> tonic::Result<tonic::Request<()>> {
        self.add(request.metadata_mut().as_mut());
        Ok(request)
    }
}

/// The builders of both exporters have the same methods and no trait in common that has them all.
macro_rules! exporter {
    ($exporter:ty, $road:expr) => {
        match $road {
            Road::Grpc { channel, headers } => <$exporter>::builder()
                .with_tonic()
                .with_channel(channel.clone())
                .with_interceptor(headers.clone())
                .with_timeout(EXPORT_DEADLINE)
                .with_retry_policy(retries())
                .build(),
            Road::Http { client, url } => <$exporter>::builder()
                .with_http()
                .with_shared_http_client(client.clone())
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(url)
                .with_timeout(EXPORT_DEADLINE)
                .with_retry_policy(retries())
                .build(),
        }
    };
}

impl Road {
    pub(crate) fn span_exporter(&self) -> Result<SpanExporter, ExporterBuildError> {
        exporter!(SpanExporter, self)
    }

    pub(crate) fn log_exporter(&self) -> Result<LogExporter, ExporterBuildError> {
        exporter!(LogExporter, self)
    }

    /// Sends metrics once; says how many points the collector threw away, or why it took none.
    ///
    /// The metrics exporter takes only metrics of the SDK, which nobody else can make: the Prometheus
    /// registry has to be sent in its own request. It is not tried again, for metrics are cumulative:
    /// the next request has it all.
    pub(crate) async fn send_metrics(
        &self,
        request: ExportMetricsServiceRequest,
    ) -> Result<u64, String> {
        let reply = match self {
            Self::Grpc { channel, headers } => {
                let mut client =
                    MetricsServiceClient::with_interceptor(channel.clone(), headers.clone());
                let reply = client.export(request).await;
                reply.map_err(|status| reason(&status))?.into_inner()
            }
            Self::Http { client, url } => post(client, url, &request).await?,
        };
        let rejected = reply.partial_success.map(|some| some.rejected_data_points);
        // The wire type is signed; a collector that says less than nothing rejected nothing.
        Ok(rejected.map_or(0, |points| u64::try_from(points).unwrap_or(0)))
    }

    /// What is known of a failure beyond the exporter's own words.
    pub(crate) fn cause(&self) -> Option<String> {
        match self {
            Self::Grpc { .. } => None,
            Self::Http { client, .. } => client.cause(),
        }
    }
}

/// Bounded by the deadline alone.
fn retries() -> RetryPolicy {
    RetryPolicy::recommended()
        .with_max_retries(usize::MAX)
        .with_initial_delay(FIRST_RETRY)
        .with_max_delay(LONGEST_PAUSE)
}

async fn post(
    client: &Client,
    url: &str,
    request: &ExportMetricsServiceRequest,
) -> Result<ExportMetricsServiceResponse, String> {
    let post = http::Request::post(url)
        .header(header::CONTENT_TYPE, "application/x-protobuf")
        .body(Bytes::from(request.encode_to_vec()))
        .map_err(|error| error.to_string())?;
    let reply = client
        .send_bytes(post)
        .await
        .map_err(|error| chain(error.as_ref()))?;
    if !reply.status().is_success() {
        return Err(format!("HTTP {}", reply.status()));
    }
    // Some backends answer 200 with JSON or with text; the data has arrived all the same.
    Ok(ExportMetricsServiceResponse::decode(reply.into_body()).unwrap_or_default())
}

/// What a status says: the connection's own error, or the collector's code and words.
fn reason(status: &tonic::Status) -> String {
    match std::error::Error::source(status) {
        Some(error) => chain(error),
        None => format!("{:?}: {}", status.code(), status.message()),
    }
}
