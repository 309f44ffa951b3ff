//! Checking referenced Secret keys, with sentences that name Secret, key and namespace and say what to do.

use telecom_crds::{Reason, SecretKeyRef, TelecomCluster, TelecomClusterSpec};

use super::Problem;
use crate::references::{Facts, KeyFacts, Purpose, SecretFact, SecretKey};

/// The manifest and the facts it is checked against.
pub(super) struct Scope<'a> {
    cluster: &'a TelecomCluster,
    pub(super) namespace: &'a str,
    pub(super) facts: &'a Facts,
}

impl<'a> Scope<'a> {
    pub(super) fn new(cluster: &'a TelecomCluster, facts: &'a Facts) -> Self {
        Self {
            cluster,
            namespace: cluster.metadata.namespace.as_deref().unwrap_or("default"),
            facts,
        }
    }

    pub(super) fn name(&self) -> &'a str {
        self.cluster.metadata.name.as_deref().unwrap_or_default()
    }

    pub(super) fn spec(&self) -> &'a TelecomClusterSpec {
        &self.cluster.spec
    }
}

/// A reference whose value is there and reads as its purpose wants.
pub(super) struct Usable<T> {
    pub(super) secret: SecretKey,
    pub(super) value: T,
}

/// Checks one reference: the Secret, the key, a value, and that `read` makes sense of it.
pub(super) fn check<T>(
    scope: &Scope<'_>,
    purpose: Purpose,
    reference: Option<&SecretKeyRef>,
    read: impl Fn(&KeyFacts) -> Result<T, String>,
    problems: &mut Vec<Problem>,
) -> Option<Usable<T>> {
    let secret = SecretKey::from(reference?);
    let (reason, message) = match scope.facts.secret(&secret) {
        SecretFact::Present(facts) => match read(facts) {
            Ok(value) => return Some(Usable { secret, value }),
            Err(what) => (
                unreadable(purpose),
                malformed(scope, purpose, &secret, &what),
            ),
        },
        SecretFact::Empty => (Reason::SecretKeyEmpty, empty(scope, purpose, &secret)),
        SecretFact::KeyMissing => (
            Reason::SecretKeyMissing,
            key_missing(scope, purpose, &secret),
        ),
        SecretFact::Missing => (Reason::SecretNotFound, missing(scope, purpose, &secret)),
    };
    problems.push(Problem::configuration(reason, message));
    None
}

/// Checks the metrics token. An empty one is no problem of the configuration: it closes `/metrics`.
pub(super) fn metrics_token(
    scope: &Scope<'_>,
    reference: Option<&SecretKeyRef>,
    problems: &mut Vec<Problem>,
) -> (Option<SecretKey>, bool) {
    let Some(reference) = reference else {
        return (None, false);
    };
    let secret = SecretKey::from(reference);
    if matches!(scope.facts.secret(&secret), SecretFact::Empty) {
        return (Some(secret), true);
    }
    let read = |facts: &KeyFacts| facts.token.clone();
    let usable = check(
        scope,
        Purpose::MetricsToken,
        Some(reference),
        read,
        problems,
    );
    (usable.map(|usable| usable.secret), false)
}

fn unreadable(purpose: Purpose) -> Reason {
    match purpose {
        Purpose::DatabaseUrl | Purpose::DatabaseDirectUrl | Purpose::DatabaseReadUrl => {
            Reason::InvalidDatabaseUrl
        }
        Purpose::DatabaseCa
        | Purpose::MetricsToken
        | Purpose::TelemetryHeaders
        | Purpose::TelemetryCa
        | Purpose::JwtSecret
        | Purpose::JwtSecretPrevious
        | Purpose::OperatorToken
        | Purpose::OperatorTokenPrevious => Reason::InvalidValue,
    }
}

fn missing(scope: &Scope<'_>, purpose: Purpose, secret: &SecretKey) -> String {
    format!(
        "Secret {} does not exist in namespace {}: create it with the key {}, or correct {}",
        secret.name,
        scope.namespace,
        secret.key,
        purpose.field()
    )
}

fn key_missing(scope: &Scope<'_>, purpose: Purpose, secret: &SecretKey) -> String {
    format!(
        "Secret {} in namespace {} has no key {}: add it, or correct {}",
        secret.name,
        scope.namespace,
        secret.key,
        purpose.field()
    )
}

fn empty(scope: &Scope<'_>, purpose: Purpose, secret: &SecretKey) -> String {
    format!(
        "key {} of Secret {} in namespace {} is empty: fill it, or remove {}",
        secret.key,
        secret.name,
        scope.namespace,
        purpose.field()
    )
}

fn malformed(scope: &Scope<'_>, purpose: Purpose, secret: &SecretKey, what: &str) -> String {
    format!(
        "key {} of Secret {} in namespace {} ({}) {what}",
        secret.key,
        secret.name,
        scope.namespace,
        purpose.field()
    )
}
