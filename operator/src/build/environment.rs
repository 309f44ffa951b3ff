//! What reaches the server by environment: the secrets, each a reference, and the hash by which a
//! change of one of them rolls the Pods.

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, SecretKeySelector};

use super::Generated;
use super::keys;
use super::secrets::database_uri_hash;
use crate::names;
use crate::references::{Facts, SecretKey};
use crate::validate::{DatabaseSource, Validated};

/// What reaches those that only work on the database: the migration and the Jobs of `execution: Pod`.
const OF_DATABASE: [&str; 3] = [
    "TELECOM__DATABASE__URL",
    "TELECOM__DATABASE__DIRECT_URL",
    "TELECOM__OTEL__HEADERS",
];

/// The secrets of the server and of the migration.
pub(super) struct Environment {
    /// What `serve` gets.
    pub server: Vec<EnvVar>,
    /// What `migrate` gets.
    pub migration: Vec<EnvVar>,
    /// Hash over every value that `serve` gets.
    pub server_hash: String,
    /// Hash over every value that `migrate` gets.
    pub migration_hash: String,
}

/// One secret, with the hash of its value where it is known.
struct Entry {
    variable: &'static str,
    secret: SecretKey,
    hash: Option<String>,
}

/// Whether a variable of the server's is one that a Job of `execution: Pod` gets too: no key, no token.
pub(super) fn reaches_job_runs(variable: &str) -> bool {
    !variable.starts_with("TELECOM__") || OF_DATABASE.contains(&variable)
}

impl Entry {
    fn migration(&self) -> bool {
        OF_DATABASE.contains(&self.variable)
    }
}

pub(super) fn build(cluster: &Validated, facts: &Facts, generated: &Generated) -> Environment {
    let entries = entries(cluster, facts, generated);
    let variables = |entries: &mut dyn Iterator<Item = &Entry>| entries.map(variable).collect();
    Environment {
        server: variables(&mut entries.iter()),
        migration: variables(&mut entries.iter().filter(|entry| entry.migration())),
        server_hash: hash(entries.iter()),
        migration_hash: hash(entries.iter().filter(|entry| entry.migration())),
    }
}

fn entries(cluster: &Validated, facts: &Facts, generated: &Generated) -> Vec<Entry> {
    let fact = |secret: &SecretKey| facts.secret(secret).hash().map(str::to_owned);
    let database = &cluster.database;
    let url_hash = match database.source {
        DatabaseSource::Embedded(_) => Some(database_uri_hash(cluster, facts, generated)),
        DatabaseSource::External(_) => fact(&database.url),
    };
    let mut entries = vec![Entry {
        variable: "TELECOM__DATABASE__URL",
        secret: database.url.clone(),
        hash: url_hash,
    }];
    let telemetry = cluster.telemetry.as_ref();
    for (variable, secret) in [
        (
            "TELECOM__DATABASE__DIRECT_URL",
            database.direct_url.as_ref(),
        ),
        ("TELECOM__DATABASE__READ_URL", database.read_url.as_ref()),
        ("TELECOM__AUTH__JWT_SECRET", cluster.auth.keys.given()),
        (
            "TELECOM__METRICS__BEARER_TOKEN",
            cluster.metrics.token.as_ref(),
        ),
        (
            "TELECOM__OTEL__HEADERS",
            telemetry.and_then(|telemetry| telemetry.headers.as_ref()),
        ),
    ] {
        entries.extend(secret.map(|secret| Entry {
            variable,
            secret: secret.clone(),
            hash: fact(secret),
        }));
    }
    let keys = keys::variables(cluster, facts, generated);
    entries.extend(keys.into_iter().map(|key| Entry {
        variable: key.name,
        secret: key.secret,
        hash: Some(key.hash),
    }));
    entries
}

fn variable(entry: &Entry) -> EnvVar {
    EnvVar {
        name: entry.variable.to_owned(),
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: entry.secret.name.clone(),
                key: entry.secret.key.clone(),
                optional: None,
            }),
            ..EnvVarSource::default()
        }),
        value: None,
    }
}

fn hash<'a>(entries: impl Iterator<Item = &'a Entry>) -> String {
    let lines: Vec<String> = entries
        .map(|entry| {
            format!(
                "{}={}",
                entry.variable,
                entry.hash.as_deref().unwrap_or_default()
            )
        })
        .collect();
    names::short_hash(lines.join("\n"))
}
