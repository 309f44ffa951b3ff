//! The apply step: the plan's objects in their order, and the migration between them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;
use telecom_crds::TelecomCluster;

use super::{Context, availability, database};
use crate::apply::{Put, WriteError};
use crate::build::{HandOver, Object, Plan};
use crate::dereference::{ReadError, World};
use crate::kinds::Kind;
use crate::migration::{self, ATTEMPT_ANNOTATION, INPUTS_ANNOTATION, JobState, Situation, Step};
use crate::names::{self, Component, HAND_OVER_MANAGER};
use crate::podreason::{self, Cause};
use crate::stores::{ClusterKey, ObjectName};

/// How soon a step that waits for a deletion is looked at again; the watch is usually quicker.
const SOON: Duration = Duration::from_secs(5);

/// What carrying out a plan has come to.
#[derive(Debug, Default)]
pub struct Progress {
    /// The migration's next step; none when there is no plan.
    pub migration: Option<Step>,
    /// Objects that somebody else keeps changing, with the other's name.
    pub contended: Vec<(ObjectName, String)>,
    /// The first write that failed; what comes after it was not tried.
    pub error: Option<WriteError>,
    /// When to look again.
    pub again: Option<Duration>,
}

impl Progress {
    fn look_after(&mut self, pause: Duration) {
        self.again = Some(self.again.map_or(pause, |again| again.min(pause)));
    }
}

/// Attempts that follow a deleted Job, until they are started.
#[derive(Debug, Default)]
pub struct Announced {
    attempts: Mutex<HashMap<ClusterKey, u32>>,
}

impl Announced {
    fn get(&self, key: &ClusterKey) -> Option<u32> {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.get(key).copied()
    }

    fn set(&self, key: &ClusterKey, attempt: u32) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.insert(key.clone(), attempt);
    }

    /// Takes the announced attempt back.
    pub fn take(&self, key: &ClusterKey) -> Option<u32> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.remove(key)
    }
}

/// One cluster's writes.
struct Hands<'a> {
    context: &'a Context,
    key: &'a ClusterKey,
    uid: Option<&'a str>,
    world: &'a World,
    progress: &'a mut Progress,
}

/// Carries a plan out as far as it goes now, and brings `world` up to date with what was written.
pub async fn carry_out(
    context: &Context,
    key: &ClusterKey,
    cluster: &TelecomCluster,
    world: &mut World,
    plan: &Plan,
) -> Result<Progress, ReadError> {
    let mut progress = Progress::default();
    let step = step(plan, world, context.announced.get(key))?;
    let mut hands = Hands {
        context,
        key,
        uid: cluster.metadata.uid.as_deref(),
        world,
        progress: &mut progress,
    };
    let written = hands.all(plan, step.as_ref()).await;
    if let Err(error) = written {
        progress.error = Some(error);
    }
    progress.migration = step;
    let secrets = std::mem::take(&mut world.secrets);
    *world = World::read(&key.name, context.stores.shelf(key))?;
    world.secrets = secrets;
    Ok(progress)
}

/// Looks at the migration without a write.
pub fn look_only(plan: &Plan, world: &World) -> Result<Progress, ReadError> {
    Ok(Progress {
        migration: step(plan, world, None)?,
        ..Progress::default()
    })
}

/// What the migration needs next; none while it is not known which one is wanted.
fn step(plan: &Plan, world: &World, announced: Option<u32>) -> Result<Option<Step>, ReadError> {
    if !plan.migration.pending {
        return Ok(Some(Step::Done));
    }
    let Some(job) = &plan.migration.job else {
        return Ok(None);
    };
    let live = world.job(&job.name)?;
    let pods = migration::pods_of(&world.migration_pods, &job.name);
    let situation = Situation {
        wanted: &job.name,
        migrated: None,
        job: migration::job_state(live.as_ref()),
        database_ready: plan.database.is_empty() || database::embedded_ready(world),
        inputs: &plan.migration.attempt,
        stuck: matches!(podreason::cause(&pods), Some(Cause::Told(..))),
        announced,
        now: Timestamp::now(),
    };
    Ok(Some(migration::decide(&situation)))
}

impl Hands<'_> {
    async fn all(&mut self, plan: &Plan, step: Option<&Step>) -> Result<(), WriteError> {
        self.remove_unwanted(plan).await?;
        self.put_all(&plan.database).await?;
        self.put_all(&plan.foundation).await?;
        self.migrate(plan, step).await?;
        if let Some(hand_over) = &plan.hand_over {
            self.hand_over(hand_over).await?;
        }
        self.put_all(&plan.workload).await?;
        self.prune(plan).await
    }

    async fn put_all(&mut self, objects: &[Object]) -> Result<(), WriteError> {
        for object in objects {
            self.put(object).await?;
        }
        Ok(())
    }

    async fn put(&mut self, object: &Object) -> Result<(), WriteError> {
        match self
            .context
            .applier
            .put(self.key, self.uid, self.world, object)
            .await?
        {
            Put::Unchanged | Put::Sent => {}
            Put::Later(pause) => self.progress.look_after(pause),
            Put::Contended { left, rival } => {
                self.progress.look_after(left);
                let name = (object.kind, object.name.clone());
                self.progress.contended.push((name, rival));
            }
        }
        Ok(())
    }

    async fn remove(&self, name: &ObjectName) -> Result<(), WriteError> {
        self.context
            .applier
            .remove(self.key, self.uid, self.world, name)
            .await
    }

    /// Removes what is switched off. The embedded database goes only when nothing uses it any more:
    /// until the last old Pod is gone it is the serving one.
    async fn remove_unwanted(&self, plan: &Plan) -> Result<(), WriteError> {
        let still_used = plan.held_back || !availability::follows(self.world, plan);
        let database = names::postgres(&self.key.name);
        for (kind, name) in &plan.absent {
            if *name == database && still_used {
                continue;
            }
            self.remove(&(*kind, name.clone())).await?;
        }
        Ok(())
    }

    async fn migrate(&mut self, plan: &Plan, step: Option<&Step>) -> Result<(), WriteError> {
        let (Some(step), Some(job)) = (step, &plan.migration.job) else {
            return Ok(());
        };
        let name = (Kind::Job, job.name.clone());
        match step {
            Step::Done | Step::Wait | Step::WaitForDatabase => Ok(()),
            Step::RetryAfter(pause) => {
                self.progress.look_after(*pause);
                Ok(())
            }
            Step::Clear { attempt } => {
                self.context.announced.set(self.key, *attempt);
                self.progress.look_after(SOON);
                self.remove(&name).await
            }
            Step::Start { attempt } => {
                let mut job = job.clone();
                if let Some(create) = job.create.as_mut() {
                    annotate(create, ATTEMPT_ANNOTATION, &attempt.to_string());
                    annotate(create, INPUTS_ANNOTATION, &plan.migration.attempt);
                }
                self.put(&job).await?;
                self.context.announced.take(self.key);
                Ok(())
            }
        }
    }

    /// Gives the number of replicas to the autoscaler as it stands at this moment.
    async fn hand_over(&self, hand_over: &HandOver) -> Result<(), WriteError> {
        let mut apply = hand_over.apply.clone();
        let live = self.world.get(Kind::Deployment, &hand_over.name);
        if let Some(version) = live.and_then(|live| live.resource_version()) {
            // Somebody who scales between our look and our write is not overruled.
            apply["metadata"]["resourceVersion"] = Value::String(version);
        }
        let sent = self.context.writer.apply(
            &self.key.namespace,
            Kind::Deployment,
            &hand_over.name,
            &apply,
            HAND_OVER_MANAGER,
        );
        let stored = sent.await?;
        let deeds = &self.context.applier.deeds;
        deeds.note(self.key, "handed over", Kind::Deployment, &hand_over.name);
        self.context.stores.note(Kind::Deployment, stored);
        Ok(())
    }

    /// Removes configurations that no generation can come back to, and migrations that nobody waits for.
    async fn prune(&mut self, plan: &Plan) -> Result<(), WriteError> {
        let wanted_job = plan.migration.job.as_ref().map(|job| job.name.as_str());
        let mut in_use: BTreeSet<String> = self.world.mounted_config_maps();
        in_use.insert(plan.config_map.clone());
        let runs = names::selector(&self.key.name, Component::Job);
        let is_run = |object: &DynamicObject| {
            let labels = object.labels();
            runs.iter()
                .all(|(key, value)| labels.get(key) == Some(value))
        };
        let mut doomed = Vec::new();
        for ((kind, name), object) in &self.world.shelf {
            match kind {
                // Those of runs end by themselves.
                Kind::Job if is_run(object) => in_use.extend(mounted(&object.data)),
                Kind::Job if Some(name.as_str()) != wanted_job => {
                    let job = self.world.job(name).ok().flatten();
                    if matches!(migration::job_state(job.as_ref()), JobState::Running { .. }) {
                        doomed.push((*kind, name.clone()));
                    }
                }
                Kind::Job => in_use.extend(mounted(&object.data)),
                _ => {}
            }
        }
        let prefix = names::config(&self.key.name, "");
        let maps = self.world.shelf.keys().filter(|(kind, name)| {
            *kind == Kind::ConfigMap && name.starts_with(&prefix) && !in_use.contains(name)
        });
        doomed.extend(maps.cloned());
        for name in &doomed {
            self.remove(name).await?;
        }
        Ok(())
    }
}

fn annotate(object: &mut Value, key: &str, value: &str) {
    object["metadata"]["annotations"][key] = Value::String(value.to_owned());
}

/// The ConfigMaps that a Job's Pods mount.
fn mounted(data: &Value) -> Vec<String> {
    let volumes = data
        .pointer("/spec/template/spec/volumes")
        .and_then(Value::as_array);
    volumes
        .into_iter()
        .flatten()
        .filter_map(|volume| {
            volume
                .pointer("/projected/sources/0/configMap/name")?
                .as_str()
        })
        .map(str::to_owned)
        .collect()
}
