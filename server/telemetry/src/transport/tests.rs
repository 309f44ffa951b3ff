//! A collector that takes a part of each batch, and one that is not there.

use std::net::SocketAddr;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::{Request, Response};

use crate::settings::Protocol;
use crate::telemetry::tests::{build_with_lines, dropped, exporting_to};

/// Throws away so many of each batch.
const REJECTED: i64 = 2;

struct Picky;

#[tonic::async_trait]
impl TraceService for Picky {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> tonic::Result<Response<ExportTraceServiceResponse>> {
        Ok(Response::new(traces()))
    }
}

#[tonic::async_trait]
impl LogsService for Picky {
    async fn export(
        &self,
        _: Request<ExportLogsServiceRequest>,
    ) -> tonic::Result<Response<ExportLogsServiceResponse>> {
        Ok(Response::new(logs()))
    }
}

#[tonic::async_trait]
impl MetricsService for Picky {
    async fn export(
        &self,
        _: Request<ExportMetricsServiceRequest>,
    ) -> tonic::Result<Response<ExportMetricsServiceResponse>> {
        Ok(Response::new(metrics()))
    }
}

fn traces() -> ExportTraceServiceResponse {
    ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: REJECTED,
            ..ExportTracePartialSuccess::default()
        }),
    }
}

fn logs() -> ExportLogsServiceResponse {
    ExportLogsServiceResponse {
        partial_success: Some(ExportLogsPartialSuccess {
            rejected_log_records: REJECTED,
            ..ExportLogsPartialSuccess::default()
        }),
    }
}

fn metrics() -> ExportMetricsServiceResponse {
    ExportMetricsServiceResponse {
        partial_success: Some(ExportMetricsPartialSuccess {
            rejected_data_points: REJECTED,
            ..ExportMetricsPartialSuccess::default()
        }),
    }
}

async fn picky(protocol: Protocol) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    match protocol {
        Protocol::Grpc => {
            let incoming = tonic::transport::server::TcpIncoming::from(listener);
            let server = tonic::transport::Server::builder()
                .add_service(TraceServiceServer::new(Picky))
                .add_service(LogsServiceServer::new(Picky))
                .add_service(MetricsServiceServer::new(Picky));
            tokio::spawn(server.serve_with_incoming(incoming));
        }
        Protocol::Http => {
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(answer(stream));
                }
            });
        }
    }
    address
}

/// One request over HTTP/1.1, whose path says which reply it wants.
async fn answer(mut stream: TcpStream) {
    let mut request = Vec::new();
    while stream.read_buf(&mut request).await.unwrap() > 0 {
        let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if request.len() < head + 4 + length.unwrap().parse::<usize>().unwrap() {
            continue;
        }
        let body = match text.split(' ').nth(1).unwrap() {
            "/v1/traces" => traces().encode_to_vec(),
            "/v1/logs" => logs().encode_to_vec(),
            _ => metrics().encode_to_vec(),
        };
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        return;
    }
}

/// On one thread, so that the subscriber of the test hears what the sending task says.
#[rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test]
async fn what_is_thrown_away_of_a_batch_is_counted(#[case] protocol: Protocol) {
    let registry = prometheus::Registry::new();
    let config = exporting_to(picky(protocol).await, protocol);
    let (telemetry, dispatch, lines) = build_with_lines(config, &registry);
    let _guard = tracing::dispatcher::set_default(&dispatch);

    for number in 0..5 {
        tracing::info_span!("request", number).in_scope(|| tracing::info!("served"));
    }
    telemetry.shutdown(Duration::from_secs(30)).await;

    for signal in ["traces", "logs", "metrics"] {
        let lost = dropped(&registry, signal);
        assert!((lost - 2.0).abs() < 0.5, "{lost} {signal}");
    }
    assert_eq!(lines.json().len(), 5, "the lines are the program's own");
}

#[rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test]
async fn a_connection_that_fails_is_reported_with_its_cause(#[case] protocol: Protocol) {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = exporting_to(gone.local_addr().unwrap(), protocol);
    drop(gone);
    config.otel.export_metrics = false;
    let registry = prometheus::Registry::new();
    let (telemetry, dispatch, lines) = build_with_lines(config, &registry);
    let _guard = tracing::dispatcher::set_default(&dispatch);

    tracing::info_span!("request").in_scope(|| tracing::info!("served"));
    telemetry.shutdown(Duration::from_secs(30)).await;

    for signal in ["traces", "logs"] {
        let lost = dropped(&registry, signal);
        assert!((lost - 1.0).abs() < 0.5, "{lost} {signal}");
        let lines = lines.json();
        let said: Vec<_> = lines
            .iter()
            .filter(|line| line["signal"] == signal)
            .collect();
        assert_eq!(said.len(), 1, "{lines:#?}");
        let error = said[0]["error"].as_str().unwrap();
        assert!(error.contains("Connection refused"), "{error}");
    }
}
