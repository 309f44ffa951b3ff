//! What reconciles tell the job loops of a cluster.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ObjectReference, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use telecom_crds::{ConditionType, JobName, JobStatus, TelecomClusterStatus};

use super::settings::JobSettings;
use crate::stores::ClusterKey;
use crate::validate::Validated;

/// Why no job can run, through no fault of its own: what is due meanwhile is neither missed nor failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The manifest wants no server.
    ScaledToZero,
    /// There is no server yet, or none again yet.
    Starting,
    /// The schema is being changed.
    Migrating,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ScaledToZero => "no server is wanted",
            Self::Starting => "the server has not started yet",
            Self::Migrating => "the schema is being brought up to date",
        })
    }
}

/// A cluster as its job loops need to know it.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Which one.
    pub key: ClusterKey,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// `metadata.creationTimestamp`: nothing runs that was due before.
    pub created: Timestamp,
    /// Its jobs.
    pub jobs: BTreeMap<JobName, Arc<JobSettings>>,
    /// How often the status is written when nothing needs attention.
    pub status_interval: Duration,
    /// Why nothing can run.
    pub held: Option<Held>,
    /// Whether no server is available.
    pub away: bool,
    /// Host and port of the server's gRPC; unknown before there is a Service.
    pub address: Option<String>,
    /// Value of the annotation that asks for a run.
    pub request: Option<String>,
    /// What events are about.
    pub reference: ObjectReference,
    /// What the status says, for whoever begins now.
    pub remembered: Remembered,
    /// How runs in Pods of their own are made; `None` while the manifest cannot be carried out.
    pub pods: Option<Arc<JobPods>>,
}

/// What runs in Pods of their own are made of.
#[derive(Debug, PartialEq)]
pub struct JobPods {
    /// The manifest as it can be carried out.
    pub cluster: Validated,
    /// The template of the server that serves now.
    pub serving: PodTemplateSpec,
}

/// What a status remembers of jobs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Remembered {
    /// Each job.
    pub jobs: Vec<JobStatus>,
    /// The last request that was acted upon.
    pub last_handled_request: Option<String>,
    /// Condition `JobsHealthy`.
    pub healthy: Option<Condition>,
}

impl Remembered {
    /// Out of a status.
    pub fn of(status: Option<&TelecomClusterStatus>) -> Self {
        let Some(status) = status else {
            return Self::default();
        };
        let mut conditions = status.conditions.iter();
        let healthy = ConditionType::JobsHealthy.as_str();
        Self {
            jobs: status.jobs.clone(),
            last_handled_request: status.last_handled_request.clone(),
            healthy: conditions
                .find(|condition| condition.type_ == healthy)
                .cloned(),
        }
    }

    /// What it remembers of one job.
    pub fn job(&self, name: JobName) -> Option<&JobStatus> {
        self.jobs.iter().find(|job| job.name == name.as_str())
    }
}
