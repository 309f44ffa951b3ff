//! The record of runs: how a run changes hands, and how it ends.

use std::time::Duration;

use chrono::{DateTime, Utc};
use telecom_telemetry::propagation;
use tokio::time::Instant;

use super::attempt::Attempt;
use crate::domain::DomainError;
use crate::jobs::{Job, JobKey, JobRun, JobRunState};
use crate::metrics;
use crate::store::job_runs::{self, Hold};
use crate::store::{Database, StoreError, Transaction, retry_conflicts, usage_reports};

/// How often a run is begun before it is given up, without those times when its server was told to stop.
const MAX_ATTEMPTS: u32 = 5;
/// What an attempt says of itself takes no longer, or is left to the lease.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same of one that has to end with its server.
const MOMENT: Duration = Duration::from_secs(2);
/// The longest error that is kept, in characters.
const MAX_ERROR: usize = 500;
/// Reports that a run of billing is linked to, besides the request for it.
const REPORTS: u32 = propagation::MAX_CAUSES - 1;

/// The record. Its database is its own: jobs reach theirs through a [`Hold`].
#[derive(Debug, Clone)]
pub(super) struct Runs {
    database: Database,
    lease: Duration,
    metrics: metrics::Jobs,
}

/// What became of a run whose lease was over.
#[derive(Debug)]
pub(super) enum Stale {
    /// This attempt is to go on with it.
    Resumed(Box<Attempt>),
    /// It was given up.
    Failed(Box<JobRun>),
    /// Somebody else has just taken it up.
    Taken,
}

/// Traces of what a run will work on. One place of the links is for whoever asked for it.
async fn causes(transaction: &mut Transaction, job: Job) -> Result<Vec<String>, StoreError> {
    match job {
        Job::BillTraffic => usage_reports::traced(transaction, REPORTS).await,
        Job::RefreshServerStatus
        | Job::PackageExpiring
        | Job::RecordNodeStatusHistory
        | Job::RefreshNodeStatusView => Ok(Vec::new()),
    }
}

impl Runs {
    pub(super) fn new(database: Database, lease: Duration, metrics: metrics::Jobs) -> Self {
        Self {
            database,
            lease,
            metrics,
        }
    }

    pub(super) async fn write(&self, deadline: Instant) -> Result<Transaction, StoreError> {
        self.database.write(deadline).await
    }

    pub(super) async fn read(&self, deadline: Instant) -> Result<Transaction, StoreError> {
        self.database.read(deadline).await
    }

    pub(super) async fn read_primary(&self, deadline: Instant) -> Result<Transaction, StoreError> {
        self.database.read_primary(deadline).await
    }

    /// How often an attempt says that it is still at it.
    pub(super) fn beat(&self) -> Duration {
        self.lease / 3
    }

    /// Begins the run of a key that has none.
    pub(super) async fn begin(
        &self,
        transaction: &mut Transaction,
        job: Job,
        key: &JobKey,
        timeout: Duration,
    ) -> Result<Attempt, StoreError> {
        let span = Attempt::span(job, &causes(transaction, job).await?);
        let trace_id = Attempt::trace_id(&span);
        let times = (self.lease, timeout);
        let run = job_runs::begin(transaction, job, key, times, &trace_id).await?;
        let now = run.started_at;
        Ok(self.attempt(run, now, span))
    }

    /// Goes on with a run whose lease is over at `now`, or gives it up.
    pub(super) async fn take_over(
        &self,
        transaction: &mut Transaction,
        run: &JobRun,
        now: DateTime<Utc>,
    ) -> Result<Stale, StoreError> {
        if let Some(error) = hopeless(run, now) {
            let failed = job_runs::abandon(transaction, run.fence, &bounded(&error)).await?;
            return Ok(failed.map_or(Stale::Taken, |run| Stale::Failed(Box::new(run))));
        }
        let span = Attempt::span(run.job, &causes(transaction, run.job).await?);
        let trace_id = Attempt::trace_id(&span);
        let resumed = job_runs::resume(transaction, run.fence, self.lease, &trace_id).await?;
        let Some(resumed) = resumed else {
            return Ok(Stale::Taken);
        };
        job_runs::cut_off(transaction, run.fence).await?;
        Ok(Stale::Resumed(Box::new(self.attempt(resumed, now, span))))
    }

    fn attempt(&self, run: JobRun, now: DateTime<Utc>, span: tracing::Span) -> Attempt {
        let hold = Hold::new(self.database.clone(), &run, self.lease);
        Attempt::new(run, hold, now, span)
    }

    /// Runs that nobody goes on with, each for this server to go on with from now on; others are given up.
    pub(super) async fn resume_stale(&self) -> Result<Vec<Attempt>, DomainError> {
        let deadline = Instant::now() + PATIENCE;
        let mut transaction = self.read_primary(deadline).await?;
        let stale = job_runs::stale(&mut transaction).await?;
        transaction.commit().await?;
        let mut attempts = Vec::new();
        for run in stale {
            let mut transaction = self.write(deadline).await?;
            let (now, _) = job_runs::moment(&mut transaction).await?;
            let taken = self.take_over(&mut transaction, &run, now).await?;
            transaction.commit().await?;
            match taken {
                Stale::Resumed(attempt) => attempts.push(*attempt),
                Stale::Failed(run) => self.ended(&run),
                Stale::Taken => {}
            }
        }
        Ok(attempts)
    }

    /// Ends the run of an attempt; `None` when another attempt has it.
    pub(super) async fn end(
        &self,
        hold: &Hold,
        state: JobRunState,
        error: &str,
    ) -> Result<Option<JobRun>, DomainError> {
        let (deadline, error) = (Instant::now() + PATIENCE, &bounded(error));
        let run = retry_conflicts(|| async move {
            let mut transaction = self.write(deadline).await?;
            let run = job_runs::end(&mut transaction, hold.fence(), state, error).await?;
            transaction.commit().await?;
            Ok::<_, StoreError>(run)
        })
        .await?;
        if let Some(run) = &run {
            self.ended(run);
        }
        Ok(run)
    }

    /// Lets somebody else go on with the run of an attempt: after an error, or because the server was told to stop.
    pub(super) async fn give_up(
        &self,
        hold: &Hold,
        error: Option<&str>,
    ) -> Result<(), DomainError> {
        let patience = if error.is_some() { PATIENCE } else { MOMENT };
        let mut transaction = self.write(Instant::now() + patience).await?;
        let error = error.map(bounded);
        job_runs::give_up(&mut transaction, hold.fence(), error.as_deref()).await?;
        // Its statements would hold up whoever goes on.
        job_runs::cut_off(&mut transaction, hold.fence()).await?;
        Ok(transaction.commit().await?)
    }

    /// Counts and logs a run that this process has ended, after the commit.
    pub(super) fn ended(&self, run: &JobRun) {
        self.metrics.ended(run);
        let JobRun { id, job, key, .. } = run;
        let (attempt, changed, error) = (run.attempt, run.changed, run.error.as_str());
        match run.state {
            JobRunState::Failed => {
                tracing::warn!(%job, run = id, %key, attempt, changed, error, "the run of a job failed");
            }
            JobRunState::Running | JobRunState::Succeeded => {
                tracing::debug!(%job, run = id, %key, attempt, changed, "a job was done");
            }
        }
    }
}

/// Why nobody is to go on with a run; `None` when somebody is.
fn hopeless(run: &JobRun, now: DateTime<Utc>) -> Option<String> {
    let attempts = run.attempt - run.handed_over;
    if run.deadline <= now {
        return Some(timed_out(run));
    }
    (attempts >= MAX_ATTEMPTS).then(|| {
        let error = match run.error.as_str() {
            "" => "nothing was heard of the server that was at it",
            error => error,
        };
        format!("given up after {attempts} attempts: {error}")
    })
}

/// The error of a run whose time is over.
pub(super) fn timed_out(run: &JobRun) -> String {
    let timeout = (run.deadline - run.started_at).num_milliseconds();
    let (number, unit) = match (timeout + 500) / 1000 {
        seconds if seconds % 60 == 0 => (seconds / 60, "minute"),
        seconds => (seconds, "second"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("timed out after {number} {unit}{plural}")
}

/// A text that fits into the record.
fn bounded(error: &str) -> String {
    let plain = error.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MAX_ERROR).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::jobs::Fence;

    fn run(attempt: u32, handed_over: u32, error: &str) -> JobRun {
        let started_at = DateTime::UNIX_EPOCH;
        JobRun {
            id: 1,
            job: Job::BillTraffic,
            key: JobKey::Slot(started_at),
            state: JobRunState::Running,
            attempt,
            handed_over,
            fence: Fence { run: 1, token: 1 },
            lease_until: started_at,
            deadline: started_at + TimeDelta::minutes(10),
            started_at,
            ended_at: None,
            changed: 0,
            error: error.to_owned(),
            trace_id: String::new(),
        }
    }

    #[test]
    fn a_run_is_given_up_after_its_time_or_too_many_attempts() {
        let late = Some("timed out after 10 minutes".to_owned());
        let many = |error| Some(format!("given up after 5 attempts: {error}"));
        // (attempt, handed over, last error, seconds) → why it is given up
        for (attempt, handed_over, error, seconds, expected) in [
            (1, 0, "", 0, None),
            (4, 0, "disk full", 599, None),
            (1, 0, "", 600, late.clone()),
            (5, 0, "disk full", 599, many("disk full")),
            (
                5,
                0,
                "",
                0,
                many("nothing was heard of the server that was at it"),
            ),
            (9, 5, "", 0, None),
            (10, 5, "disk full", 0, many("disk full")),
            (10, 5, "disk full", 601, late),
        ] {
            let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
            let run = run(attempt, handed_over, error);
            assert_eq!(hopeless(&run, now), expected, "{run:?} {seconds}");
        }
    }

    #[test]
    fn times_are_said_in_whole_units() {
        for (seconds, text) in [
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (90, "90 seconds"),
            (86_400, "1440 minutes"),
        ] {
            let mut run = run(1, 0, "");
            run.deadline = run.started_at + TimeDelta::seconds(seconds);
            assert_eq!(timed_out(&run), format!("timed out after {text}"));
        }
    }

    #[test]
    fn an_error_is_cut_and_plain() {
        assert_eq!(bounded("a\nb\0c"), "a b c");
        assert_eq!(bounded(&"é".repeat(600)).chars().count(), MAX_ERROR);
    }
}
