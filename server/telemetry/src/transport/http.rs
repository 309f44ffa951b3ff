//! The HTTP client of the exporters: the user's headers added, and the cause of a failure kept.

use std::sync::{Mutex, PoisonError};

use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

use super::chain;
use super::connector::Connector;
use super::road::Headers;

/// OpenTelemetry's client over our connector. The exporters of `opentelemetry-otlp` say no more of a
/// connection that fails than "network error", so what failed is kept here for the log.
#[derive(Debug)]
pub(crate) struct Client {
    inner: HyperClient<Connector>,
    headers: Headers,
    cause: Mutex<Option<String>>,
}

impl Client {
    pub(super) fn new(inner: HyperClient<Connector>, headers: Headers) -> Self {
        Self {
            inner,
            headers,
            cause: Mutex::default(),
        }
    }

    /// Why the last request got no answer, if it got none.
    pub(super) fn cause(&self) -> Option<String> {
        self.cause
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[tonic::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.headers.add(request.headers_mut());
        let answer = self.inner.send_bytes(request).await;
        let cause = answer.as_ref().err().map(|error| chain(error.as_ref()));
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause;
        answer
    }
}
