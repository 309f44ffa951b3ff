//! One run of a job in a Pod of its own: a batch/v1 Job out of what serves now.

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use telecom_crds::JobName;

use super::environment;
use super::object::{BuildError, Object, metadata};
use crate::kinds::Kind;
use crate::names::{self, Component};
use crate::validate::Validated;

/// The container of the Deployment that has the server's image, and its place in the configuration.
const SERVER: &str = "server";
/// How often a Pod that was lost is replaced; the run goes on under the same key.
const RETRIES: i32 = 3;
/// Seconds beyond the run's own time, for the Pod to be placed and the image to be pulled.
const GRACE_SECONDS: i64 = 60;
/// Seconds that a finished Job stays, to be looked at. What ran is known by the database.
const KEPT_SECONDS: i32 = 600;

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRunPod {
    /// Of which job.
    pub job: JobName,
    /// What the run is known by.
    pub key: JobRunKey,
    /// Seconds that it may take.
    pub timeout_seconds: i64,
}

/// What a run is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobRunKey {
    /// The slot at which it was due, a whole second.
    ScheduledAt(Timestamp),
    /// The id of the request for it, 1 to 64 visible ASCII characters that do not begin with `-`.
    RequestId(String),
}

impl JobRunPod {
    /// Name of the Job: the same for the same run, so that it is not made twice.
    pub fn name(&self, cluster: &str) -> String {
        let [option, value] = self.key.arguments();
        names::job(cluster, self.job.as_str(), &format!("{option} {value}"))
    }

    fn arguments(&self, cluster: &Validated) -> Vec<String> {
        let [key, value] = self.key.arguments();
        let timeout = format!("{}s", self.timeout_seconds);
        [
            "run-job",
            self.job.as_str(),
            &key,
            &value,
            "--timeout",
            &timeout,
            "--cluster-uid",
            &cluster.owner.uid,
        ]
        .map(str::to_owned)
        .into()
    }
}

impl JobRunKey {
    fn arguments(&self) -> [String; 2] {
        match self {
            Self::ScheduledAt(slot) => ["--scheduled-at".to_owned(), slot.to_string()],
            Self::RequestId(id) => ["--request-id".to_owned(), id.clone()],
        }
    }
}

/// The Job of a run. `serving` is the Pod template of the live Deployment: image, configuration and
/// credentials are those of the server that answers now, also while a migration or a pause holds the
/// manifest's own back.
pub fn job_run(
    cluster: &Validated,
    serving: &PodTemplateSpec,
    run: &JobRunPod,
) -> Result<Object, BuildError> {
    let name = run.name(&cluster.name);
    let label = (names::JOB_LABEL.to_owned(), run.job.as_str().to_owned());
    let mut metadata = metadata(cluster, name.clone(), Component::Job);
    metadata.labels.get_or_insert_default().extend([label]);
    let template = PodTemplateSpec {
        metadata: Some(pod_metadata(cluster, serving, run)),
        spec: Some(pod_spec(cluster, serving, run)?),
    };
    let job = Job {
        metadata,
        spec: Some(JobSpec {
            backoff_limit: Some(RETRIES),
            active_deadline_seconds: Some(run.timeout_seconds.saturating_add(GRACE_SECONDS)),
            ttl_seconds_after_finished: Some(KEPT_SECONDS),
            template,
            ..JobSpec::default()
        }),
        status: None,
    };
    Object::created(Kind::Job, &name, &job)
}

/// The manifest's labels and annotations without those by which the operator finds a server's Pod.
fn pod_metadata(cluster: &Validated, serving: &PodTemplateSpec, run: &JobRunPod) -> ObjectMeta {
    let given = serving.metadata.as_ref();
    let mut labels = given
        .and_then(|given| given.labels.clone())
        .unwrap_or_default();
    labels.remove(names::CONFIG_LABEL);
    labels.extend(names::labels(&cluster.name, Component::Job));
    labels.insert(names::JOB_LABEL.to_owned(), run.job.as_str().to_owned());
    let mut annotations = given
        .and_then(|given| given.annotations.clone())
        .unwrap_or_default();
    annotations.remove(names::SECRETS_ANNOTATION);
    ObjectMeta {
        labels: Some(labels),
        annotations: Some(annotations),
        ..ObjectMeta::default()
    }
}

fn pod_spec(
    cluster: &Validated,
    serving: &PodTemplateSpec,
    run: &JobRunPod,
) -> Result<PodSpec, BuildError> {
    let of_server = serving.spec.clone().unwrap_or_default();
    let server = of_server
        .containers
        .into_iter()
        .find(|container| container.name == SERVER)
        .ok_or_else(|| BuildError::NoServer(names::server(&cluster.name)))?;
    Ok(PodSpec {
        containers: vec![container(cluster, server, run)],
        restart_policy: Some("Never".to_owned()),
        volumes: of_server.volumes,
        service_account_name: of_server.service_account_name,
        automount_service_account_token: of_server.automount_service_account_token,
        enable_service_links: of_server.enable_service_links,
        image_pull_secrets: of_server.image_pull_secrets,
        node_selector: of_server.node_selector,
        tolerations: of_server.tolerations,
        affinity: of_server.affinity,
        priority_class_name: of_server.priority_class_name,
        security_context: of_server.security_context,
        termination_grace_period_seconds: of_server.termination_grace_period_seconds,
        ..PodSpec::default()
    })
}

fn container(cluster: &Validated, server: Container, run: &JobRunPod) -> Container {
    let mut variables = server.env.unwrap_or_default();
    variables.retain(|variable| environment::reaches_job_runs(&variable.name));
    Container {
        name: "run-job".to_owned(),
        image: server.image,
        image_pull_policy: server.image_pull_policy,
        args: Some(run.arguments(cluster)),
        env: Some(variables),
        resources: server.resources,
        security_context: server.security_context,
        termination_message_policy: server.termination_message_policy,
        volume_mounts: server.volume_mounts,
        ..Container::default()
    }
}

#[cfg(test)]
mod tests;
