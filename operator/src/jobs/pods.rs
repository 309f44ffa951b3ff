//! Runs in Pods of their own: a batch/v1 Job for each, named by its key, so that none is made twice.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;

use super::inputs::{Inputs, JobPods};
use super::job::Ask;
use super::run::{Past, Refusal, Run, RunKey, RunState};
use super::server::Server;
use super::settings::JobSettings;
use crate::apply::{WriteError, Writer};
use crate::build::{self, JobRunKey, JobRunPod};
use crate::dereference::typed;
use crate::kinds::Kind;
use crate::migration;
use crate::stores::Stores;

/// Makes Jobs and looks at them.
pub struct Pods {
    /// Makes them.
    pub writer: Writer,
    /// Shows them.
    pub stores: Arc<Stores>,
}

impl Pods {
    /// Starts a run, or tells how it stands.
    pub async fn run(
        &self,
        inputs: &Inputs,
        server: Result<Server, Refusal>,
        settings: &JobSettings,
        ask: &Ask,
    ) -> Result<Run, Refusal> {
        let Some(pods) = &inputs.pods else {
            let nothing = "no Pod can be made while the manifest cannot be carried out";
            return Err(Refusal::Unavailable(nothing.to_owned()));
        };
        let pod = JobRunPod {
            job: settings.name,
            key: match &ask.key {
                RunKey::Slot(slot) => JobRunKey::ScheduledAt(*slot),
                RunKey::Request(id) => JobRunKey::RequestId(id.clone()),
            },
            timeout_seconds: i64::try_from(settings.timeout.as_secs()).unwrap_or(i64::MAX),
        };
        let name = pod.name(&inputs.key.name);
        let live = self
            .stores
            .shelf(&inputs.key)
            .remove(&(Kind::Job, name.clone()));
        let live = live.and_then(|live| typed::<Job>(&live).ok());
        match live.as_ref().map(end_of) {
            Some(None) => Ok(going_on(ask)),
            None if !ask.follow => {
                self.start(inputs, pods, &pod).await?;
                tracing::info!(cluster = %inputs.key, job = name, "a Pod runs {} of {}", settings.name, ask.key);
                Ok(going_on(ask))
            }
            ended => {
                let ended = ended.flatten().unwrap_or_else(|| RunState::Failed {
                    error: format!("Job {name} is gone and left no record of the run"),
                });
                self.recorded(server, settings, ask, ended).await
            }
        }
    }

    async fn start(&self, inputs: &Inputs, pods: &JobPods, pod: &JobRunPod) -> Result<(), Refusal> {
        let object = build::job_run(&pods.cluster, &pods.serving, pod);
        let object = object.map_err(|error| Refusal::Unavailable(error.to_string()))?;
        let Some(create) = &object.create else {
            return Err(Refusal::Unavailable(
                "there is nothing to create".to_owned(),
            ));
        };
        let namespace = &inputs.key.namespace;
        match self
            .writer
            .create(namespace, Kind::Job, &object.name, create)
            .await
        {
            Ok(stored) => self.stores.note(Kind::Job, stored),
            // Another leader was here before.
            Err(WriteError::Api {
                source: kube::Error::Api(status),
                ..
            }) if status.is_already_exists() => {}
            Err(error) => return Err(Refusal::Unavailable(error.to_string())),
        }
        Ok(())
    }

    /// The database knows better than the Job how a run ended, and also when the Job has been collected.
    async fn recorded(
        &self,
        server: Result<Server, Refusal>,
        settings: &JobSettings,
        ask: &Ask,
        ended: RunState,
    ) -> Result<Run, Refusal> {
        let states = server?.states().await?;
        let Past { latest, active, .. } =
            states.jobs.get(&settings.name).cloned().unwrap_or_default();
        if let Some(run) = [latest, active]
            .into_iter()
            .flatten()
            .find(|run| run.key == ask.key)
        {
            return Ok(run);
        }
        let state = match ended {
            RunState::Succeeded { .. } if ask.key.slot().is_some() => RunState::Failed {
                error: "its Pod found another run of the job going on".to_owned(),
            },
            ended => ended,
        };
        Ok(Run {
            key: ask.key.clone(),
            state,
            started: states.now,
            took: None,
            fresh: false,
        })
    }
}

/// How long after its slot a Pod begins is not known before it has.
fn going_on(ask: &Ask) -> Run {
    Run {
        key: ask.key.clone(),
        state: RunState::Running,
        started: Timestamp::now(),
        took: None,
        fresh: false,
    }
}

/// How a Job ended, if it has.
fn end_of(job: &Job) -> Option<RunState> {
    if migration::ended(job, "Complete").is_some() {
        let ended = job.status.as_ref()?.completion_time.as_ref()?.0;
        return Some(RunState::Succeeded { ended });
    }
    let failed = migration::ended(job, "Failed")?;
    let why = failed.message.as_deref().unwrap_or("it does not say why");
    Some(RunState::Failed {
        error: format!("its Pod failed: {why}"),
    })
}
