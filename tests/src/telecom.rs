//! The server as its callers see it: `/metrics` and health over HTTP, the telecom services over gRPC.

use std::net::SocketAddr;

use anyhow::Result;
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use telecom_proto::v1::node_agent_client::NodeAgentClient;
use telecom_proto::v1::node_server_manage_client::NodeServerManageClient;
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};

/// GETs `http://address/path`, with a bearer token where one is given; returns status and body.
pub async fn get(address: SocketAddr, path: &str, token: Option<&str>) -> Result<(u16, String)> {
    let mut request = http::Request::get(format!("http://{address}{path}"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<hyper::body::Bytes>>();
    let response = client.request(request.body(Empty::new())?).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// POST: the status and the body of the answer.
pub async fn post(
    address: SocketAddr,
    path: &str,
    token: &str,
    content_type: &str,
    body: Vec<u8>,
) -> Result<(u16, String)> {
    let request = http::Request::post(format!("http://{address}{path}"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", content_type)
        .body(Full::new(hyper::body::Bytes::from(body)))?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<hyper::body::Bytes>>();
    let response = client.request(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// A gRPC channel to a local port.
pub async fn channel(address: SocketAddr) -> Result<Channel> {
    Ok(Endpoint::from_shared(format!("http://{address}"))?
        .connect()
        .await?)
}

/// The administrator's client for node servers.
pub fn manage(channel: Channel) -> NodeServerManageClient<Channel> {
    NodeServerManageClient::new(channel)
}

/// A node agent's client.
pub fn agent(channel: Channel) -> NodeAgentClient<Channel> {
    NodeAgentClient::new(channel)
}

/// A request that carries a bearer token.
pub fn with_token<T>(message: T, token: &str) -> Result<Request<T>> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(
        "authorization",
        MetadataValue::try_from(format!("Bearer {token}"))?,
    );
    Ok(request)
}
