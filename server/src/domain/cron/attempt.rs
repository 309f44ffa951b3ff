//! An attempt at a run: does the job while it holds the run, and says how that ended.

use std::time::Duration;

use chrono::{DateTime, Utc};
use telecom_telemetry::propagation;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};
use tracing::{Instrument as _, Span};

use super::TelecomCronExecutor;
use super::runs::timed_out;
use crate::auth::Caller;
use crate::domain::{Context, DomainError};
use crate::jobs::{Job, JobReport, JobRun, JobRunState};
use crate::store::StoreError;
use crate::store::job_runs::Hold;

/// A run that was begun, or gone on with, and is to be done now. Dropped undone, it is gone on with by whoever looks
/// after its lease is over.
#[derive(Debug)]
pub struct Attempt {
    run: JobRun,
    hold: Hold,
    begun: Instant,
    deadline: Instant,
    span: Span,
}

impl Attempt {
    /// `now` is the database's time; from then on this process has its own clock count.
    pub(super) fn new(run: JobRun, hold: Hold, now: DateTime<Utc>, span: Span) -> Self {
        span.record("run", run.id);
        span.record("attempt", run.attempt);
        let left = (run.deadline - now).to_std().unwrap_or_default();
        let begun = Instant::now();
        Self {
            run,
            hold,
            begun,
            deadline: begun + left,
            span,
        }
    }

    /// A trace of its own, linked to the request for the run and to what led to its work.
    pub(super) fn span(job: Job, causes: &[String]) -> Span {
        let asked = propagation::sampled_traceparent();
        let span = tracing::info_span!(
            parent: None,
            "job",
            otel.name = format!("job {job}"),
            otel.status_code = tracing::field::Empty,
            job = job.as_str(),
            run = tracing::field::Empty,
            attempt = tracing::field::Empty,
        );
        let causes = asked.iter().chain(causes);
        propagation::follow(&span, causes.map(String::as_str));
        span
    }

    pub(super) fn trace_id(span: &Span) -> String {
        span.in_scope(propagation::current_trace_id)
            .unwrap_or_default()
    }

    /// The run as it was begun.
    pub fn run(&self) -> &JobRun {
        &self.run
    }

    /// What the job's transactions go through.
    pub fn hold(&self) -> &Hold {
        &self.hold
    }
}

/// How an attempt came to its end.
#[derive(Debug)]
enum End {
    /// The job returned.
    Returned(Result<JobReport, DomainError>),
    /// The time of the run was over.
    TimedOut,
    /// Another attempt has the run.
    Overtaken,
    /// The process is to end.
    Stopped,
}

/// What is to be said of it.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Succeeded,
    Failed(String),
    /// Somebody is to go on soon; without an error since this process cannot.
    GiveUp(Option<String>),
    /// Nothing: the run is another's.
    Leave,
}

impl TelecomCronExecutor {
    /// Does what an attempt is for, until `stop` is ready. Gives the run if this ended it; else it is gone on with by
    /// another attempt, here or elsewhere.
    pub async fn attempt(
        &self,
        attempt: Attempt,
        stop: impl Future<Output = ()>,
    ) -> Option<JobRun> {
        let span = attempt.span.clone();
        async {
            let end = self.until_its_end(&attempt, stop).await;
            let late = Instant::now() >= attempt.deadline;
            let verdict = verdict(end, late, &attempt.run);
            if matches!(verdict, Verdict::Failed(_) | Verdict::GiveUp(Some(_))) {
                Span::current().record("otel.status_code", "ERROR");
            }
            match self.say(&attempt, verdict).await {
                Ok(ended) => ended,
                Err(error) => {
                    // The lease says it in its time.
                    let (job, run) = (attempt.run.job, attempt.run.id);
                    tracing::warn!(%error, %job, run, "how the attempt ended is not on record");
                    None
                }
            }
        }
        .instrument(span)
        .await
    }

    async fn until_its_end(&self, attempt: &Attempt, stop: impl Future<Output = ()>) -> End {
        let context = Context {
            caller: Caller::Operator,
            deadline: attempt.deadline,
            received: attempt.begun,
            trace_id: attempt.run.trace_id.clone(),
        };
        let work = Box::pin(self.work(&context, attempt.run.job, attempt.hold.clone()));
        tokio::select! {
            biased;
            () = stop => End::Stopped,
            () = overtaken(&attempt.hold, self.runs.beat()) => End::Overtaken,
            result = timeout_at(attempt.deadline, work) => {
                result.map_or(End::TimedOut, End::Returned)
            }
        }
    }

    async fn say(
        &self,
        attempt: &Attempt,
        verdict: Verdict,
    ) -> Result<Option<JobRun>, DomainError> {
        let hold = &attempt.hold;
        match verdict {
            Verdict::Succeeded => self.runs.end(hold, JobRunState::Succeeded, "").await,
            Verdict::Failed(error) => self.runs.end(hold, JobRunState::Failed, &error).await,
            Verdict::GiveUp(error) => {
                let (job, run) = (attempt.run.job, attempt.run.id);
                let why = error.as_deref().unwrap_or("told to stop");
                tracing::info!(%job, run, why, "an attempt ends; the run goes on");
                self.runs.give_up(hold, error.as_deref()).await?;
                Ok(None)
            }
            Verdict::Leave => {
                let (job, run) = (attempt.run.job, attempt.run.id);
                tracing::warn!(%job, run, "another attempt goes on with the run");
                Ok(None)
            }
        }
    }
}

/// Renews the lease again and again; returns when the run is another attempt's.
async fn overtaken(hold: &Hold, beat: Duration) {
    let mut beats = interval_at(Instant::now() + beat, beat);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        match hold.renew(Instant::now() + beat).await {
            Ok(()) => {}
            Err(StoreError::Overtaken) => return,
            // Batches renew it too; and without any, the fence holds.
            Err(error) => tracing::warn!(%error, "the lease of a run is not renewed"),
        }
    }
}

fn verdict(end: End, late: bool, run: &JobRun) -> Verdict {
    match end {
        End::Returned(Ok(_)) => Verdict::Succeeded,
        End::TimedOut => Verdict::Failed(timed_out(run)),
        End::Overtaken | End::Returned(Err(DomainError::Store(StoreError::Overtaken))) => {
            Verdict::Leave
        }
        End::Stopped => Verdict::GiveUp(None),
        End::Returned(Err(error)) => match error {
            DomainError::Store(StoreError::Deadline) if late => Verdict::Failed(timed_out(run)),
            DomainError::Store(
                StoreError::Unavailable(_)
                | StoreError::Conflict(_)
                | StoreError::Deadline
                | StoreError::PartitionMissing(_),
            ) => Verdict::GiveUp(Some(error.to_string())),
            error => Verdict::Failed(error.to_string()),
        },
    }
}
