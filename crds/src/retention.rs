//! How long the server keeps what it has recorded.
#![allow(
    clippy::struct_field_names,
    reason = "the unit belongs to the names of the API"
)]

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// Days for which records are kept; older ones are dropped, in whole partitions, by the server's maintenance.
/// What has not been billed yet is never dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::not_fewer_days("quarterHourDays", "rawUsageDays", "retention"),
    validation = rules::not_fewer_days("hourlyDays", "quarterHourDays", "retention"),
    validation = rules::not_fewer_days("dailyDays", "hourlyDays", "retention"),
)]
pub struct Retention {
    /// Single usage reports as nodes sent them. A report may arrive up to 7 days late, so 7 is the least.
    #[serde(default = "days::<14>")]
    #[schemars(range(min = 7, max = 366))]
    pub raw_usage_days: i32,
    /// Usage per quarter of an hour, the source of charts in every time zone: 32 at least, for a month of them.
    #[serde(default = "days::<35>")]
    #[schemars(range(min = 32, max = 1100))]
    pub quarter_hour_days: i32,
    /// Usage per hour.
    #[serde(default = "days::<100>")]
    #[schemars(range(min = 32, max = 3660))]
    pub hourly_days: i32,
    /// Usage per day.
    #[serde(default = "days::<800>")]
    #[schemars(range(min = 32, max = 36500))]
    pub daily_days: i32,
    /// Hourly states of node servers. The history can be asked for 92 days, so 93 is the least.
    #[serde(default = "days::<400>")]
    #[schemars(range(min = 93, max = 3660))]
    pub status_history_days: i32,
    /// Runs of jobs, as `JobManage` lists them.
    #[serde(default = "days::<30>")]
    #[schemars(range(min = 1, max = 3660))]
    pub job_run_days: i32,
    /// Records of calls, and those that could not be taken. A record may arrive up to 7 days late, so 7 is the least.
    /// What can still be rated is never dropped.
    #[serde(default = "days::<90>")]
    #[schemars(range(min = 7, max = 3660))]
    pub call_record_days: i32,
}

const fn days<const DAYS: i32>() -> i32 {
    DAYS
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            raw_usage_days: days::<14>(),
            quarter_hour_days: days::<35>(),
            hourly_days: days::<100>(),
            daily_days: days::<800>(),
            status_history_days: days::<400>(),
            job_run_days: days::<30>(),
            call_record_days: days::<90>(),
        }
    }
}
