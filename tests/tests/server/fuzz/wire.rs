//! gRPC by hand: a client that sends any bytes as a message.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tonic::Status;

use super::super::process::PATIENCE;

pub struct Wire {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
}

impl Wire {
    pub fn new(address: SocketAddr) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.http2_only(true);
        builder.pool_idle_timeout(Duration::from_secs(5));
        Self {
            client: builder.build_http(),
            address,
        }
    }

    /// The status of a call; an empty token is none.
    pub async fn call(&self, path: &str, token: &str, message: &[u8]) -> Status {
        let token = (!token.is_empty()).then_some(token.as_bytes());
        self.call_with(path, token, message).await
    }

    pub async fn call_with(&self, path: &str, token: Option<&[u8]>, message: &[u8]) -> Status {
        let mut body = vec![0];
        body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend(message);
        let mut request = Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        if let Some(token) = token {
            let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).unwrap();
            request.headers_mut().insert("authorization", value);
        }
        let answer = tokio::time::timeout(PATIENCE, self.answer(request)).await;
        answer.expect("an answer")
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Status {
        let response = self.client.request(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole answer");
        let none = HeaderMap::new();
        for headers in [&head.headers, body.trailers().unwrap_or(&none)] {
            let sizes = headers
                .iter()
                .map(|(name, value)| name.as_str().len() + value.len());
            assert!(
                sizes.sum::<usize>() < 8 << 10,
                "more than some clients read"
            );
        }
        Status::from_header_map(&head.headers)
            .or_else(|| Status::from_header_map(body.trailers().unwrap_or(&none)))
            .expect("a status")
    }
}
