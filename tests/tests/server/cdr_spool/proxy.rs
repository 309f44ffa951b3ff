//! A proxy between the spool and the server that takes no large bodies, as most do not, and remembers what came.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

pub struct Proxy {
    pub http: SocketAddr,
    /// Bodies that went through.
    pub passed: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub async fn start(server: SocketAddr, largest: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = listener.local_addr().unwrap();
        let passed = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&passed);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let passed = Arc::clone(&kept);
                let service =
                    service_fn(move |request| pass(request, server, largest, Arc::clone(&passed)));
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { http, passed }
    }
}

async fn pass(
    request: Request<Incoming>,
    server: SocketAddr,
    largest: usize,
    passed: Arc<Mutex<Vec<String>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let refusal = |code| {
        Response::builder()
            .status(code)
            .body(Full::default())
            .unwrap()
    };
    if body.len() > largest {
        return Ok(refusal(StatusCode::PAYLOAD_TOO_LARGE));
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    let target = format!("http://{server}{}", parts.uri);
    parts.uri = target.parse().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let Ok(answer) = client
        .request(Request::from_parts(parts, Full::new(body)))
        .await
    else {
        return Ok(refusal(StatusCode::BAD_GATEWAY));
    };
    passed.lock().unwrap().push(text);
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Ok(Response::from_parts(parts, Full::new(body)))
}
