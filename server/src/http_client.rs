//! The client that this process asks others with over HTTP: issuers of tokens, PBXs, the server behind a spool.

use std::time::Duration;

use hyper::body::Body;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// HTTP/1.1 with or without TLS; keeps connections.
pub type HttpClient<B> = Client<HttpsConnector<HttpConnector>, B>;

/// A name that resolves to an address where nobody answers costs no more than this.
const CONNECT: Duration = Duration::from_secs(5);

/// A client that trusts what the system trusts, or `SSL_CERT_FILE` where it is set.
pub fn client<B>() -> HttpClient<B>
where
    B: Body + Send,
    B::Data: Send,
{
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    // The connector around it takes care of what is https.
    connector.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls())
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Without any authority only `http` works, and a request by `https` says so.
fn tls() -> rustls::ClientConfig {
    let builder = rustls::ClientConfig::builder;
    match builder().with_native_roots() {
        Ok(builder) => builder.with_no_client_auth(),
        Err(error) => {
            tracing::warn!(%error, "no certificate authorities are found on this system");
            builder()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth()
        }
    }
}
