//! `run-job`: does a job once, from the command line.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use crate::auth::Caller;
use crate::config::{self, TelecomConfig};
use crate::domain::{Context, DomainError, Job, Processor as _, Run, TelecomCronExecutor};
use crate::store::schema::{self, Fit};
use crate::store::{Database, StoreError};

/// A job was not done, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// There is no schema, or one that this server cannot work on.
    #[error(
        "the schema of the database is not the one of this server: run `telecom-server migrate`"
    )]
    Schema,
    /// The time for it was over.
    #[error("it was not done in {0:?}")]
    Timeout(Duration),
    /// Something else was in the way.
    #[error(transparent)]
    Domain(DomainError),
}

/// A run for whoever started it: one line of JSON, and the error if it failed.
#[derive(Debug)]
pub struct Outcome {
    /// `{"job":…,"result":"done","changed":…,"duration_ms":…,"trace_id":…}`; `result` is `skipped` when
    /// another process was at it, `failed` with `error` when it was not done.
    pub line: serde_json::Value,
    /// Why it was not done.
    pub result: Result<(), JobError>,
}

/// Does a job once, within `timeout`.
pub async fn run(
    config: &TelecomConfig,
    database: &config::Database,
    job: Job,
    timeout: Duration,
) -> Outcome {
    let database = Database::new(&for_jobs(database));
    let executor = TelecomCronExecutor::new(
        database.clone(),
        config.offline_timeout,
        config.retention.status_history_days,
    );
    let begun = Instant::now();
    let span = tracing::info_span!("job", otel.name = format!("job {job}"), job = job.as_str());
    let (result, trace_id) = async {
        let trace_id = telecom_telemetry::propagation::current_trace_id().unwrap_or_default();
        let context = Context {
            caller: Caller::Operator,
            deadline: begun + timeout,
            received: begun,
            trace_id: trace_id.clone(),
        };
        let late = JobError::Timeout(timeout);
        let done = timeout_at(context.deadline, once(&database, &executor, &context, job)).await;
        (done.unwrap_or(Err(late)), trace_id)
    }
    .instrument(span)
    .await;
    let result = result.map_err(|error| match error {
        JobError::Domain(DomainError::Store(StoreError::Deadline)) => JobError::Timeout(timeout),
        other => other,
    });
    // What still runs has its own timeout; nobody waits for it.
    let _ = tokio::time::timeout(Duration::from_secs(1), database.close()).await;
    outcome(job, result, begun.elapsed(), &trace_id)
}

/// Without a pooler between where that is possible: a connection that only holds a lock is one that
/// the servers behind the pooler have to do without. One is for the lock, one for the work.
fn for_jobs(given: &config::Database) -> config::Database {
    let mut database = given.clone();
    if let Some(direct) = &given.direct {
        database.primary = direct.clone();
        database.pooler = false;
    }
    database.replica = None;
    database.max_connections = database.max_connections.max(2);
    database
}

async fn once(
    database: &Database,
    executor: &TelecomCronExecutor,
    context: &Context,
    job: Job,
) -> Result<Run, JobError> {
    let fit = schema::fit(database, context.deadline).await;
    match fit.map_err(|error| JobError::Domain(error.into()))? {
        Fit::Serves => executor
            .process(context, job)
            .await
            .map_err(JobError::Domain),
        Fit::Absent | Fit::Behind { .. } | Fit::TooNew { .. } => Err(JobError::Schema),
    }
}

fn outcome(job: Job, result: Result<Run, JobError>, took: Duration, trace_id: &str) -> Outcome {
    let mut line = json!({
        "job": job.as_str(),
        "duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "trace_id": trace_id,
    });
    match &result {
        Ok(Run::Done(report)) => {
            line["result"] = json!("done");
            line["changed"] = json!(report.changed);
        }
        Ok(Run::Elsewhere) => {
            line["result"] = json!("skipped");
            line["reason"] = json!("another process is doing it");
        }
        Err(error) => {
            line["result"] = json!("failed");
            line["error"] = json!(error.to_string());
        }
    }
    let result = result.map(|_| ());
    Outcome { line, result }
}
