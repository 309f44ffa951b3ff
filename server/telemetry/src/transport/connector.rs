//! Connections to a collector, TLS included.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tower::Service;

use super::{CONNECT_TIMEOUT, TransportError, tls};
use crate::settings::Protocol;

type Https = HttpsConnector<HttpConnector>;

/// Makes connections. The authorities of a file are read for each, so that others are taken up without a restart, as
/// the database's are.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    protocol: Protocol,
    ca_file: Option<PathBuf>,
    first: Https,
}

impl Connector {
    /// Fails when the authorities cannot be used as they are now.
    pub(super) fn new(
        protocol: Protocol,
        ca_file: Option<PathBuf>,
    ) -> Result<Self, TransportError> {
        Ok(Self {
            first: https(protocol, ca_file.as_deref())?,
            protocol,
            ca_file,
        })
    }

    fn now(&self) -> Result<Https, TransportError> {
        match &self.ca_file {
            Some(file) => https(self.protocol, Some(file)),
            None => Ok(self.first.clone()),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = <Https as Service<Uri>>::Response;
    type Error = <Https as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.first.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        match self.now() {
            Ok(mut connector) => Box::pin(connector.call(to)),
            Err(error) => Box::pin(async { Err(error.into()) }),
        }
    }
}

/// Does the TLS of gRPC too. That works as long as no crate turns on a TLS feature of `tonic`, whose
/// channel would then refuse `https` without a configuration of its own.
fn https(protocol: Protocol, ca_file: Option<&Path>) -> Result<Https, TransportError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls::client_config(ca_file)?)
        .https_or_http();
    Ok(match protocol {
        Protocol::Grpc => connector.enable_http2().wrap_connector(tcp),
        Protocol::Http => connector.enable_http1().wrap_connector(tcp),
    })
}
