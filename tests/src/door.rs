//! The gRPC port of a cluster's Service, as kube-proxy carries it, and a record of which methods answered.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, HeaderValue};
use k8s_openapi::api::core::v1::Service;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};

use crate::forward::Forward;
use crate::scenario::Scenario;

/// How long a Service's address may take to answer before it counts as out of reach.
const REACH: Duration = Duration::from_secs(5);

/// Methods that gave an answer, as `package.Service/Method`.
type Answered = Arc<Mutex<BTreeSet<String>>>;

/// An open way to a cluster's Service.
pub struct Door {
    channel: Channel,
    answered: Answered,
    _forward: Option<Forward>,
}

impl Door {
    /// To the Service's own address. Where this machine is not part of the cluster's network, as with kind, it
    /// says so and goes to a Pod through the apiserver instead.
    pub async fn open(scenario: &Scenario, cluster: &str) -> Result<Self> {
        let name = format!("{cluster}-server");
        let service = scenario.api::<Service>().get(&name).await?;
        let address = address(service).with_context(|| format!("Service {name}"))?;
        let (channel, forward) = match connect(address).await {
            Ok(channel) => (channel, None),
            Err(error) => {
                eprintln!("{address} is out of reach from here ({error:#}): through the apiserver");
                let forward = scenario.forward(cluster, "server", address.port()).await?;
                (connect(forward.address).await?, Some(forward))
            }
        };
        Ok(Self {
            channel,
            answered: Answered::default(),
            _forward: forward,
        })
    }

    /// The bare channel, for callers that bring their token themselves.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A caller with this token; none for an empty one.
    pub fn with(&self, token: &str) -> Result<Caller> {
        let authorization = match token {
            "" => None,
            token => Some(HeaderValue::try_from(format!("Bearer {token}"))?),
        };
        Ok(Caller {
            channel: self.channel.clone(),
            authorization,
            answered: Arc::clone(&self.answered),
        })
    }

    /// The methods that have answered so far with something other than an error.
    pub fn answered(&self) -> BTreeSet<String> {
        let answered = self.answered.lock();
        answered.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn address(service: Service) -> Option<SocketAddr> {
    let spec = service.spec?;
    let mut ports = spec.ports?.into_iter();
    let port = ports.find(|port| port.name.as_deref() == Some("grpc"))?;
    let ip = spec.cluster_ip?.parse().ok()?;
    Some(SocketAddr::new(ip, u16::try_from(port.port).ok()?))
}

async fn connect(address: SocketAddr) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.connect_timeout(REACH);
    Ok(endpoint.connect().await?)
}

/// Somebody who calls through the door; generated clients take it for their channel.
#[derive(Clone)]
pub struct Caller {
    channel: Channel,
    authorization: Option<HeaderValue>,
    answered: Answered,
}

impl tower::Service<http::Request<Body>> for Caller {
    type Response = http::Response<Body>;
    type Error = tonic::transport::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        tower::Service::poll_ready(&mut self.channel, context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        if let Some(authorization) = &self.authorization {
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let method = request.uri().path().trim_start_matches('/').to_owned();
        let answered = Arc::clone(&self.answered);
        let sent = self.channel.call(request);
        Box::pin(async move {
            let response = sent.await?;
            // An error comes with its status in the headers; an answer has it after the message.
            let status = response.headers().get("grpc-status");
            if status.is_none_or(|status| status == "0") {
                let mut answered = answered.lock().unwrap_or_else(PoisonError::into_inner);
                answered.insert(method);
            }
            Ok(response)
        })
    }
}
