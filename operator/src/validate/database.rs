//! Where the data lives: the embedded PostgreSQL against its live volume, or an external one's URLs.

use k8s_openapi::api::core::v1::ResourceRequirements;
use telecom_crds::{ConditionType, EmbeddedDatabase, Reason};

use super::pod::quantities;
use super::secrets::{Scope, check};
use super::{Database, DatabaseSource, Embedded, External, OperatorDefaults, Problem};
use crate::names;
use crate::quantity::{self, Quantity};
use crate::references::{KeyFacts, Live, LiveClaim, Purpose, SecretFact, SecretKey};

pub(super) fn validate(
    scope: &Scope<'_>,
    operator: &OperatorDefaults,
    problems: &mut Vec<Problem>,
) -> Option<Database> {
    match scope.spec().embedded_database() {
        Some(wanted) => Some(embedded(scope, operator, wanted, problems)),
        None => external(scope, problems),
    }
}

/// What the data was written with. Before the first migration there is none to speak of, and an image
/// that cannot be pulled gives way to the operator's.
fn pinned_image(live: &Live) -> Option<String> {
    let migrated = live.deployment.is_some() || !live.migrations_succeeded.is_empty();
    let image = live.pinned_database_image.as_ref();
    image.filter(|_| migrated).cloned()
}

fn embedded(
    scope: &Scope<'_>,
    operator: &OperatorDefaults,
    wanted: EmbeddedDatabase,
    problems: &mut Vec<Problem>,
) -> Database {
    let live = &scope.facts.live;
    let url = SecretKey::embedded_database_uri(scope.name());
    let claim = live.database_claim.as_ref();
    check_secret(scope, &url, claim, problems);
    let size = wanted.storage.size.0;
    if let Some(claim) = claim {
        check_claim(
            scope,
            claim,
            &size,
            wanted.storage.storage_class_name.as_deref(),
            problems,
        );
    }
    let pinned = wanted.image.is_none();
    let image = wanted
        .image
        .or_else(|| pinned_image(live))
        .unwrap_or_else(|| operator.postgres_image.clone());
    let storage_class = match claim {
        Some(claim) => claim.storage_class.clone(),
        None => wanted.storage.storage_class_name,
    };
    Database {
        source: DatabaseSource::Embedded(Embedded {
            image,
            pinned,
            size: quantity::canonical(&size).unwrap_or(size),
            storage_class,
            resources: wanted.resources.unwrap_or_else(|| ResourceRequirements {
                requests: Some(quantities(&[("cpu", "100m"), ("memory", "128Mi")])),
                ..ResourceRequirements::default()
            }),
            pull_secrets: scope.spec().image_pull_secrets.clone(),
            assigned_uids: operator.assigned_uids,
        }),
        url,
        direct_url: None,
        read_url: None,
        ca: None,
        pooler: false,
        max_connections: scope.spec().database.max_connections,
    }
}

/// A volume without its password is no reason to make up a new one: the data would be locked for ever.
fn check_secret(
    scope: &Scope<'_>,
    url: &SecretKey,
    claim: Option<&LiveClaim>,
    problems: &mut Vec<Problem>,
) {
    let what = match (scope.facts.secret(url), claim) {
        (SecretFact::Present(_), _) | (SecretFact::Missing, None) => return,
        (SecretFact::Missing, Some(_)) => "does not exist".to_owned(),
        (SecretFact::KeyMissing, _) => format!("has no key {}", url.key),
        (SecretFact::Empty, _) => format!("has an empty key {}", url.key),
    };
    problems.push(Problem {
        condition: ConditionType::DatabaseReady,
        reason: Reason::DatabaseSecretLost,
        message: format!(
            "Secret {} in namespace {}, which holds the password of the embedded database in \
             PersistentVolumeClaim {}, {what}: restore it from a backup, or delete both and start with an empty database",
            url.name,
            scope.namespace,
            names::postgres_data(scope.name()),
        ),
    });
}

fn check_claim(
    scope: &Scope<'_>,
    claim: &LiveClaim,
    size: &str,
    storage_class: Option<&str>,
    problems: &mut Vec<Problem>,
) {
    let name = names::postgres_data(scope.name());
    let namespace = scope.namespace;
    if Quantity::parse(size) < Quantity::parse(&claim.size) {
        problems.push(Problem::configuration(
            Reason::InvalidValue,
            format!(
                "spec.database.embedded.storage.size is {size}, but PersistentVolumeClaim {name} in namespace {namespace} \
                 has {} and a volume cannot shrink: set the size to {} or more",
                claim.size, claim.size
            ),
        ));
    }
    if storage_class.is_some() && storage_class != claim.storage_class.as_deref() {
        problems.push(Problem::configuration(
            Reason::InvalidValue,
            format!(
                "spec.database.embedded.storage.storageClassName cannot change: PersistentVolumeClaim {name} in namespace \
                 {namespace} has the class {}; set that one, or remove the field",
                claim.storage_class.as_deref().unwrap_or("\"\"")
            ),
        ));
    }
}

fn external(scope: &Scope<'_>, problems: &mut Vec<Problem>) -> Option<Database> {
    let given = &scope.spec().database;
    let url = |facts: &KeyFacts| facts.url.clone();
    let mut read = |purpose, reference| check(scope, purpose, reference, url, problems);
    let primary = read(Purpose::DatabaseUrl, given.url_secret_ref.as_ref());
    let direct = read(
        Purpose::DatabaseDirectUrl,
        given.direct_url_secret_ref.as_ref(),
    );
    let replica = read(Purpose::DatabaseReadUrl, given.read_url_secret_ref.as_ref());
    let certificates = |facts: &KeyFacts| facts.certificates.clone();
    let ca = check(
        scope,
        Purpose::DatabaseCa,
        given.ca_secret_ref.as_ref(),
        certificates,
        problems,
    );
    let primary = primary?;
    let mut ports: Vec<u16> = [Some(&primary), direct.as_ref(), replica.as_ref()]
        .into_iter()
        .flatten()
        .map(|url| url.value.port)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    let migrated = direct.as_ref().unwrap_or(&primary).value.clone();
    Some(Database {
        source: DatabaseSource::External(External { migrated, ports }),
        url: primary.secret,
        direct_url: direct.map(|url| url.secret),
        read_url: replica.map(|url| url.secret),
        ca: ca.map(|ca| ca.secret),
        pooler: given.pooler,
        max_connections: given.max_connections,
    })
}
