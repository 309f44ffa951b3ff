//! One attempt to hand one request to a collector, over gRPC or HTTP.

use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use prost::Message;
use rustls::ClientConfig;
use tonic::Code;
use tonic::body::Body;

use super::{Failure, Request, add_headers};
use crate::settings::Protocol;

/// A reply says how many items were refused; anything longer is not a collector's.
const MAX_REPLY: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection whose peer vanished without a word is noticed after two of these.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Client {
    protocol: Protocol,
    headers: HeaderMap,
    http: HyperClient<HttpsConnector<HttpConnector>, Body>,
}

impl Client {
    pub(super) fn new(protocol: Protocol, headers: HeaderMap, tls: ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http();
        let grpc = protocol == Protocol::Grpc;
        let connector = if grpc {
            connector.enable_http2().wrap_connector(tcp)
        } else {
            connector.enable_http1().wrap_connector(tcp)
        };
        let http = HyperClient::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_only(grpc)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE)
            .build(connector);
        Self {
            protocol,
            headers,
            http,
        }
    }

    pub(super) async fn call<R: Request>(
        &self,
        request: &R,
        uri: &Uri,
    ) -> Result<R::Reply, Failure> {
        match self.protocol {
            Protocol::Grpc => self.grpc(request, uri).await,
            Protocol::Http => self.post(request, uri).await,
        }
    }

    async fn grpc<R: Request>(&self, request: &R, uri: &Uri) -> Result<R::Reply, Failure> {
        let mut grpc = tonic::client::Grpc::with_origin(self.http.clone(), uri.clone());
        grpc.ready()
            .await
            .map_err(|error| Failure::Transient(chain(&error)))?;
        let mut request = tonic::Request::new(request.clone());
        add_headers(request.metadata_mut().as_mut(), &self.headers);
        let codec = tonic_prost::ProstCodec::<R, R::Reply>::default();
        let path = PathAndQuery::from_static(R::SIGNAL.grpc_path());
        match grpc.unary(request, path, codec).await {
            Ok(reply) => Ok(reply.into_inner()),
            Err(status) if retryable(&status) => Err(Failure::Transient(reason(&status))),
            Err(status) => Err(Failure::Permanent(reason(&status))),
        }
    }

    async fn post<R: Request>(&self, request: &R, uri: &Uri) -> Result<R::Reply, Failure> {
        let body = Body::new(Full::from(request.encode_to_vec()));
        let mut post = http::Request::new(body);
        *post.method_mut() = http::Method::POST;
        *post.uri_mut() = uri.clone();
        let protobuf = HeaderValue::from_static("application/x-protobuf");
        post.headers_mut().insert(header::CONTENT_TYPE, protobuf);
        add_headers(post.headers_mut(), &self.headers);
        let reply = self
            .http
            .request(post)
            .await
            .map_err(|error| Failure::Transient(chain(&error)))?;
        let status = reply.status();
        if !status.is_success() {
            let refused = format!("HTTP {status}");
            return Err(if transient(status) {
                Failure::Transient(refused)
            } else {
                Failure::Permanent(refused)
            });
        }
        let body = Limited::new(reply.into_body(), MAX_REPLY)
            .collect()
            .await
            .map_err(|error| Failure::Permanent(format!("the reply: {error}")))?;
        // Some backends answer 200 with JSON or with text; the data has arrived all the same.
        Ok(R::Reply::decode(body.to_bytes()).unwrap_or_default())
    }
}

/// <https://opentelemetry.io/docs/specs/otlp/#failures>: of these a `RESOURCE_EXHAUSTED` counts only
/// when the collector says when to come back, which we do not wait for.
fn retryable(status: &tonic::Status) -> bool {
    matches!(
        status.code(),
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
    ) || std::error::Error::source(status).is_some()
}

/// <https://opentelemetry.io/docs/specs/otlp/#failures-1>
fn transient(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// What a status says: the connection's own error, or the collector's code and words.
fn reason(status: &tonic::Status) -> String {
    match std::error::Error::source(status) {
        Some(error) => chain(error),
        None => format!("{:?}: {}", status.code(), status.message()),
    }
}

/// An error with its causes: "client error (Connect): tcp connect error: Connection refused".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
