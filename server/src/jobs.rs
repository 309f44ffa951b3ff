//! The vocabulary of jobs: what is done again and again, and the record of its runs.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// A job by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Stores which node servers are online and which are not.
    RefreshServerStatus,
    /// Ends packages whose time is over.
    PackageExpiring,
    /// Bills what was used.
    BillTraffic,
    /// Writes down the status of each node server.
    RecordNodeStatusHistory,
    /// Refreshes the view of that.
    RefreshNodeStatusView,
}

impl Job {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::RefreshServerStatus,
        Self::PackageExpiring,
        Self::BillTraffic,
        Self::RecordNodeStatusHistory,
        Self::RefreshNodeStatusView,
    ];

    /// The name on the command line, in the database, in metrics and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RefreshServerStatus => "refreshServerStatus",
            Self::PackageExpiring => "packageExpiring",
            Self::BillTraffic => "billTraffic",
            Self::RecordNodeStatusHistory => "recordNodeStatusHistory",
            Self::RefreshNodeStatusView => "refreshNodeStatusView",
        }
    }

    /// The job of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.as_str() == name)
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the jobs keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobRules {
    /// A node is offline when its last heartbeat is older.
    pub offline_timeout: Duration,
    /// Days that the hourly states of node servers are kept.
    pub status_history_days: u32,
    /// How long a run is left to an attempt of which nothing is heard.
    pub lease: Duration,
}

/// What a job did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobReport {
    /// Rows that it added, changed or removed.
    pub changed: u64,
}

/// What a run of a job is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobKey {
    /// The slot at which it is due: a whole second.
    Slot(DateTime<Utc>),
    /// The id of the request for it.
    Request(String),
}

impl JobKey {
    /// The slot, when it is one.
    pub fn slot(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Slot(slot) => Some(*slot),
            Self::Request(_) => None,
        }
    }

    /// The id of the request, when it is one.
    pub fn request(&self) -> Option<&str> {
        match self {
            Self::Slot(_) => None,
            Self::Request(id) => Some(id),
        }
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot) => write!(f, "slot {}", rfc3339(*slot)),
            Self::Request(id) => write!(f, "request {id}"),
        }
    }
}

/// A moment as errors and the command line write it.
pub fn rfc3339(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Whether a text can be the id of a request, or the uid of a cluster: 1 to 64 visible characters of ASCII.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobRunState {
    /// It goes on, or will be gone on with.
    Running,
    /// Its effect is there.
    Succeeded,
    /// It was given up.
    Failed,
}

impl JobRunState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Running, Self::Succeeded, Self::Failed];
    /// How a run can end.
    pub const ENDS: [Self; 2] = [Self::Succeeded, Self::Failed];

    /// The name in the database and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// The state of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Who may write for a run: an attempt holds it until another one raises the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The run.
    pub run: i64,
    /// One more than that of the attempt before.
    pub token: i64,
}

/// A run of a job, as it is stored. All times are of the database's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRun {
    /// Ascending.
    pub id: i64,
    /// Which job.
    pub job: Job,
    /// What it is known by.
    pub key: JobKey,
    /// How it stands.
    pub state: JobRunState,
    /// How often it was begun.
    pub attempt: u32,
    /// How many of these times the server was told to stop, which is no fault of the run.
    pub handed_over: u32,
    /// Who may write for it.
    pub fence: Fence,
    /// Until when it is left to the attempt that holds it.
    pub lease_until: DateTime<Utc>,
    /// When it is given up.
    pub deadline: DateTime<Utc>,
    /// When it was begun first.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Rows that it added, changed or removed so far.
    pub changed: u64,
    /// Why the last attempt failed; empty when none did, and once the run has succeeded.
    pub error: String,
    /// The trace of the last attempt.
    pub trace_id: String,
}

impl JobRun {
    /// Whether it is over.
    pub fn has_ended(&self) -> bool {
        self.state != JobRunState::Running
    }

    /// Whether nobody holds it who should go on with it.
    pub fn is_stale(&self, now: DateTime<Utc>) -> bool {
        !self.has_ended() && self.lease_until <= now
    }
}

/// Which runs; all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobRunFilter {
    /// Only of this job.
    pub job: Option<Job>,
    /// Only those that stand so.
    pub state: Option<JobRunState>,
    /// Only those begun at or after this moment.
    pub start: Option<DateTime<Utc>>,
    /// Only those begun before this moment.
    pub end: Option<DateTime<Utc>>,
    /// Only with a smaller id.
    pub before_id: Option<i64>,
}

/// How a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobState {
    /// Which job.
    pub job: Job,
    /// The run of the latest slot that is not in the future.
    pub latest: Option<JobRun>,
    /// The run that goes on.
    pub active: Option<JobRun>,
    /// The end of the last run that succeeded.
    pub last_success_at: Option<DateTime<Utc>>,
    /// How many have failed since, up to 1000.
    pub consecutive_failures: u32,
}

/// How all jobs stand at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStates {
    /// The moment.
    pub now: DateTime<Utc>,
    /// The cluster that the database belongs to.
    pub cluster_uid: Option<String>,
    /// Each job once.
    pub states: Vec<JobState>,
}
