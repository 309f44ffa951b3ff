//! Statements on `job_run` that begin runs, hold them, hand them on and end them.
//!
//! All times are of the database's clock: that of the statement where moments are compared, the true one where a lease
//! begins, since a transaction may have waited before.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::jobs::{Fence, Job, JobKey, JobRun, JobRunState};

mod hold;
mod read;

pub use hold::{Fenced, Hold};
pub use read::{active, latest, list, moment, of_id, outcomes, stale, successes};

/// The columns of a run between the beginning and the end of a statement.
macro_rules! runs {
    ($before:literal, $after:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            crate::store::job_runs::Row,
            $before
                + "id, job, scheduled_at, request_id, state, attempt, handed_over, fence, lease_until, \
                   deadline, started_at, ended_at, changed, error, trace_id"
                + $after
            $(, $argument)*
        )
    };
}
use runs;

/// Lets one transaction at a time decide about the runs of a job.
pub async fn lock(transaction: &mut Transaction, job: Job) -> Result<(), StoreError> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('telecom job_run ' || $1, 0))",
        job.as_str(),
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// What is to be known before a run is begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The moment.
    pub now: DateTime<Utc>,
    /// The cluster that the database belongs to.
    pub owner: Option<String>,
    /// The latest slot of a run, but for those in the future: they are of a clock that was put back.
    pub latest_slot: Option<DateTime<Utc>>,
    /// The run of the key.
    pub of_key: Option<JobRun>,
    /// The run of the job that goes on.
    pub active: Option<JobRun>,
}

/// Looks at the runs of a job. A slot up to `ahead` after the moment is not in the future.
pub async fn look(
    transaction: &mut Transaction,
    job: Job,
    key: &JobKey,
    ahead: Duration,
) -> Result<Seen, StoreError> {
    let seen = sqlx::query!(
        "SELECT statement_timestamp() AS \"now!\", \
         (SELECT cluster_uid FROM database_owner) AS \"owner?\", \
         (SELECT max(scheduled_at) FROM job_run WHERE job = $1 \
         AND scheduled_at <= statement_timestamp() + $2 * interval '1 microsecond') AS \"latest?\"",
        job.as_str(),
        micros(ahead),
    )
    .fetch_one(&mut *transaction)
    .await?;
    let active = runs!(
        "SELECT ",
        " FROM job_run WHERE job = $1 AND state = 'running'",
        job.as_str(),
    )
    .fetch_optional(&mut *transaction)
    .await?;
    Ok(Seen {
        now: seen.now,
        owner: seen.owner,
        latest_slot: seen.latest,
        of_key: of_key(transaction, job, key).await?,
        active: active.map(JobRun::try_from).transpose()?,
    })
}

async fn of_key(
    transaction: &mut Transaction,
    job: Job,
    key: &JobKey,
) -> Result<Option<JobRun>, StoreError> {
    let row = match key {
        JobKey::Slot(slot) => {
            runs!(
                "SELECT ",
                " FROM job_run WHERE job = $1 AND scheduled_at = $2",
                job.as_str(),
                slot,
            )
            .fetch_optional(transaction)
            .await?
        }
        JobKey::Request(id) => {
            runs!(
                "SELECT ",
                " FROM job_run WHERE job = $1 AND request_id = $2",
                job.as_str(),
                id,
            )
            .fetch_optional(transaction)
            .await?
        }
    };
    row.map(JobRun::try_from).transpose()
}

/// Begins the run of a key that has none.
pub async fn begin(
    transaction: &mut Transaction,
    job: Job,
    key: &JobKey,
    (lease, timeout): (Duration, Duration),
    trace_id: &str,
) -> Result<JobRun, StoreError> {
    let row = runs!(
        "INSERT INTO job_run (job, scheduled_at, request_id, state, attempt, fence, lease_until, deadline, \
         started_at, trace_id) \
         SELECT $1, $2, $3, 'running', 1, 1, t + $4 * interval '1 microsecond', \
         t + $5 * interval '1 microsecond', t, $6 FROM clock_timestamp() t RETURNING ",
        "",
        job.as_str(),
        key.slot(),
        key.request(),
        micros(lease),
        micros(timeout),
        trace_id,
    )
    .fetch_one(transaction)
    .await?;
    row.try_into()
}

/// Goes on with a run whose lease is over; `None` when it is no longer so, or somebody is just at it.
pub async fn resume(
    transaction: &mut Transaction,
    fence: Fence,
    lease: Duration,
    trace_id: &str,
) -> Result<Option<JobRun>, StoreError> {
    let row = runs!(
        "UPDATE job_run SET attempt = attempt + 1, fence = fence + 1, trace_id = $4, \
         lease_until = clock_timestamp() + $3 * interval '1 microsecond' \
         WHERE id = (SELECT id FROM job_run WHERE id = $1 AND fence = $2 AND state = 'running' \
         AND lease_until <= clock_timestamp() FOR NO KEY UPDATE SKIP LOCKED) RETURNING ",
        "",
        fence.run,
        fence.token,
        micros(lease),
        trace_id,
    )
    .fetch_optional(transaction)
    .await?;
    row.map(JobRun::try_from).transpose()
}

/// Fails a run whose lease is over; `None` when it is no longer so, or somebody is just at it.
pub async fn abandon(
    transaction: &mut Transaction,
    fence: Fence,
    error: &str,
) -> Result<Option<JobRun>, StoreError> {
    let row = runs!(
        "UPDATE job_run SET state = 'failed', ended_at = clock_timestamp(), fence = fence + 1, error = $3 \
         WHERE id = (SELECT id FROM job_run WHERE id = $1 AND fence = $2 AND state = 'running' \
         AND lease_until <= clock_timestamp() FOR NO KEY UPDATE SKIP LOCKED) RETURNING ",
        "",
        fence.run,
        fence.token,
        error,
    )
    .fetch_optional(transaction)
    .await?;
    row.map(JobRun::try_from).transpose()
}

/// Ends a run; `None` when another attempt has it.
pub async fn end(
    transaction: &mut Transaction,
    fence: Fence,
    state: JobRunState,
    error: &str,
) -> Result<Option<JobRun>, StoreError> {
    let row = runs!(
        "UPDATE job_run SET state = $3, ended_at = clock_timestamp(), error = $4 \
         WHERE id = $1 AND fence = $2 AND state = 'running' RETURNING ",
        "",
        fence.run,
        fence.token,
        state.as_str(),
        error,
    )
    .fetch_optional(transaction)
    .await?;
    row.map(JobRun::try_from).transpose()
}

/// Gives the lease of a run up, so that the next one who looks goes on with it: after an error, or, without one,
/// because the server was told to stop. That is no fault of the run, so it is counted apart.
pub async fn give_up(
    transaction: &mut Transaction,
    fence: Fence,
    error: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE job_run SET lease_until = clock_timestamp(), error = coalesce($3, error), \
         handed_over = handed_over + ($3::text IS NULL)::integer \
         WHERE id = $1 AND fence = $2 AND state = 'running'",
        fence.run,
        fence.token,
        error,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Ends the sessions of an attempt, which can commit nothing any more, and waits up to a second for each: what they
/// have locked the next attempt would
/// pass over or wait for, until PostgreSQL sees that their process is gone. Sessions of another role are left alone.
pub async fn cut_off(transaction: &mut Transaction, fence: Fence) -> Result<(), StoreError> {
    sqlx::query!(
        "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity \
         WHERE application_name = $1 AND datname = current_database() AND usename = current_user",
        hold::session_of(fence),
    )
    .fetch_all(transaction)
    .await?;
    Ok(())
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

struct Row {
    id: i64,
    job: String,
    scheduled_at: Option<DateTime<Utc>>,
    request_id: Option<String>,
    state: String,
    attempt: i32,
    handed_over: i32,
    fence: i64,
    lease_until: DateTime<Utc>,
    deadline: DateTime<Utc>,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    changed: i64,
    error: String,
    trace_id: String,
}

impl TryFrom<Row> for JobRun {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let key = match (row.scheduled_at, row.request_id) {
            (Some(slot), None) => JobKey::Slot(slot),
            (None, Some(id)) => JobKey::Request(id),
            _ => return Err(StoreError::Corrupt("request_id")),
        };
        Ok(Self {
            id: row.id,
            job: Job::from_name(&row.job).ok_or(StoreError::Corrupt("job"))?,
            key,
            state: JobRunState::from_name(&row.state).ok_or(StoreError::Corrupt("state"))?,
            attempt: unsigned(row.attempt, "attempt")?,
            handed_over: unsigned(row.handed_over, "handed_over")?,
            fence: Fence {
                run: row.id,
                token: row.fence,
            },
            lease_until: row.lease_until,
            deadline: row.deadline,
            started_at: row.started_at,
            ended_at: row.ended_at,
            changed: unsigned(row.changed, "changed")?,
            error: row.error,
            trace_id: row.trace_id,
        })
    }
}
