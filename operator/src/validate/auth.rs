//! Who may call: the key that somebody else made, or the address where keys are published.

use std::collections::BTreeMap;

use telecom_crds::{Reason, Role};
use url::Url;

use super::Problem;
use super::secrets::{Scope, check};
use crate::references::{KeyFacts, Purpose, SecretKey};

/// Who may call, and how callers are recognized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// What callers' tokens are checked against.
    pub keys: SigningKeys,
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// What `aud` must hold.
    pub audience: Option<String>,
    /// The claim with the role.
    pub role_claim: String,
    /// Roles by word of that claim.
    pub role_mapping: BTreeMap<String, Role>,
}

/// What callers' tokens are checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningKeys {
    /// A key that the operator makes.
    Generated,
    /// A key that somebody else made.
    Given(SecretKey),
    /// Public keys that somebody else publishes.
    Published {
        /// Where.
        url: String,
        /// The port that the server connects to for them.
        port: u16,
    },
}

impl SigningKeys {
    /// Where the key lies that somebody else made.
    pub fn given(&self) -> Option<&SecretKey> {
        match self {
            Self::Given(secret) => Some(secret),
            Self::Generated | Self::Published { .. } => None,
        }
    }

    /// The port that the server connects to for keys.
    pub fn port(&self) -> Option<&u16> {
        match self {
            Self::Published { port, .. } => Some(port),
            Self::Generated | Self::Given(_) => None,
        }
    }

    /// Where public keys are published.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Published { url, .. } => Some(url),
            Self::Generated | Self::Given(_) => None,
        }
    }
}

pub(super) fn validate(scope: &Scope<'_>, problems: &mut Vec<Problem>) -> Option<Auth> {
    let given = &scope.spec().auth;
    let keys = match (&given.jwt_secret_ref, &given.jwks_url) {
        (Some(reference), _) => {
            let read = |facts: &KeyFacts| facts.signing_key.clone();
            let usable = check(scope, Purpose::JwtSecret, Some(reference), read, problems)?;
            SigningKeys::Given(usable.secret)
        }
        (None, Some(url)) => published(url, problems)?,
        (None, None) => SigningKeys::Generated,
    };
    Some(Auth {
        keys,
        issuer: given.issuer.clone(),
        audience: given.audience.clone(),
        role_claim: given.role_claim.clone(),
        role_mapping: given.role_mapping.clone(),
    })
}

fn published(url: &str, problems: &mut Vec<Problem>) -> Option<SigningKeys> {
    let what = match Url::parse(url) {
        Ok(read) => match (read.scheme(), read.port_or_known_default()) {
            ("http" | "https", Some(port)) => {
                let url = url.to_owned();
                return Some(SigningKeys::Published { url, port });
            }
            (scheme, _) => format!("has the scheme {scheme}: use http:// or https://"),
        },
        Err(error) => format!(
            "is not a URL ({error}): write one such as https://id.example.com/.well-known/jwks.json"
        ),
    };
    problems.push(Problem::configuration(
        Reason::InvalidValue,
        format!("spec.auth.jwksUrl {what}"),
    ));
    None
}
