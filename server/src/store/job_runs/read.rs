//! Reads of `job_run`.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{micros, runs};
use crate::jobs::{Job, JobRun, JobRunFilter, JobRunState};
use crate::store::number::unsigned;
use crate::store::{StoreError, Transaction};

/// After everything that can be asked for: the start of the year 10000.
const END_OF_TIME: DateTime<Utc> = match DateTime::from_timestamp_secs(253_402_300_800) {
    Some(end) => end,
    None => DateTime::<Utc>::MAX_UTC,
};

/// Runs that nobody holds any more and that have not ended.
pub async fn stale(transaction: &mut Transaction) -> Result<Vec<JobRun>, StoreError> {
    let rows = runs!(
        "SELECT ",
        " FROM job_run WHERE state = 'running' AND lease_until <= statement_timestamp() ORDER BY id",
    );
    let rows = rows.fetch_all(transaction).await?;
    rows.into_iter().map(JobRun::try_from).collect()
}

/// The run of an id.
pub async fn of_id(transaction: &mut Transaction, id: i64) -> Result<Option<JobRun>, StoreError> {
    let row = runs!("SELECT ", " FROM job_run WHERE id = $1", id);
    let row = row.fetch_optional(transaction).await?;
    row.map(JobRun::try_from).transpose()
}

/// The moment, and the cluster that the database belongs to.
pub async fn moment(
    transaction: &mut Transaction,
) -> Result<(DateTime<Utc>, Option<String>), StoreError> {
    let row = sqlx::query!(
        "SELECT statement_timestamp() AS \"now!\", \
         (SELECT cluster_uid FROM database_owner) AS \"owner?\"",
    );
    let row = row.fetch_one(transaction).await?;
    Ok((row.now, row.owner))
}

/// Runs that go on.
pub async fn active(transaction: &mut Transaction) -> Result<Vec<JobRun>, StoreError> {
    let rows = runs!(
        "SELECT ",
        " FROM job_run WHERE state = 'running' ORDER BY id",
    );
    let rows = rows.fetch_all(transaction).await?;
    rows.into_iter().map(JobRun::try_from).collect()
}

/// The run of a job's latest slot that is no more than `ahead` after the moment.
pub async fn latest(
    transaction: &mut Transaction,
    job: Job,
    ahead: Duration,
) -> Result<Option<JobRun>, StoreError> {
    let row = runs!(
        "SELECT ",
        " FROM job_run WHERE job = $1 \
         AND scheduled_at <= statement_timestamp() + $2 * interval '1 microsecond' \
         ORDER BY scheduled_at DESC LIMIT 1",
        job.as_str(),
        micros(ahead),
    );
    let row = row.fetch_optional(transaction).await?;
    row.map(JobRun::try_from).transpose()
}

/// When a run of the job last succeeded, and how many have failed since, counted up to 1000.
pub async fn outcomes(
    transaction: &mut Transaction,
    job: Job,
) -> Result<(Option<DateTime<Utc>>, u32), StoreError> {
    let success = sqlx::query!(
        "SELECT id, ended_at FROM job_run WHERE job = $1 AND state = 'succeeded' \
         ORDER BY id DESC LIMIT 1",
        job.as_str(),
    );
    let success = success.fetch_optional(&mut *transaction).await?;
    let failures = sqlx::query_scalar!(
        "SELECT count(*) AS \"count!\" FROM (SELECT FROM job_run \
         WHERE job = $1 AND state = 'failed' AND id > $2 ORDER BY id DESC LIMIT 1000) f",
        job.as_str(),
        success.as_ref().map_or(0, |success| success.id),
    );
    let failures = unsigned(failures.fetch_one(transaction).await?, "count")?;
    Ok((success.and_then(|success| success.ended_at), failures))
}

/// When each job last succeeded that ever did, in seconds since 1970.
pub async fn successes(transaction: &mut Transaction) -> Result<Vec<(Job, f64)>, StoreError> {
    let mut successes = Vec::new();
    for job in Job::ALL {
        let success = sqlx::query_scalar!(
            "SELECT extract(epoch FROM ended_at)::double precision AS \"at!\" FROM job_run \
             WHERE job = $1 AND state = 'succeeded' ORDER BY id DESC LIMIT 1",
            job.as_str(),
        );
        let success = success.fetch_optional(&mut *transaction).await?;
        successes.extend(success.map(|at| (job, at)));
    }
    Ok(successes)
}

/// The newest runs that pass the filter, at most `limit`.
pub async fn list(
    transaction: &mut Transaction,
    filter: &JobRunFilter,
    limit: u32,
) -> Result<Vec<JobRun>, StoreError> {
    let before_id = filter.before_id.unwrap_or(i64::MAX);
    let start = filter.start.unwrap_or(DateTime::UNIX_EPOCH);
    let end = filter.end.unwrap_or(END_OF_TIME);
    let limit = i64::from(limit);
    let job = filter.job.map(Job::as_str);
    let state = filter.state.map(JobRunState::as_str);
    // One statement for each index that may lead, as for the audit log.
    let rows = match (job, state) {
        (Some(job), Some(state)) => {
            runs!(
                "SELECT ",
                " FROM job_run WHERE job = $1 AND state = $2 AND id < $3 \
                 AND started_at >= $4 AND started_at < $5 ORDER BY id DESC LIMIT $6",
                job,
                state,
                before_id,
                start,
                end,
                limit,
            )
            .fetch_all(transaction)
            .await?
        }
        (Some(job), None) => {
            runs!(
                "SELECT ",
                " FROM job_run WHERE job = $1 AND id < $2 \
                 AND started_at >= $3 AND started_at < $4 ORDER BY id DESC LIMIT $5",
                job,
                before_id,
                start,
                end,
                limit,
            )
            .fetch_all(transaction)
            .await?
        }
        (None, Some(state)) => {
            runs!(
                "SELECT ",
                " FROM job_run WHERE state = $1 AND id < $2 \
                 AND started_at >= $3 AND started_at < $4 ORDER BY id DESC LIMIT $5",
                state,
                before_id,
                start,
                end,
                limit,
            )
            .fetch_all(transaction)
            .await?
        }
        (None, None) => {
            runs!(
                "SELECT ",
                " FROM job_run WHERE id < $1 \
                 AND started_at >= $2 AND started_at < $3 ORDER BY id DESC LIMIT $4",
                before_id,
                start,
                end,
                limit,
            )
            .fetch_all(transaction)
            .await?
        }
    };
    rows.into_iter().map(JobRun::try_from).collect()
}
