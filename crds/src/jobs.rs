//! When the cluster's jobs run, and where.

use std::fmt;

use kube::KubeSchema;
use kube::core::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// One of the cluster's jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobName {
    /// Node servers become online or offline by the age of their heartbeats.
    RefreshServerStatus,
    /// Packages end, the next ones begin.
    PackageExpiring,
    /// What was used is billed.
    BillTraffic,
    /// One row for each node server and hour.
    RecordNodeStatusHistory,
    /// The hourly view of node servers is made anew.
    RefreshNodeStatusView,
}

impl JobName {
    /// Every job, in the order of the manifest.
    pub const ALL: [Self; 5] = [
        Self::RefreshServerStatus,
        Self::PackageExpiring,
        Self::BillTraffic,
        Self::RecordNodeStatusHistory,
        Self::RefreshNodeStatusView,
    ];

    /// The name as it stands in the manifest, in the status, and in the server's calls.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RefreshServerStatus => "refreshServerStatus",
            Self::PackageExpiring => "packageExpiring",
            Self::BillTraffic => "billTraffic",
            Self::RecordNodeStatusHistory => "recordNodeStatusHistory",
            Self::RefreshNodeStatusView => "refreshNodeStatusView",
        }
    }

    /// The job of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.as_str() == name)
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When the cluster's jobs run, and where. Each has a schedule of its own and runs also when nothing is said about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = pod_needs_a_period("refreshServerStatus"),
    validation = pod_needs_a_period("packageExpiring"),
    validation = pod_needs_a_period("billTraffic"),
)]
pub struct Jobs {
    /// Tells from the age of their heartbeats which node servers are online. Unset: every half of
    /// `nodeHealthCheck.offlineTimeout`, in whole seconds.
    #[serde(default)]
    pub refresh_server_status: Job,
    /// Ends packages whose time is over and begins the next ones. Unset: every 15 seconds.
    #[serde(default)]
    pub package_expiring: Job,
    /// Bills what was used since it ran last. Unset: every 5 seconds.
    #[serde(default)]
    pub bill_traffic: Job,
    /// Writes down the state of each node server, once an hour. Unset: `0 * * * *`, and nothing when it is more
    /// than 5 minutes late, which would be false history.
    #[serde(default)]
    pub record_node_status_history: Job,
    /// Makes the hourly view of node servers anew. Unset: `5 * * * *`.
    #[serde(default)]
    pub refresh_node_status_view: Job,
}

impl Jobs {
    /// What the manifest says about one job.
    pub const fn get(&self, name: JobName) -> &Job {
        match name {
            JobName::RefreshServerStatus => &self.refresh_server_status,
            JobName::PackageExpiring => &self.package_expiring,
            JobName::BillTraffic => &self.bill_traffic,
            JobName::RecordNodeStatusHistory => &self.record_node_status_history,
            JobName::RefreshNodeStatusView => &self.refresh_node_status_view,
        }
    }
}

/// When one job runs, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::forbidden(
        "!has(self.schedule) || !has(self.interval)",
        ".interval",
        "not together with schedule: remove one of the two",
    ),
    validation = rules::forbidden(
        "!has(self.timeZone) || has(self.schedule)",
        ".timeZone",
        "only together with schedule: an interval knows no clocks",
    ),
    validation = long_enough_for_a_pod(),
)]
pub struct Job {
    /// When it is due: minute, hour, day of the month, month and day of the week, as in crontab(5), such as `*/5 * * * *`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    #[x_kube(
        validation = rules::cron::no_zone(),
        validation = rules::cron::five_fields(),
        validation = rules::cron::field(&rules::cron::MINUTE),
        validation = rules::cron::field(&rules::cron::HOUR),
        validation = rules::cron::field(&rules::cron::DAY),
        validation = rules::cron::field(&rules::cron::MONTH),
        validation = rules::cron::field(&rules::cron::WEEKDAY),
    )]
    pub schedule: Option<String>,
    /// Time from one run to the next, such as `15s`, instead of a schedule; from 1s to 24h.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(
        validation = rules::duration("15s or 1m30s"),
        validation = rules::duration_between("1s", "24h"),
    )]
    pub interval: Option<String>,
    /// Time zone whose clocks the schedule means, such as `Europe/Berlin`. Unset: UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = rules::time_zone())]
    pub time_zone: Option<String>,
    /// Whether no new run starts. One that runs goes on, and what was left out is not made up for, but for the
    /// latest slot if it is not too late for it.
    #[serde(default)]
    pub suspend: bool,
    /// Seconds after which it is too late to start a run that was due. Unset: until the next one is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub starting_deadline_seconds: Option<i64>,
    /// Seconds after which a run is stopped and has failed.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: i64,
    /// Where it runs: `Server` in one of the server's Pods, `Pod` in a Pod of its own for each run, which needs 60 seconds
    /// or more from one run to the next.
    #[serde(default)]
    pub execution: JobExecution,
}

/// Where a job runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum JobExecution {
    /// In one of the server's Pods.
    #[default]
    Server,
    /// In a Pod of its own.
    Pod,
}

/// A job whose own period is too short for a Pod of its own.
fn pod_needs_a_period(job: &str) -> Rule {
    rules::required(
        &format!(
            "self.{job}.execution != 'Pod' || has(self.{job}.schedule) || has(self.{job}.interval)"
        ),
        &format!(".{job}.interval"),
        "needed with execution: Pod: an interval of 60s or more, or a schedule",
    )
}

/// A Pod for each run, once a minute at most.
fn long_enough_for_a_pod() -> Rule {
    let duration = rules::DURATION;
    Rule::new(format!(
        "self.execution != 'Pod' || !has(self.interval) || !self.interval.matches('{duration}') || \
         !self.interval.matches('[1-9]') || duration(self.interval) >= duration('60s')"
    ))
    .message("must be 60s or more with execution: Pod, which makes a Pod for each run")
    .field_path(".interval")
}

const fn default_timeout() -> i64 {
    600
}

impl Default for Job {
    fn default() -> Self {
        Self {
            schedule: None,
            interval: None,
            time_zone: None,
            suspend: false,
            starting_deadline_seconds: None,
            timeout_seconds: default_timeout(),
            execution: JobExecution::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_has_one_name_everywhere() {
        let manifest = serde_json::to_value(Jobs::default()).unwrap();
        let names: Vec<&str> = JobName::ALL.iter().map(|job| job.as_str()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        let mut fields: Vec<&String> = manifest.as_object().unwrap().keys().collect();
        fields.sort_unstable();
        assert_eq!(fields, sorted);
        for name in names {
            assert_eq!(
                JobName::from_name(name).map(JobName::as_str),
                Some(name),
                "{name}"
            );
        }
        assert_eq!(JobName::from_name("billtraffic"), None);
    }

    #[test]
    fn each_name_leads_to_its_own_section() {
        for name in JobName::ALL {
            let manifest = serde_json::json!({name.as_str(): {"interval": "7m"}});
            let jobs: Jobs = serde_json::from_value(manifest).unwrap();
            for other in JobName::ALL {
                let found = jobs.get(other).interval.as_deref();
                assert_eq!(found, (other == name).then_some("7m"), "{name}, {other}");
            }
        }
    }
}
