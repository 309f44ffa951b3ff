//! gRPC by hand: a client that sends any bytes as a message, and shows all that comes back.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tonic::{Code, Status};

use super::process::PATIENCE;

pub struct Wire {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
}

/// Messages in their frames, and how the call ended.
pub struct Answer {
    pub body: Bytes,
    pub status: Status,
}

/// A message in its frame.
pub fn framed(message: &[u8]) -> Vec<u8> {
    frame(0, u32::try_from(message.len()).unwrap(), message)
}

/// A frame that may say anything of its message.
pub fn frame(flag: u8, length: u32, message: &[u8]) -> Vec<u8> {
    let mut body = vec![flag];
    body.extend(length.to_be_bytes());
    body.extend(message);
    body
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

    /// The status of a call of `telecom.v1.Service/Method`; an empty token is none.
    pub async fn call(&self, method: &str, token: &str, message: &[u8]) -> Status {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_bytes())];
        let headers = if token.is_empty() { &[] } else { &headers[..] };
        let path = format!("/{method}");
        self.send(&path, headers, framed(message)).await.status
    }

    /// How a method that answers without end begins: refused, or OK.
    pub async fn begin(&self, method: &str, token: &str, message: &[u8]) -> Code {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_bytes())];
        let headers = if token.is_empty() { &[] } else { &headers[..] };
        let path = format!("/{method}");
        let answer = self.open(&path, headers, framed(message));
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        let answer = answer.expect("an answer");
        Status::from_header_map(answer.headers()).map_or(Code::Ok, |status| status.code())
    }

    /// The whole answer to a body that need not be in frames.
    pub async fn send(&self, path: &str, headers: &[(&str, &[u8])], body: Vec<u8>) -> Answer {
        let answer = async { whole(self.open(path, headers, body).await).await };
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        answer.expect("an answer")
    }

    /// An answer that has begun.
    pub async fn open(
        &self,
        path: &str,
        headers: &[(&str, &[u8])],
        body: Vec<u8>,
    ) -> Response<Incoming> {
        let mut request = Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        self.client.request(request).await.expect("an answer")
    }
}

async fn whole(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole answer");
    let none = HeaderMap::new();
    let trailers = body.trailers().unwrap_or(&none);
    for headers in [&head.headers, trailers] {
        let sizes = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len());
        assert!(
            sizes.sum::<usize>() < 8 << 10,
            "more than some clients read"
        );
    }
    let status = Status::from_header_map(&head.headers)
        .or_else(|| Status::from_header_map(trailers))
        .expect("a status");
    Answer {
        body: body.to_bytes(),
        status,
    }
}
