//! Serves those who have jobs done: the operator, and administrators.

use std::future::ready;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::attempt::Attempt;
use super::start::{AHEAD, StartJob, check_owner};
use super::{Start, TelecomCronExecutor};
use crate::domain::{Context, DomainError, Newest, Processor};
use crate::jobs::{Job, JobRun, JobRunFilter, JobState, JobStates};
use crate::store::{StoreError, job_runs, retry_conflicts};

/// From one look at a run that is waited for to the next: twice as long each time.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_millis(250);

/// Begins runs, and hands them to whoever does them beside the requests.
#[derive(Debug, Clone)]
pub struct JobService {
    executor: TelecomCronExecutor,
    begun: mpsc::Sender<Attempt>,
    stop: CancellationToken,
}

impl JobService {
    /// What is begun goes to `begun`; nothing is begun after `stop`.
    pub fn new(
        executor: TelecomCronExecutor,
        begun: mpsc::Sender<Attempt>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            executor,
            begun,
            stop,
        }
    }
}

/// Begins the run of a key, or tells how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunJob {
    /// Which run.
    pub start: StartJob,
    /// How long to wait for its end.
    pub wait: Duration,
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOfKey {
    /// The run of the key.
    pub run: JobRun,
    /// Whether it was begun now.
    pub started: bool,
}

/// Tells how all jobs stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowJobStates {
    /// The cluster that the database has to belong to.
    pub cluster_uid: Option<String>,
}

/// Lists runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListJobRuns {
    /// Which ones.
    pub filter: JobRunFilter,
    /// Runs at most.
    pub limit: u32,
}

impl Processor<RunJob> for JobService {
    type Output = RunOfKey;

    async fn process(&self, context: &Context, input: RunJob) -> Result<RunOfKey, DomainError> {
        if self.stop.is_cancelled() {
            return Err(DomainError::Draining);
        }
        let until = (Instant::now() + input.wait).min(context.deadline);
        let Start {
            answer,
            begun: started,
            attempt,
        } = self.executor.process(context, input.start).await?;
        if let Some(attempt) = attempt {
            // There is room for a run of each job. When nobody does them here any more, it is for another server.
            if let Err(mpsc::error::SendError(attempt)) = self.begun.send(attempt).await {
                self.executor.attempt(attempt, ready(())).await;
            }
        }
        let run = self.followed(answer?, until).await;
        Ok(RunOfKey { run, started })
    }
}

impl JobService {
    /// The run as it is when it has ended, or at a moment, or when the server is to stop.
    async fn followed(&self, mut run: JobRun, until: Instant) -> JobRun {
        let mut pause = FIRST_LOOK;
        while !run.has_ended() && Instant::now() + pause <= until {
            tokio::select! {
                () = self.stop.cancelled() => return run,
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(LAST_LOOK);
            match self.look(run.id, until).await {
                Ok(Some(now)) => run = now,
                // Whoever asks again is told what is wrong.
                Ok(None) | Err(_) => return run,
            }
        }
        run
    }

    async fn look(&self, id: i64, deadline: Instant) -> Result<Option<JobRun>, StoreError> {
        let mut transaction = self.executor.runs.read_primary(deadline).await?;
        let run = job_runs::of_id(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(run)
    }
}

impl Processor<ShowJobStates> for JobService {
    type Output = JobStates;

    async fn process(
        &self,
        context: &Context,
        input: ShowJobStates,
    ) -> Result<JobStates, DomainError> {
        let wanted = input.cluster_uid.as_deref();
        retry_conflicts(|| async move {
            let mut transaction = self.executor.runs.read_primary(context.deadline).await?;
            let (now, cluster_uid) = job_runs::moment(&mut transaction).await?;
            check_owner(wanted, cluster_uid.as_deref())?;
            let active = job_runs::active(&mut transaction).await?;
            let mut states = Vec::new();
            for job in Job::ALL {
                let latest = job_runs::latest(&mut transaction, job, AHEAD).await?;
                let (last_success_at, failures) = job_runs::outcomes(&mut transaction, job).await?;
                states.push(JobState {
                    job,
                    latest,
                    active: active.iter().find(|run| run.job == job).cloned(),
                    last_success_at,
                    consecutive_failures: failures,
                });
            }
            transaction.commit().await?;
            Ok(JobStates {
                now,
                cluster_uid,
                states,
            })
        })
        .await
    }
}

impl Processor<ListJobRuns> for JobService {
    type Output = Newest<JobRun>;

    async fn process(
        &self,
        context: &Context,
        input: ListJobRuns,
    ) -> Result<Newest<JobRun>, DomainError> {
        let (filter, limit) = (&input.filter, input.limit);
        let found = retry_conflicts(|| async move {
            let mut transaction = self.executor.runs.read(context.deadline).await?;
            let found = job_runs::list(&mut transaction, filter, limit + 1).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(Newest::of(found, limit, |run| run.id))
    }
}
