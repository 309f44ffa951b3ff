//! The migration: when one is needed, and the Job that does it.

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{EnvVar, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::config::Config;
use super::environment::Environment;
use super::object::{BuildError, Object, metadata};
use super::pod;
use crate::kinds::Kind;
use crate::names::{self, Component};
use crate::references::Live;
use crate::validate::{DatabaseSource, Validated};

/// What the Job runs.
const ARGS: [&str; 1] = ["migrate"];
/// Seconds that a finished Job stays, long enough to be read and longer than the longest pause
/// between two attempts.
const KEPT_SECONDS: i32 = 3 * 3600;

/// The migration that the wanted image needs on the wanted database.
#[derive(Debug, Clone)]
pub struct Migration {
    /// Hash of image, arguments, database and cluster: one migration for each. Unknown until the embedded
    /// database has a volume. A cluster that was deleted and made again is another one, and has to be told
    /// to the database.
    pub hash: Option<String>,
    /// Whether it has yet to succeed.
    pub pending: bool,
    /// The Job, named by the hash; to be created, never changed. A failed one is deleted before the next attempt.
    pub job: Option<Object>,
    /// Changes with everything that may make a failed migration succeed: image, configuration, the
    /// values of its Secrets, whose database may be taken over. A new one is reason to try again at once.
    pub attempt: String,
}

pub(super) fn build(
    cluster: &Validated,
    live: &Live,
    config: &Config,
    environment: &Environment,
) -> Result<Migration, BuildError> {
    let hash = identity(cluster, live).map(|database| {
        let parts = [
            cluster.image.reference.as_str(),
            &ARGS.join(" "),
            &database,
            &cluster.owner.uid,
        ];
        names::short_hash(parts.join("\n"))
    });
    let done = hash.as_deref().is_some_and(|hash| is_done(live, hash));
    let attempt = names::short_hash(format!(
        "{}\n{}\n{}\n{}",
        cluster.image.reference,
        config.hash,
        environment.migration_hash,
        cluster.adopt_database.as_deref().unwrap_or_default()
    ));
    let job = match &hash {
        Some(hash) => Some(job(cluster, config, environment, hash)?),
        None => None,
    };
    Ok(Migration {
        pending: !done,
        hash,
        job,
        attempt,
    })
}

/// Tells one database from another: a new, empty one has to be migrated again.
fn identity(cluster: &Validated, live: &Live) -> Option<String> {
    match &cluster.database.source {
        DatabaseSource::Embedded(_) => live.database_claim.as_ref().map(|claim| claim.uid.clone()),
        DatabaseSource::External(external) => Some(external.migrated.identity()),
    }
}

fn is_done(live: &Live, hash: &str) -> bool {
    let remembered = live
        .deployment
        .as_ref()
        .and_then(|deployment| deployment.annotations.get(names::MIGRATED_ANNOTATION));
    remembered.is_some_and(|remembered| remembered == hash)
        || live.migrations_succeeded.contains(hash)
}

/// What the database is told of the one whom it belongs to. A server that is older does not look at it.
fn ownership(cluster: &Validated) -> impl Iterator<Item = EnvVar> {
    let adopt = cluster.adopt_database.clone();
    [
        ("TELECOM_CLUSTER_UID", Some(cluster.owner.uid.clone())),
        ("TELECOM_ADOPT_DATABASE", adopt),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(pod::plain(name, value?)))
}

fn job(
    cluster: &Validated,
    config: &Config,
    environment: &Environment,
    hash: &str,
) -> Result<Object, BuildError> {
    let name = names::migration(&cluster.name, hash);
    let mut labels = cluster.pod.labels.clone();
    labels.extend(names::labels(&cluster.name, Component::Migration));
    let mut variables = environment.migration.clone();
    variables.extend(ownership(cluster));
    let container = pod::container(cluster, "migrate", &ARGS, &variables);
    let job = Job {
        metadata: metadata(cluster, name.clone(), Component::Migration),
        spec: Some(JobSpec {
            // The operator tries again itself, since it knows what has changed meanwhile.
            backoff_limit: Some(0),
            ttl_seconds_after_finished: Some(KEPT_SECONDS),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    annotations: Some(cluster.pod.annotations.clone()),
                    ..ObjectMeta::default()
                }),
                spec: Some(PodSpec {
                    restart_policy: Some("Never".to_owned()),
                    ..pod::spec(cluster, &config.object.name, container)
                }),
            },
            ..JobSpec::default()
        }),
        status: None,
    };
    Object::created(Kind::Job, &name, &job)
}
