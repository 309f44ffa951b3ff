//! The way to the server: a channel that connects by itself, and the node's token on each request.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use http::Uri;
use hyper_rustls::HttpsConnectorBuilder;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

/// How long the server's address may take to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that answers no ping for so long is a dead one; streams on it end with an error.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A channel to the server, over TLS for `https`. It connects when it is first used, and again whenever
/// that is needed.
pub fn channel(server: Uri) -> io::Result<Channel> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider)?
        .https_or_http()
        .enable_http2()
        .build();
    Ok(Endpoint::from(server)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .connect_with_connector_lazy(connector))
}

/// The node's token.
pub struct Token {
    file: Option<PathBuf>,
    header: RwLock<MetadataValue<Ascii>>,
}

impl Token {
    /// The token itself, for as long as the agent runs.
    pub fn fixed(token: &str) -> io::Result<Self> {
        Ok(Self {
            file: None,
            header: RwLock::new(header(token)?),
        })
    }

    /// The one in a file, which is replaced when the token is.
    pub fn in_file(path: PathBuf) -> io::Result<Self> {
        let header = header(&fs::read_to_string(&path)?)?;
        Ok(Self {
            file: Some(path),
            header: RwLock::new(header),
        })
    }

    /// The server does not take the token: perhaps the file has another one by now.
    pub fn read_again(&self) {
        let Some(path) = &self.file else { return };
        match fs::read_to_string(path).and_then(|text| header(&text)) {
            Ok(header) => *self.header.write().unwrap_or_else(PoisonError::into_inner) = header,
            Err(error) => tracing::warn!(path = %path.display(), %error, "no token in its file"),
        }
    }

    /// A request with the token.
    pub fn on<T>(&self, message: T) -> Request<T> {
        let header = self.header.read().unwrap_or_else(PoisonError::into_inner);
        let mut request = Request::new(message);
        request
            .metadata_mut()
            .insert("authorization", header.clone());
        request
    }
}

fn header(token: &str) -> io::Result<MetadataValue<Ascii>> {
    let mut header = MetadataValue::try_from(format!("Bearer {}", token.trim()))
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not a token"))?;
    header.set_sensitive(true);
    Ok(header)
}
