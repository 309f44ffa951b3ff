//! The names, labels and annotations of everything the operator owns, and the short hash used in them.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// The field manager of every server-side apply.
pub const FIELD_MANAGER: &str = "telecom-operator";
/// The field manager that holds `spec.replicas` of a Deployment from the moment autoscaling is
/// switched on until the autoscaler writes it for the first time.
pub const HAND_OVER_MANAGER: &str = "telecom-operator-hand-over";

/// Label: which TelecomCluster an object belongs to. Watches of owned kinds select on its presence.
pub const CLUSTER_LABEL: &str = "telecom.dev/cluster";
/// Label: carried by the one Service through which Prometheus finds the server's Pods.
pub const SCRAPE_LABEL: &str = "telecom.dev/scrape";
/// Label: the config hash of a server Pod, so that unused ConfigMaps can be found through ReplicaSets.
pub const CONFIG_LABEL: &str = "telecom.dev/config";
/// Label: which job a batch/v1 Job and its Pods run.
pub const JOB_LABEL: &str = "telecom.dev/job";

/// Annotation: hash of the object as the operator last sent it.
pub const APPLIED_ANNOTATION: &str = "telecom.dev/applied";
/// Annotation on Deployment and StatefulSet: the image chosen once, when the manifest names none.
pub const PINNED_IMAGE_ANNOTATION: &str = "telecom.dev/pinned-image";
/// Annotation on the Deployment: hash of the last migration that succeeded.
pub const MIGRATED_ANNOTATION: &str = "telecom.dev/migrated";
/// Annotation on the Deployment: who sets `spec.replicas`, [`REPLICAS_BY_MANIFEST`] or [`REPLICAS_BY_AUTOSCALER`].
pub const REPLICAS_ANNOTATION: &str = "telecom.dev/replicas";
/// The manifest sets the number of replicas.
pub const REPLICAS_BY_MANIFEST: &str = "manifest";
/// The autoscaler sets the number of replicas.
pub const REPLICAS_BY_AUTOSCALER: &str = "autoscaler";
/// Annotation on a TelecomCluster: a new value asks for new keys. On a Secret with a generated key: the
/// value that was last honoured.
pub const ROTATE_KEYS_ANNOTATION: &str = "telecom.dev/rotate-keys";
/// Annotation on a TelecomCluster: `<job>@<token>` asks for a run of a job, once for each value.
pub const RUN_JOB_ANNOTATION: &str = "telecom.dev/run-job";
/// Annotation of the Lease: the log levels of the operators that share it, instead of their flag's.
pub const LOG_FILTER_ANNOTATION: &str = "telecom.dev/log-filter";
/// Annotation on a TelecomCluster: the uid of another one whose database it may take over.
pub const ADOPT_DATABASE_ANNOTATION: &str = "telecom.dev/adopt-database";
/// Annotation on the embedded database's volume claim: uid of the TelecomCluster that migrated it last, so
/// that data which was retained is taken over by the next one.
pub const DATABASE_OWNER_ANNOTATION: &str = "telecom.dev/database-owner";
/// Annotation on server Pods: hash of every Secret value that reaches them by environment.
pub const SECRETS_ANNOTATION: &str = "telecom.dev/secrets";

/// Key of the operator's credential in its Secret.
pub const OPERATOR_TOKEN_KEY: &str = "token";
/// Key of the secret that tokens are signed with, in its Secret.
pub const JWT_SECRET_KEY: &str = "secret";
/// Key, in both of these Secrets, of the value before the last rotation, which is still accepted.
pub const PREVIOUS_KEY: &str = "previous";
/// Key of the connection URL in the embedded database's Secret.
pub const DATABASE_URI_KEY: &str = "uri";
/// Key of the password in the embedded database's Secret.
pub const DATABASE_PASSWORD_KEY: &str = "password";

/// Which of the cluster's workloads an object belongs to (label `app.kubernetes.io/component`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// The telecom-server Deployment and what serves it.
    Server,
    /// The migration Job.
    Migration,
    /// The Jobs of `execution: Pod`.
    Job,
    /// The embedded PostgreSQL.
    Database,
}

impl Component {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Migration => "migration",
            Self::Job => "job",
            Self::Database => "database",
        }
    }

    const fn app(self) -> &'static str {
        match self {
            Self::Server | Self::Migration | Self::Job => "telecom-server",
            Self::Database => "postgres",
        }
    }
}

/// Name of the Deployment, Service, ServiceAccount, autoscaler, disruption budget, network policy
/// and ServiceMonitor of a cluster.
pub fn server(cluster: &str) -> String {
    format!("{cluster}-server")
}

/// Name of the headless Service that lists every Pod, ready or not.
pub fn server_pods(cluster: &str) -> String {
    format!("{cluster}-server-pods")
}

/// Name of the Secret with the operator's own credential to the server.
pub fn operator_token(cluster: &str) -> String {
    format!("{cluster}-operator-token")
}

/// Name of the Secret with the generated key that tokens are signed with.
pub fn jwt(cluster: &str) -> String {
    format!("{cluster}-jwt")
}

/// Name of the embedded PostgreSQL's StatefulSet, Service, Secret and network policy.
pub fn postgres(cluster: &str) -> String {
    format!("{cluster}-postgres")
}

/// Name of the embedded PostgreSQL's volume claim.
pub fn postgres_data(cluster: &str) -> String {
    format!("{cluster}-postgres-data")
}

/// Name of the immutable ConfigMap that holds the configuration of this hash.
pub fn config(cluster: &str, hash: &str) -> String {
    format!("{cluster}-config-{hash}")
}

/// Name of the migration Job of this hash.
pub fn migration(cluster: &str, hash: &str) -> String {
    format!("{cluster}-migrate-{hash}")
}

/// Name of the batch/v1 Job that does one run of a job: the same for the same key, whoever asks.
pub fn job(cluster: &str, job: &str, key: &str) -> String {
    format!("{cluster}-job-{}", short_hash(format!("{job}\n{key}")))
}

/// The labels by which a workload's Pods are selected. They never change: selectors are immutable.
pub fn selector(cluster: &str, component: Component) -> BTreeMap<String, String> {
    [
        ("app.kubernetes.io/name", component.app()),
        ("app.kubernetes.io/instance", cluster),
        ("app.kubernetes.io/component", component.as_str()),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// The labels of every owned object and Pod. No version among them: an upgrade of the operator must
/// not change a Pod template.
pub fn labels(cluster: &str, component: Component) -> BTreeMap<String, String> {
    let mut labels = selector(cluster, component);
    for (key, value) in [
        ("app.kubernetes.io/part-of", "telecom"),
        ("app.kubernetes.io/managed-by", FIELD_MANAGER),
        (CLUSTER_LABEL, cluster),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    labels
}

/// The first 10 hexadecimal digits of a SHA-256: 40 bits, enough to tell the few states of one
/// object apart and short enough for a name.
pub fn short_hash(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes)[..5])
}

/// A SHA-256 shortened to 128 bits, for values that are guessable or must not collide, such as
/// Secret contents.
pub fn long_hash(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes)[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
        text
    })
}
