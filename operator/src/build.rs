//! From a validated cluster to the objects it needs: one pure function for each, gathered in a [`Plan`].

use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::names;
use crate::references::{Facts, Live};
use crate::validate::{DatabaseSource, Scaling, Validated};

mod autoscaler;
mod canonical;
mod config;
mod database;
mod deployment;
mod disruption_budget;
mod environment;
mod job_run;
mod keys;
mod migration;
mod network_policy;
mod object;
mod pod;
mod secrets;
mod service;
mod service_account;
mod service_monitor;

pub use config::{GRPC_PORT, HTTP_PORT, SERVER_DEFAULTS};
pub use job_run::{JobRunKey, JobRunPod, job_run};
pub use migration::Migration;
pub use object::{BuildError, Object, Replacement};

/// Random text for Secrets that do not exist yet; letters and digits only, 32 or more of them. Used
/// only where the facts say that the Secret is missing, so it may be made for each call.
#[derive(Clone)]
pub struct Generated {
    /// The key that tokens are signed with.
    pub jwt_secret: String,
    /// The operator's own credential.
    pub operator_token: String,
    /// The embedded database's password.
    pub database_password: String,
}

impl std::fmt::Debug for Generated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Generated { .. }")
    }
}

/// Everything a cluster needs, in the order in which it is written: `absent`, `database`,
/// `foundation`, then the migration once the database is ready, then `workload`.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Objects of features that are off: deleted if they are there, before anything is applied, so
    /// that an autoscaler is gone before the manifest's number of replicas is set.
    pub absent: Vec<(Kind, String)>,
    /// The embedded database, if there is one: Secret, volume claim, Service, StatefulSet.
    pub database: Vec<Object>,
    /// What the Pods need to start: ServiceAccount, ConfigMap, keys, Services.
    pub foundation: Vec<Object>,
    /// The migration.
    pub migration: Migration,
    /// A change of who sets the number of replicas, to be applied before `workload`.
    pub hand_over: Option<HandOver>,
    /// The Deployment (absent before the first migration) and what stands around it.
    pub workload: Vec<Object>,
    /// Name of the ConfigMap in `foundation`. The cluster's other ConfigMaps may go once no
    /// ReplicaSet with Pods and no running migration uses them.
    pub config_map: String,
    /// Whether the Deployment keeps its Pod template because the migration has not succeeded.
    pub held_back: bool,
    /// Whether the volume claim of an embedded database is still there though an external one is used.
    pub database_kept: bool,
}

/// Gives `spec.replicas` of the Deployment to [`names::HAND_OVER_MANAGER`] with its live value, by a
/// forced server-side apply of `apply`. Without it the field would fall back to 1 in the moment in
/// which the operator's own manager lets go of it
/// (kubernetes.io/docs/reference/using-api/server-side-apply, "Transferring ownership").
#[derive(Debug, Clone, PartialEq)]
pub struct HandOver {
    /// Name of the Deployment.
    pub name: String,
    /// The object to apply.
    pub apply: Value,
}

/// Builds everything. Pure: the same input gives the same plan, to the byte.
pub fn build(
    cluster: &Validated,
    facts: &Facts,
    generated: &Generated,
) -> Result<Plan, BuildError> {
    let live = &facts.live;
    let config = config::build(cluster)?;
    let environment = environment::build(cluster, facts, generated);
    let migration = migration::build(cluster, live, &config, &environment)?;
    let deployment = deployment::build(cluster, live, &config, &environment, &migration)?;
    let held_back = migration.pending && live.deployment.is_some();
    let mut workload: Vec<Object> = deployment.into_iter().collect();
    workload.extend(autoscaler::build(cluster)?);
    workload.extend(disruption_budget::build(cluster)?);
    workload.extend(network_policy::build(cluster)?);
    workload.extend(service_monitor::build(cluster, live)?);
    let mut foundation: Vec<Object> = service_account::build(cluster)?.into_iter().collect();
    foundation.push(config.object.clone());
    foundation.extend(keys::build(cluster, facts, generated)?);
    foundation.extend(service::build(cluster)?);
    Ok(Plan {
        absent: absent(cluster, live),
        database: database::build(cluster, live, &migration, generated)?,
        foundation,
        migration,
        hand_over: hand_over(cluster, live),
        workload,
        config_map: config.object.name,
        held_back,
        database_kept: live.database_claim.is_some()
            && matches!(cluster.database.source, DatabaseSource::External(_)),
    })
}

/// What must not be there. Volume claim and Secret of an embedded database that is no longer used are
/// never in it: data is deleted by people.
fn absent(cluster: &Validated, live: &Live) -> Vec<(Kind, String)> {
    let server = names::server(&cluster.name);
    let postgres = names::postgres(&cluster.name);
    let external = matches!(cluster.database.source, DatabaseSource::External(_));
    let fixed = matches!(cluster.scaling, Scaling::Fixed(_));
    let open = cluster.network_policy.is_none();
    let monitor = cluster.metrics.service_monitor.is_some();
    [
        (fixed, Kind::HorizontalPodAutoscaler, &server),
        (
            !cluster.disruption_budget,
            Kind::PodDisruptionBudget,
            &server,
        ),
        (open, Kind::NetworkPolicy, &server),
        (open || external, Kind::NetworkPolicy, &postgres),
        (
            live.service_monitor_kind && !monitor,
            Kind::ServiceMonitor,
            &server,
        ),
        (
            cluster.pod.service_account.is_some(),
            Kind::ServiceAccount,
            &server,
        ),
        (external, Kind::StatefulSet, &postgres),
        (external, Kind::Service, &postgres),
    ]
    .into_iter()
    .filter(|(unwanted, ..)| *unwanted)
    .map(|(_, kind, name)| (kind, name.clone()))
    .collect()
}

fn hand_over(cluster: &Validated, live: &Live) -> Option<HandOver> {
    let deployment = live.deployment.as_ref()?;
    let holder = deployment.annotations.get(names::REPLICAS_ANNOTATION);
    let by_manifest = holder.is_some_and(|holder| holder == names::REPLICAS_BY_MANIFEST);
    if !by_manifest || matches!(cluster.scaling, Scaling::Fixed(_)) {
        return None;
    }
    let name = names::server(&cluster.name);
    let replicas = deployment.replicas.unwrap_or(1);
    let apply = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": cluster.namespace},
        "spec": {"replicas": replicas},
    });
    Some(HandOver { name, apply })
}

#[cfg(test)]
mod tests;
