//! `run-job`: does a job once, from the command line, on the same record as the servers.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::auth::Caller;
use crate::config::{self, TelecomConfig};
use crate::domain::{
    Context, DomainError, Obstacle, Processor as _, StartJob, TelecomCronExecutor,
};
use crate::jobs::{Job, JobKey, JobRun, JobRunState, rfc3339};
use crate::metrics::Metrics;
use crate::signals::Signals;
use crate::store::schema::{self, Fit};
use crate::store::{Database, StoreError};

/// How long it takes at most to begin a run.
const PATIENCE: Duration = Duration::from_secs(30);
/// From one look at a run that is not over to the next.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// A job was not done, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// There is no schema, or one that this server cannot work on.
    #[error(
        "the schema of the database is not the one of this server: run `telecom-server migrate`"
    )]
    Schema,
    /// The run failed, for this reason.
    #[error("{0}")]
    Failed(String),
    /// The run has not ended in its time, and nobody could say so in the database.
    #[error("it was not done in {0:?}")]
    Timeout(Duration),
    /// The process was told to stop; any server or the next `run-job` goes on.
    #[error("told to stop: the run is for another process to go on with")]
    Stopped,
    /// Something else was in the way.
    #[error(transparent)]
    Domain(#[from] DomainError),
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Order {
    /// Which job.
    pub job: Job,
    /// What the run is known by; a request of its own when it is not said.
    pub key: Option<JobKey>,
    /// How long it may take.
    pub timeout: Duration,
    /// The cluster that the database has to belong to.
    pub cluster_uid: Option<String>,
}

/// A run for whoever started it: one line of JSON, and the error if it failed.
#[derive(Debug)]
pub struct Outcome {
    /// `{"job":…,"result":"done","run":…,"attempt":…,"changed":…,"duration_ms":…,"trace_id":…}` with `scheduled_at` or
    /// `request_id`; `result` is `skipped` with `reason` when another run is at it or came later, `failed` with `error`
    /// when it was not done.
    pub line: Value,
    /// Why it was not done.
    pub result: Result<(), JobError>,
}

/// How it came out.
#[derive(Debug)]
enum Ending {
    /// The run of the key has ended, now or before.
    Ended(Box<JobRun>),
    /// There is to be no run of the key now.
    Skipped(Obstacle),
}

/// Does a job once.
pub async fn run(
    config: &TelecomConfig,
    database: &config::Database,
    metrics: &Metrics,
    order: Order,
    mut signals: Signals,
) -> Outcome {
    let database = Database::new(&for_jobs(database));
    let jobs = metrics.jobs.clone();
    let executor = TelecomCronExecutor::new(database.clone(), config.job_rules(), jobs);
    let begun = Instant::now();
    let key = order.key.clone();
    let key = key.unwrap_or_else(|| JobKey::Request(Uuid::now_v7().to_string()));
    let work = Work {
        database: &database,
        executor: &executor,
        order: StartJob {
            job: order.job,
            key: key.clone(),
            timeout: order.timeout,
            cluster_uid: order.cluster_uid,
        },
        until: begun + order.timeout,
        stop: CancellationToken::new(),
    };
    let (result, ()) = tokio::join!(
        async {
            let result = work.to_its_end().await;
            work.stop.cancel();
            result
        },
        async {
            tokio::select! {
                () = signals.first() => work.stop.cancel(),
                () = work.stop.cancelled() => {}
            }
        }
    );
    // What still runs has its own timeout; nobody waits for it.
    let _ = tokio::time::timeout(Duration::from_secs(1), database.close()).await;
    outcome(order.job, &key, result, begun.elapsed())
}

/// Without a pooler between where that is possible, so that what the servers have of it is left to them. Two
/// connections are for the work, one for the lease.
fn for_jobs(given: &config::Database) -> config::Database {
    let mut database = given.clone();
    if let Some(direct) = &given.direct {
        database.primary = direct.clone();
        database.pooler = false;
    }
    database.replica = None;
    database.max_connections = database.max_connections.max(3);
    database
}

struct Work<'a> {
    database: &'a Database,
    executor: &'a TelecomCronExecutor,
    order: StartJob,
    until: Instant,
    stop: CancellationToken,
}

impl Work<'_> {
    /// Begins the run of the key, or goes on with it, or waits for whoever does.
    async fn to_its_end(&self) -> Result<Ending, JobError> {
        self.fit().await?;
        let mut on_record = false;
        loop {
            let (answer, attempted) = match self.step().await {
                Ok(step) => step,
                // It is on record, so that it will be gone on with when the database is there again.
                Err(DomainError::Store(StoreError::Unavailable(_))) if on_record => {
                    self.pause().await?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match answer {
                Ok(run) if run.has_ended() => return Ok(Ending::Ended(Box::new(run))),
                Ok(_) => on_record = true,
                // It was the one in the way that nobody went on with.
                Err(Obstacle::JobActive(_)) if attempted => {}
                Err(obstacle @ (Obstacle::JobActive(_) | Obstacle::SlotSuperseded { .. })) => {
                    return Ok(Ending::Skipped(obstacle));
                }
                Err(obstacle) => return Err(DomainError::from(obstacle).into()),
            }
            self.pause().await?;
        }
    }

    async fn fit(&self) -> Result<(), JobError> {
        let deadline = self.until.min(Instant::now() + PATIENCE);
        let fit = schema::fit(self.database, deadline).await;
        match fit.map_err(DomainError::from)? {
            Fit::Serves => Ok(()),
            Fit::Absent | Fit::Behind { .. } | Fit::TooNew { .. } => Err(JobError::Schema),
        }
    }

    /// Asks for the run once, and does what is to be done for it; gives how it stands then, and whether something was
    /// done.
    async fn step(&self) -> Result<(Result<JobRun, Obstacle>, bool), DomainError> {
        let now = Instant::now();
        let context = Context {
            caller: Caller::Operator,
            deadline: now + PATIENCE,
            received: now,
            trace_id: String::new(),
        };
        let start = self.executor.process(&context, self.order.clone()).await?;
        let Some(attempt) = start.attempt else {
            return Ok((start.answer, false));
        };
        let ours = attempt.run().key == self.order.key;
        match self.executor.attempt(attempt, self.stop.cancelled()).await {
            Some(ended) if ours => Ok((Ok(ended), true)),
            _ => Ok((start.answer, true)),
        }
    }

    /// Until it is worth another look.
    async fn pause(&self) -> Result<(), JobError> {
        // Who began the run, and when, is not said here: its own deadline may be a little later.
        if Instant::now() > self.until + BETWEEN_LOOKS * 4 {
            return Err(JobError::Timeout(self.order.timeout));
        }
        tokio::select! {
            () = self.stop.cancelled() => Err(JobError::Stopped),
            () = sleep(BETWEEN_LOOKS) => Ok(()),
        }
    }
}

fn outcome(job: Job, key: &JobKey, result: Result<Ending, JobError>, took: Duration) -> Outcome {
    let mut line = json!({
        "job": job.as_str(),
        "duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    });
    match key {
        JobKey::Slot(slot) => line["scheduled_at"] = json!(rfc3339(*slot)),
        JobKey::Request(id) => line["request_id"] = json!(id),
    }
    let result = result.and_then(|ending| told(&mut line, ending));
    if let Err(error) = &result {
        line["result"] = json!("failed");
        line["error"] = json!(error.to_string());
    }
    Outcome { line, result }
}

/// What is said of a run, or instead of one.
fn told(line: &mut Value, ending: Ending) -> Result<(), JobError> {
    let run = match ending {
        Ending::Skipped(obstacle) => {
            line["result"] = json!("skipped");
            line["reason"] = json!(obstacle.to_string());
            return Ok(());
        }
        Ending::Ended(run) => run,
    };
    line["run"] = json!(run.id);
    line["attempt"] = json!(run.attempt);
    line["changed"] = json!(run.changed);
    line["trace_id"] = json!(run.trace_id);
    line["duration_ms"] = json!(duration_ms(&run));
    match run.state {
        JobRunState::Failed => Err(JobError::Failed(run.error)),
        JobRunState::Running | JobRunState::Succeeded => {
            line["result"] = json!("done");
            Ok(())
        }
    }
}

/// From the first beginning of the run to its end.
fn duration_ms(run: &JobRun) -> i64 {
    let ended: DateTime<Utc> = run.ended_at.unwrap_or(run.started_at);
    (ended - run.started_at).num_milliseconds()
}
