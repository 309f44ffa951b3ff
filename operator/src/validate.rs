//! From a manifest and the facts to a [`Validated`] cluster, in which every default is resolved, or to
//! the list of what is wrong and what to do about it.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::DeploymentStrategy;
use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, LocalObjectReference, PodSecurityContext, ResourceRequirements, Toleration,
    TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt};
use telecom_crds::{
    Autoscaling, CallCenter, Calls, ConditionType, DeletionPolicy, ExtraVolume, ImagePullPolicy,
    LogFormat, LogLevel, NetworkPolicy, NodeHealthCheck, Probes, Reason, Retention, Service,
    ServiceMonitor, TelecomCluster, TelemetryProtocol,
};

use crate::names::{ADOPT_DATABASE_ANNOTATION, ROTATE_KEYS_ANNOTATION};
use crate::references::{Facts, SecretKey, UrlFacts};

mod auth;
mod database;
mod image;
mod pod;
mod secrets;
mod telemetry;

pub use auth::{Auth, SigningKeys};
pub(crate) use pod::restricted as restricted_pod;

/// What the operator itself brings along.
#[derive(Debug, Clone)]
pub struct OperatorDefaults {
    /// Server image of the operator's own version.
    pub server_image: String,
    /// Image of the embedded database.
    pub postgres_image: String,
    /// Namespace of the operator's Pods; unset when it runs outside the cluster.
    pub operator_namespace: Option<String>,
    /// Whether the platform gives every Pod its uid and file system group, as OpenShift does. Pods
    /// then must not name their own.
    pub assigned_uids: bool,
}

/// One thing that keeps a manifest from being carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The condition that becomes False.
    pub condition: ConditionType,
    /// Its reason.
    pub reason: Reason,
    /// What is wrong, where, and what to do.
    pub message: String,
}

impl Problem {
    fn configuration(reason: Reason, message: String) -> Self {
        Self {
            condition: ConditionType::ConfigurationValid,
            reason,
            message,
        }
    }
}

/// A manifest that can be carried out: defaults resolved, URLs read, images chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// The reference by which every owned object names the cluster.
    pub owner: OwnerReference,
    /// Whether data and keys outlive the cluster.
    pub retain: bool,
    /// Value of the annotation that asks for new keys.
    pub rotate_keys: Option<String>,
    /// Uid of the TelecomCluster whose database this one may take over.
    pub adopt_database: Option<String>,
    /// The server's image.
    pub image: Image,
    /// Who sets the number of replicas.
    pub scaling: Scaling,
    /// Whether a disruption budget is wanted.
    pub disruption_budget: bool,
    /// The server's Pods.
    pub pod: Pod,
    /// The Service in front of the server.
    pub service: Service,
    /// Where the data lives.
    pub database: Database,
    /// Who may call.
    pub auth: Auth,
    /// What a node's silence means.
    pub node_health_check: NodeHealthCheck,
    /// What is done with calls.
    pub calls: Calls,
    /// The queues of the call centre.
    pub call_center: CallCenter,
    /// How long records are kept.
    pub retention: Retention,
    /// Prometheus metrics.
    pub metrics: Metrics,
    /// OTLP export, when on.
    pub telemetry: Option<Telemetry>,
    /// The server's log.
    pub logging: Logging,
    /// The network policy, when on.
    pub network_policy: Option<NetworkPolicy>,
    /// Namespace of the operator's Pods.
    pub operator_namespace: Option<String>,
}

/// An image and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The reference.
    pub reference: String,
    /// When it is pulled.
    pub pull_policy: ImagePullPolicy,
    /// Whether the operator chose it, so that it is pinned by an annotation.
    pub pinned: bool,
    /// The image of the operator's version, when the cluster follows it but may not move to it yet.
    pub upgrade: Option<String>,
}

/// Who sets the number of replicas.
#[derive(Debug, Clone, PartialEq)]
pub enum Scaling {
    /// The manifest.
    Fixed(i32),
    /// A HorizontalPodAutoscaler.
    Auto(Autoscaling),
}

/// The server's Pods.
#[derive(Debug, Clone, PartialEq)]
pub struct Pod {
    /// CPU and memory.
    pub resources: ResourceRequirements,
    /// Labels a node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that are tolerated.
    pub tolerations: Vec<Toleration>,
    /// Affinity.
    pub affinity: Option<Affinity>,
    /// Spread; unset: over hosts and zones where possible.
    pub spread: Option<Vec<TopologySpreadConstraint>>,
    /// PriorityClass.
    pub priority_class: Option<String>,
    /// Labels beside the operator's own.
    pub labels: BTreeMap<String, String>,
    /// Annotations beside the operator's own.
    pub annotations: BTreeMap<String, String>,
    /// Security settings, the given ones over the operator's.
    pub security: PodSecurityContext,
    /// Environment beside the operator's own.
    pub extra_env: Vec<EnvVar>,
    /// Volumes beside the operator's own.
    pub extra_volumes: Vec<ExtraVolume>,
    /// How a change is rolled out, complete.
    pub strategy: DeploymentStrategy,
    /// Seconds ready before available.
    pub min_ready_seconds: i32,
    /// ServiceAccount; unset: the operator makes one.
    pub service_account: Option<String>,
    /// Seconds to finish after the order to stop.
    pub grace_period: i64,
    /// Registry credentials.
    pub pull_secrets: Vec<LocalObjectReference>,
    /// Periods and thresholds.
    pub probes: Probes,
}

/// Where the data lives and how it is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    /// Embedded or external.
    pub source: DatabaseSource,
    /// Where the server finds the URL.
    pub url: SecretKey,
    /// Where migrations find the URL past a pooler.
    pub direct_url: Option<SecretKey>,
    /// Where the server finds the URL of a read replica.
    pub read_url: Option<SecretKey>,
    /// Where the certificates lie that the database's is checked against.
    pub ca: Option<SecretKey>,
    /// Whether the URL leads to a transaction pooler.
    pub pooler: bool,
    /// Most connections of one replica.
    pub max_connections: i32,
}

/// Which kind of database.
#[derive(Debug, Clone, PartialEq)]
pub enum DatabaseSource {
    /// Run by the operator.
    Embedded(Embedded),
    /// Run by someone else.
    External(External),
}

/// The embedded PostgreSQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// Image, chosen once and pinned unless given.
    pub image: String,
    /// Whether the operator chose the image.
    pub pinned: bool,
    /// Size of the volume, canonical.
    pub size: String,
    /// StorageClass of the volume; of a volume that is there already, its own.
    pub storage_class: Option<String>,
    /// CPU and memory.
    pub resources: ResourceRequirements,
    /// Registry credentials.
    pub pull_secrets: Vec<LocalObjectReference>,
    /// Whether the platform gives the Pod its uid.
    pub assigned_uids: bool,
}

/// An external PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// The database that migrations change: it tells one database from another.
    pub migrated: UrlFacts,
    /// Every port the server connects to, each once, in order.
    pub ports: Vec<u16>,
}

/// Prometheus metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// Whether they are served.
    pub enabled: bool,
    /// Where the scraper's token lies; unset: open.
    pub token: Option<SecretKey>,
    /// Whether the token is empty, which closes `/metrics` to everyone.
    pub token_empty: bool,
    /// Seconds between two samples.
    pub export_interval_seconds: i32,
    /// The ServiceMonitor, when one is wanted.
    pub service_monitor: Option<ServiceMonitor>,
}

/// OTLP export.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// Base URL.
    pub endpoint: Option<String>,
    /// URL for traces alone.
    pub traces: Option<String>,
    /// URL for metrics alone.
    pub metrics: Option<String>,
    /// URL for logs alone.
    pub logs: Option<String>,
    /// gRPC or HTTP.
    pub protocol: TelemetryProtocol,
    /// `service.name`.
    pub service_name: String,
    /// Share of traces kept, 0 to 1.
    pub sample_ratio: f64,
    /// Whether metrics are exported, which needs somewhere to send them.
    pub export_metrics: bool,
    /// Whether logs are exported.
    pub export_logs: bool,
    /// Where the headers lie.
    pub headers: Option<SecretKey>,
    /// Where the certificates lie that the collector's is checked against.
    pub ca: Option<SecretKey>,
    /// Further resource attributes.
    pub resource_attributes: BTreeMap<String, String>,
    /// Every port the server connects to, each once, in order.
    pub ports: Vec<u16>,
}

/// The server's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logging {
    /// Least important level.
    pub level: LogLevel,
    /// Form of the lines.
    pub format: LogFormat,
}

/// Checks a manifest against the facts. Every problem is reported, not just the first.
pub fn validate(
    cluster: &TelecomCluster,
    facts: &Facts,
    operator: &OperatorDefaults,
) -> Result<Validated, Vec<Problem>> {
    let spec = &cluster.spec;
    let mut problems = Vec::new();
    let scope = secrets::Scope::new(cluster, facts);
    let owner = cluster.controller_owner_ref(&());
    if owner.is_none() {
        problems.push(Problem::configuration(
            Reason::InternalError,
            "the TelecomCluster has no name or uid yet; this heals by itself".to_owned(),
        ));
    }
    let database = database::validate(&scope, operator, &mut problems);
    let auth = auth::validate(&scope, &mut problems);
    let metrics = metrics(&scope, &mut problems);
    let telemetry = telemetry::validate(&scope, &mut problems);
    let (Some(owner), Some(database), Some(auth), true) =
        (owner, database, auth, problems.is_empty())
    else {
        return Err(problems);
    };
    Ok(Validated {
        name: cluster.name_any(),
        namespace: scope.namespace.to_owned(),
        owner,
        retain: match spec.deletion_policy {
            DeletionPolicy::Retain => true,
            DeletionPolicy::Delete => false,
        },
        rotate_keys: cluster.annotations().get(ROTATE_KEYS_ANNOTATION).cloned(),
        adopt_database: adopt_database(cluster, facts, &database),
        image: image::resolve(spec, &facts.live, operator),
        scaling: spec
            .autoscaling
            .clone()
            .map_or(Scaling::Fixed(spec.replicas), Scaling::Auto),
        disruption_budget: spec.wants_pod_disruption_budget(),
        pod: pod::resolve(spec),
        service: spec.service.clone(),
        database,
        auth,
        node_health_check: spec.node_health_check.clone(),
        calls: spec.calls.clone(),
        call_center: spec.call_center.clone(),
        retention: spec.retention.clone(),
        metrics,
        telemetry,
        logging: Logging {
            level: spec.logging.level,
            format: spec.logging.format,
        },
        network_policy: Some(spec.network_policy.clone()).filter(|policy| policy.enabled),
        operator_namespace: operator.operator_namespace.clone(),
    })
}

/// As the manifest says; else the one that a retained volume was last migrated by, which was of the same name.
fn adopt_database(cluster: &TelecomCluster, facts: &Facts, database: &Database) -> Option<String> {
    let given = cluster.annotations().get(ADOPT_DATABASE_ANNOTATION);
    let retained = match database.source {
        DatabaseSource::Embedded(_) => facts.live.database_claim.as_ref(),
        DatabaseSource::External(_) => None,
    };
    given
        .filter(|uid| !uid.is_empty())
        .or_else(|| retained?.owner.as_ref())
        .filter(|uid| cluster.metadata.uid.as_ref() != Some(uid))
        .cloned()
}

fn metrics(scope: &secrets::Scope<'_>, problems: &mut Vec<Problem>) -> Metrics {
    let metrics = &scope.spec().metrics;
    let reference = metrics
        .bearer_token_secret_ref
        .as_ref()
        .filter(|_| metrics.enabled);
    let (token, token_empty) = secrets::metrics_token(scope, reference, problems);
    Metrics {
        enabled: metrics.enabled,
        token,
        token_empty,
        export_interval_seconds: metrics.export_interval_seconds,
        service_monitor: Some(metrics.service_monitor.clone())
            .filter(|monitor| monitor.enabled && metrics.enabled),
    }
}

#[cfg(test)]
mod tests;
