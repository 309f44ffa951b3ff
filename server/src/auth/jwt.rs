//! JSON Web Tokens (RFC 7519): who a token was issued to and which roles it carries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use super::{Jwks, Role, Secret};
use crate::users::UserId;

/// A secret for HS256 has at least as many bits as the hash (RFC 7518, 3.2).
pub const MIN_SECRET_BYTES: usize = 32;
/// Clocks of issuers may be this far off.
const LEEWAY: Duration = Duration::from_secs(30);
/// Most characters of a subject.
pub const MAX_SUBJECT: usize = 200;

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    /// Whom it was issued to.
    pub subject: Arc<str>,
    /// The subject as a subscriber, when it is the id of one.
    pub user: Option<UserId>,
    /// The roles, each once; at least one.
    pub roles: Vec<Role>,
}

/// Why a token proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum InvalidToken {
    /// Not a token, not ours, expired, or for somebody else.
    #[error("the token does not verify: {0}")]
    Unverified(#[from] jsonwebtoken::errors::Error),
    /// Signed with a key or in a way that is not taken.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// A claim that is needed is missing or is not what it should be.
    #[error("the claim `{0}` is missing or cannot be used")]
    Claim(String),
    /// The keys have not been fetched yet.
    #[error("the keys of the issuer are not known yet")]
    NoKeys,
}

/// What else than the signature has to be right, and where the roles are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// `iss` has to be this, if given.
    pub issuer: Option<String>,
    /// `aud` has to name this, if given.
    pub audience: Option<String>,
    /// The claim of the role or roles: its name, or a path with dots to it.
    pub role_claim: String,
    /// From the issuer's names to roles; with none, the names are the roles' own.
    pub role_mapping: BTreeMap<String, Role>,
}

/// What tokens are signed with.
#[derive(Debug, Clone)]
pub enum Keys {
    /// HS256 with one of these; the first is the current one.
    Secrets(Vec<Secret>),
    /// The issuer's public keys.
    Jwks(Jwks),
}

/// Verifies tokens.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: Keys,
    rules: Rules,
}

impl Verifier {
    /// By these keys and rules.
    pub fn new(keys: Keys, rules: Rules) -> Self {
        Self { keys, rules }
    }

    /// Who the token was issued to.
    pub async fn verify(&self, token: &str) -> Result<Jwt, InvalidToken> {
        let claims = match &self.keys {
            Keys::Secrets(secrets) => self.by_secrets(token, secrets)?,
            Keys::Jwks(jwks) => {
                let header = jsonwebtoken::decode_header(token)?;
                let key = jwks.key(&header).await?;
                self.decode(token, &key, header.alg)?
            }
        };
        self.read(&claims)
    }

    fn by_secrets(&self, token: &str, secrets: &[Secret]) -> Result<Value, InvalidToken> {
        let mut result = Err(InvalidToken::UnknownKey);
        for secret in secrets {
            let key = DecodingKey::from_secret(secret.expose().as_bytes());
            result = self.decode(token, &key, Algorithm::HS256);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    fn decode(
        &self,
        token: &str,
        key: &DecodingKey,
        algorithm: Algorithm,
    ) -> Result<Value, InvalidToken> {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY.as_secs();
        validation.validate_nbf = true;
        validation.validate_aud = self.rules.audience.is_some();
        let mut required = vec!["exp", "sub"];
        if let Some(audience) = &self.rules.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        if let Some(issuer) = &self.rules.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        Ok(jsonwebtoken::decode::<Value>(token, key, &validation)?.claims)
    }

    fn read(&self, claims: &Value) -> Result<Jwt, InvalidToken> {
        let invalid = |claim: &str| InvalidToken::Claim(claim.to_owned());
        let subject = claims["sub"].as_str().ok_or_else(|| invalid("sub"))?;
        if !is_subject(subject) {
            return Err(invalid("sub"));
        }
        let user = subject.parse().ok();
        let mut roles = Vec::new();
        for name in strings(claim(claims, &self.rules.role_claim)) {
            let role = if self.rules.role_mapping.is_empty() {
                Role::from_name(name)
            } else {
                self.rules.role_mapping.get(name).copied()
            };
            // A subscriber is who they are by their id; without one there is nothing of theirs.
            roles.extend(role.filter(|role| *role != Role::User || user.is_some()));
        }
        if roles.is_empty() {
            return Err(invalid(&self.rules.role_claim));
        }
        Ok(Jwt {
            subject: subject.into(),
            user,
            roles,
        })
    }
}

/// Whether a token can be issued to this subject: it ends up in log lines and audit rows.
pub fn is_subject(text: &str) -> bool {
    (1..=MAX_SUBJECT).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
}

/// The claim of that name, or the one that the path with dots leads to.
fn claim<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    claims.get(path).or_else(|| {
        path.split('.')
            .try_fold(claims, |value, name| value.get(name))
    })
}

fn strings(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A token signed with HS256, for development and for providers without an issuer of their own.
pub fn mint(
    secret: &Secret,
    rules: &Rules,
    subject: &str,
    role: Role,
    now: SystemTime,
    ttl: Duration,
) -> Result<Secret, jsonwebtoken::errors::Error> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    // The issuer's name of the role, where they have their own.
    let name = rules
        .role_mapping
        .iter()
        .find(|(_, mapped)| **mapped == role)
        .map_or(role.as_str(), |(name, _)| name.as_str());
    let mut claims = json!({
        "sub": subject,
        "iat": now.as_secs(),
        "exp": (now + ttl).as_secs(),
        &rules.role_claim: name,
    });
    if let Some(issuer) = &rules.issuer {
        claims["iss"] = json!(issuer);
    }
    if let Some(audience) = &rules.audience {
        claims["aud"] = json!(audience);
    }
    let key = EncodingKey::from_secret(secret.expose().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).map(Secret::new)
}
