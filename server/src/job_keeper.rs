//! Does the runs of jobs in a server, beside its requests: those that are asked for here, and those that nobody goes
//! on with any more.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::domain::{Attempt, JobService, TelecomCronExecutor};
use crate::jobs::Job;
use crate::store::{Database, schema};

/// How long a run can lie when its lease is over.
const LOOK: Duration = Duration::from_secs(2);

/// What does the runs.
#[derive(Debug)]
pub struct JobKeeper {
    executor: TelecomCronExecutor,
    begun: mpsc::Receiver<Attempt>,
    stop: CancellationToken,
}

impl JobKeeper {
    /// A keeper, and the service that hands it runs; both until `stop`.
    pub fn new(executor: TelecomCronExecutor, stop: CancellationToken) -> (Self, JobService) {
        let (sender, begun) = mpsc::channel(Job::ALL.len());
        let service = JobService::new(executor.clone(), sender, stop.clone());
        let keeper = Self {
            executor,
            begun,
            stop,
        };
        (keeper, service)
    }

    /// Does runs until it is to stop; then gives up those that go on, so that another server does them.
    pub async fn run(mut self, database: Database) {
        tokio::select! {
            () = self.stop.cancelled() => return,
            () = schema::until_it_serves(&database) => {}
        }
        let mut tasks = JoinSet::new();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(attempt) = self.begun.recv() => self.spawn(&mut tasks, attempt),
                Some(ended) = tasks.join_next() => log(&ended),
                _ = looks.tick() => match self.executor.resume_stale().await {
                    Ok(attempts) => {
                        for attempt in attempts {
                            self.spawn(&mut tasks, attempt);
                        }
                    }
                    Err(error) => tracing::debug!(%error, "no look at what lies"),
                },
            }
        }
        // Handed over in the last moment.
        self.begun.close();
        while let Some(attempt) = self.begun.recv().await {
            self.spawn(&mut tasks, attempt);
        }
        while let Some(ended) = tasks.join_next().await {
            log(&ended);
        }
    }

    fn spawn(&self, tasks: &mut JoinSet<()>, attempt: Attempt) {
        let (executor, stop) = (self.executor.clone(), self.stop.clone());
        tasks.spawn(async move {
            executor.attempt(attempt, stop.cancelled_owned()).await;
        });
    }
}

/// A job that panics is gone on with like one whose server is gone, and fails in the end.
fn log(ended: &Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an attempt at a job broke off");
    }
}
