//! The public keys of a token issuer (RFC 7517), fetched from its URL and kept up to date.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::InvalidToken;
use crate::http_client::{self, HttpClient};

/// Keys are fetched this often when nothing asks for it.
const REFRESH: Duration = Duration::from_mins(5);
/// An unknown key makes us look again, but not more often than this.
const SHORTEST: Duration = Duration::from_secs(5);
/// A fetch takes no longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Sets of keys are some kilobytes.
const MAX_BYTES: usize = 1 << 20;

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwksUrl(http::Uri);

impl JwksUrl {
    /// An `https` URL, or `http` for keys inside one cluster.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const SHAPE: &str = "must be a URL such as https://issuer.example/.well-known/jwks.json";
        let url: http::Uri = text.parse().map_err(|_| SHAPE)?;
        // It would be logged, and sent to nobody.
        if url.authority().is_some_and(|it| it.as_str().contains('@')) {
            return Err("must not hold a user or a password: such keys are public");
        }
        match url.scheme_str() {
            Some("https" | "http") if url.host().is_some_and(|host| !host.is_empty()) => {
                Ok(Self(url))
            }
            _ => Err(SHAPE),
        }
    }
}

impl fmt::Display for JwksUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The keys; a clone shares them.
#[derive(Debug, Clone)]
pub struct Jwks(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    url: JwksUrl,
    client: HttpClient<Empty<Bytes>>,
    keys: ArcSwapOption<HashMap<Option<String>, KnownKey>>,
    /// When the last fetch began; who holds it fetches.
    last: Mutex<Option<Instant>>,
}

struct KnownKey {
    key: DecodingKey,
    algorithms: Vec<Algorithm>,
}

impl fmt::Debug for KnownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.algorithms)
    }
}

/// The keys could not be had.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no answer in {PATIENCE:?}")]
    Timeout,
    #[error("{0}")]
    Request(#[from] hyper_util::client::legacy::Error),
    #[error("the answer broke off or is larger than {MAX_BYTES} bytes: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("the answer is {0}")]
    Status(http::StatusCode),
    #[error("the answer is not a set of keys: {0}")]
    Json(#[from] serde_json::Error),
    #[error("none of the keys in the answer can be used to verify tokens")]
    Empty,
}

impl Jwks {
    /// Nothing is fetched before [`Self::keep_fresh`] or the first token.
    pub fn new(url: JwksUrl) -> Self {
        Self(Arc::new(Shared {
            url,
            client: http_client::client(),
            keys: ArcSwapOption::empty(),
            last: Mutex::new(None),
        }))
    }

    /// Fetches the keys now and then, until the future is dropped. Keys that cannot be fetched again
    /// stay as they are.
    pub async fn keep_fresh(&self) {
        loop {
            self.refresh().await;
            let known = self.0.keys.load().is_some();
            sleep(if known { REFRESH } else { SHORTEST }).await;
        }
    }

    /// The key a token says it is signed with; looked for anew when it is not known.
    pub(super) async fn key(&self, header: &Header) -> Result<DecodingKey, InvalidToken> {
        if let Some(key) = self.known(header) {
            return Ok(key);
        }
        self.refresh().await;
        self.known(header).ok_or_else(|| {
            if self.0.keys.load().is_some() {
                InvalidToken::UnknownKey
            } else {
                InvalidToken::NoKeys
            }
        })
    }

    fn known(&self, header: &Header) -> Option<DecodingKey> {
        let keys = self.0.keys.load();
        let keys = keys.as_ref()?;
        let named = keys.get(&header.kid);
        // A token without `kid` can only mean the one key there is.
        let only = || match (&header.kid, keys.len()) {
            (None, 1) => keys.values().next(),
            _ => None,
        };
        let known = named.or_else(only)?;
        let good = known.algorithms.contains(&header.alg);
        good.then(|| known.key.clone())
    }

    async fn refresh(&self) {
        let mut last = self.0.last.lock().await;
        if last.is_some_and(|last| last.elapsed() < SHORTEST) {
            return;
        }
        *last = Some(Instant::now());
        let fetched = timeout(PATIENCE, self.fetch()).await;
        match fetched.unwrap_or(Err(FetchError::Timeout)) {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "fetched the issuer's keys");
                self.0.keys.store(Some(Arc::new(keys)));
            }
            Err(error) => {
                tracing::warn!(url = %self.0.url, %error, "the issuer's keys cannot be fetched");
            }
        }
    }

    async fn fetch(&self) -> Result<HashMap<Option<String>, KnownKey>, FetchError> {
        let response = self.0.client.get(self.0.url.0.clone()).await?;
        if !response.status().is_success() {
            return Err(FetchError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_BYTES);
        let bytes = body.collect().await.map_err(FetchError::Body)?.to_bytes();
        let set: serde_json::Value = serde_json::from_slice(&bytes)?;
        // One key of a kind that is not known here must not spoil the others.
        let keys = set["keys"].as_array().into_iter().flatten();
        let keys: Vec<Jwk> = keys
            .filter_map(|key| serde_json::from_value(key.clone()).ok())
            .collect();
        let known: HashMap<_, _> = JwkSet { keys }.keys.iter().filter_map(usable).collect();
        if known.is_empty() {
            return Err(FetchError::Empty);
        }
        Ok(known)
    }
}

/// A public key for signatures, with the algorithms it may be used with.
fn usable(jwk: &Jwk) -> Option<(Option<String>, KnownKey)> {
    if !matches!(
        jwk.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    ) {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    let algorithms = match jwk.common.key_algorithm {
        Some(algorithm) => vec![signature(algorithm)?],
        None => by_type(jwk),
    };
    (!algorithms.is_empty()).then(|| (jwk.common.key_id.clone(), KnownKey { key, algorithms }))
}

/// Never HS256: a public key is no secret.
fn signature(algorithm: KeyAlgorithm) -> Option<Algorithm> {
    Some(match algorithm {
        KeyAlgorithm::RS256 => Algorithm::RS256,
        KeyAlgorithm::RS384 => Algorithm::RS384,
        KeyAlgorithm::RS512 => Algorithm::RS512,
        KeyAlgorithm::PS256 => Algorithm::PS256,
        KeyAlgorithm::PS384 => Algorithm::PS384,
        KeyAlgorithm::PS512 => Algorithm::PS512,
        KeyAlgorithm::ES256 => Algorithm::ES256,
        KeyAlgorithm::ES384 => Algorithm::ES384,
        KeyAlgorithm::EdDSA => Algorithm::EdDSA,
        _ => return None,
    })
}

/// What a key that names no algorithm can do (RFC 7518, 3.1; RFC 8037, 3.1).
fn by_type(jwk: &Jwk) -> Vec<Algorithm> {
    use jsonwebtoken::jwk::{AlgorithmParameters as Parameters, EllipticCurve as Curve};
    match &jwk.algorithm {
        Parameters::RSA(_) => vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        Parameters::EllipticCurve(parameters) => match parameters.curve {
            Curve::P256 => vec![Algorithm::ES256],
            Curve::P384 => vec![Algorithm::ES384],
            _ => Vec::new(),
        },
        Parameters::OctetKeyPair(_) => vec![Algorithm::EdDSA],
        _ => Vec::new(),
    }
}
