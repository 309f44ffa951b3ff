//! What a TelecomCluster refers to, and what the world says of it: facts without any secret bytes.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::PodTemplateSpec;
use telecom_crds::{SecretKeyRef, TelecomCluster};

use crate::names;

pub use secret_fact::{KeyFacts, SecretFact, UrlFacts};

mod secret_fact;

/// One key of a Secret in the cluster's own namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretKey {
    /// Name of the Secret.
    pub name: String,
    /// Key within the Secret.
    pub key: String,
}

/// What a referenced Secret key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// The database the server uses.
    DatabaseUrl,
    /// The database's address past a connection pooler, for migrations.
    DatabaseDirectUrl,
    /// A read replica of the database.
    DatabaseReadUrl,
    /// Certificates that the database's certificate is checked against.
    DatabaseCa,
    /// The token that a scraper must show on `/metrics`.
    MetricsToken,
    /// Headers for the OpenTelemetry collector.
    TelemetryHeaders,
    /// Certificates that the collector's certificate is checked against.
    TelemetryCa,
    /// The secret that callers' tokens are signed with.
    JwtSecret,
    /// The one before the last rotation; made by the operator.
    JwtSecretPrevious,
    /// The operator's own credential to the server; made by the operator.
    OperatorToken,
    /// The one before the last rotation; made by the operator.
    OperatorTokenPrevious,
}

impl Purpose {
    /// The field of the manifest that names the Secret; for a Secret of the operator's own making,
    /// what it holds.
    pub const fn field(self) -> &'static str {
        match self {
            Self::DatabaseUrl => "spec.database.urlSecretRef",
            Self::DatabaseDirectUrl => "spec.database.directUrlSecretRef",
            Self::DatabaseReadUrl => "spec.database.readUrlSecretRef",
            Self::DatabaseCa => "spec.database.caSecretRef",
            Self::MetricsToken => "spec.metrics.bearerTokenSecretRef",
            Self::TelemetryHeaders => "spec.telemetry.headersSecretRef",
            Self::TelemetryCa => "spec.telemetry.caSecretRef",
            Self::JwtSecret => "spec.auth.jwtSecretRef",
            Self::JwtSecretPrevious => "the previous signing key",
            Self::OperatorToken => "the operator's token",
            Self::OperatorTokenPrevious => "the operator's previous token",
        }
    }
}

/// One reference from a manifest to a Secret key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What the value is for.
    pub purpose: Purpose,
    /// Where it lies.
    pub secret: SecretKey,
    /// Whether the operator makes this Secret itself, so that its absence is no one's mistake.
    pub generated: bool,
}

/// What the world says: everything that validation and the builders need beside the manifest.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The state of every reference. One that is absent here counts as a missing Secret.
    pub secrets: BTreeMap<SecretKey, SecretFact>,
    /// The state of the objects already there.
    pub live: Live,
}

impl Facts {
    /// What is known of one Secret key.
    pub fn secret(&self, key: &SecretKey) -> &SecretFact {
        self.secrets.get(key).unwrap_or(&SecretFact::Missing)
    }
}

/// The owned objects as they stand in the cluster, reduced to what decides the next step.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// The Deployment, if there is one.
    pub deployment: Option<LiveDeployment>,
    /// Annotation [`names::PINNED_IMAGE_ANNOTATION`] of the embedded database's StatefulSet.
    pub pinned_database_image: Option<String>,
    /// The embedded database's volume claim, if there is one.
    pub database_claim: Option<LiveClaim>,
    /// Annotation [`names::ROTATE_KEYS_ANNOTATION`] of the Secrets with generated keys, by name.
    pub rotations: BTreeMap<String, String>,
    /// Whether the ServiceMonitor kind is served.
    pub service_monitor_kind: bool,
    /// Whether a cluster that follows the operator's version may move to a newer image now.
    pub may_upgrade: bool,
    /// Hashes of the migration Jobs that are there and have succeeded. The Deployment's annotation
    /// remembers the last one when its Job is gone.
    pub migrations_succeeded: BTreeSet<String>,
}

/// The live Deployment of a cluster.
#[derive(Debug, Clone, Default)]
pub struct LiveDeployment {
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `spec.replicas`.
    pub replicas: Option<i32>,
    /// `spec.template`: what serves now, kept while a migration has not succeeded.
    pub template: Option<PodTemplateSpec>,
}

/// The live volume claim of the embedded database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveClaim {
    /// `metadata.uid`: a new claim is a new, empty database.
    pub uid: String,
    /// Annotation [`names::DATABASE_OWNER_ANNOTATION`].
    pub owner: Option<String>,
    /// `spec.resources.requests.storage`.
    pub size: String,
    /// `spec.storageClassName`.
    pub storage_class: Option<String>,
}

/// Every Secret key that a manifest refers to, and those of the Secrets that the operator makes for
/// it. The Secrets of features that are off are left out.
pub fn references(cluster: &TelecomCluster) -> Vec<Reference> {
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    let spec = &cluster.spec;
    let database = &spec.database;
    let telemetry = spec.telemetry.as_ref();
    let auth = &spec.auth;
    let token = spec
        .metrics
        .bearer_token_secret_ref
        .as_ref()
        .filter(|_| spec.metrics.enabled);
    let given = [
        (Purpose::DatabaseUrl, database.url_secret_ref.as_ref()),
        (
            Purpose::DatabaseDirectUrl,
            database.direct_url_secret_ref.as_ref(),
        ),
        (
            Purpose::DatabaseReadUrl,
            database.read_url_secret_ref.as_ref(),
        ),
        (Purpose::DatabaseCa, database.ca_secret_ref.as_ref()),
        (Purpose::JwtSecret, auth.jwt_secret_ref.as_ref()),
        (Purpose::MetricsToken, token),
        (
            Purpose::TelemetryHeaders,
            telemetry.and_then(|telemetry| telemetry.headers_secret_ref.as_ref()),
        ),
        (
            Purpose::TelemetryCa,
            telemetry.and_then(|telemetry| telemetry.ca_secret_ref.as_ref()),
        ),
    ];
    let mut references: Vec<Reference> = given
        .into_iter()
        .filter_map(|(purpose, secret)| {
            secret.map(|secret| Reference {
                purpose,
                secret: secret.into(),
                generated: false,
            })
        })
        .collect();
    let mut made = |purpose, secret| {
        references.push(Reference {
            purpose,
            secret,
            generated: true,
        });
    };
    if spec.embedded_database().is_some() {
        made(Purpose::DatabaseUrl, SecretKey::embedded_database_uri(name));
    }
    if auth.jwt_secret_ref.is_none() && auth.jwks_url.is_none() {
        let secret = SecretKey::jwt_secret(name);
        made(Purpose::JwtSecretPrevious, secret.previous());
        made(Purpose::JwtSecret, secret);
    }
    let token = SecretKey::operator_token(name);
    made(Purpose::OperatorTokenPrevious, token.previous());
    made(Purpose::OperatorToken, token);
    references
}

impl From<&SecretKeyRef> for SecretKey {
    fn from(reference: &SecretKeyRef) -> Self {
        Self {
            name: reference.name.clone(),
            key: reference.key.clone(),
        }
    }
}

impl SecretKey {
    /// Where the embedded database's URL lies.
    pub fn embedded_database_uri(cluster: &str) -> Self {
        Self {
            name: names::postgres(cluster),
            key: names::DATABASE_URI_KEY.to_owned(),
        }
    }

    /// Where the operator's own credential lies.
    pub fn operator_token(cluster: &str) -> Self {
        Self {
            name: names::operator_token(cluster),
            key: names::OPERATOR_TOKEN_KEY.to_owned(),
        }
    }

    /// Where the generated key lies that callers' tokens are signed with.
    pub fn jwt_secret(cluster: &str) -> Self {
        Self {
            name: names::jwt(cluster),
            key: names::JWT_SECRET_KEY.to_owned(),
        }
    }

    /// Where the value before the last rotation lies, beside this one.
    #[must_use]
    pub fn previous(&self) -> Self {
        Self {
            name: self.name.clone(),
            key: names::PREVIOUS_KEY.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
