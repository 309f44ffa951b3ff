//! Drives the loops of one cluster: sleeps until something is due, asks, and passes on what comes of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use kube::Client;
use telecom_crds::{JobExecution, JobName};
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::cluster::{ClusterLoops, Step};
use super::inputs::Inputs;
use super::job::{Ask, Happened, JobLoop};
use super::period::Periods;
use super::pods::Pods;
use super::reporter::Reporter;
use super::run::{Refusal, Run, RunKey, RunState, States};
use super::server::Server;
use crate::metrics::{JobMetrics, RunResult, Standing};

/// Questions that are being sent at a time, over all clusters.
const PLACES: usize = 512;
/// A question that has not been answered by then waits for the end of a run and takes no place.
const SENT: Duration = Duration::from_millis(250);
/// The clock is looked at this often, since it may be put forward or back.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// And no more often than this.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// What the loops of all clusters share.
pub struct Tools {
    /// The apiserver, for the token.
    pub client: Client,
    /// Where servers are reached instead of at their Services.
    pub endpoint: Option<String>,
    /// Keeps a second in which thousands are due from becoming thousands of connections at once.
    pub places: Semaphore,
    /// Writes statuses and events.
    pub reporter: Arc<Reporter>,
    /// Counts.
    pub metrics: JobMetrics,
    /// Makes Pods.
    pub pods: Pods,
}

impl Tools {
    /// Places for questions.
    pub fn places() -> Semaphore {
        Semaphore::new(PLACES)
    }
}

enum Answer {
    Run(JobName, RunKey, Result<Run, Refusal>),
    States(Result<States, Refusal>),
}

/// One cluster's loops at work.
struct Worker {
    tools: Arc<Tools>,
    loops: ClusterLoops,
    inputs: Arc<Inputs>,
    server: Option<(String, Server)>,
    calls: FuturesUnordered<BoxFuture<'static, Answer>>,
    periods: Periods,
    shown: BTreeMap<JobName, Standing>,
    /// The spans of runs that go on.
    runs: BTreeMap<JobName, (RunKey, Span)>,
}

/// Works until the inputs end.
pub async fn run(tools: Arc<Tools>, mut inputs: watch::Receiver<Arc<Inputs>>) {
    let first = Arc::clone(&inputs.borrow_and_update());
    tools.metrics.begin(&first.key);
    let mut worker = Worker {
        loops: ClusterLoops::new(Arc::clone(&first), Timestamp::now()),
        inputs: first,
        server: None,
        calls: FuturesUnordered::new(),
        periods: Periods::default(),
        shown: BTreeMap::new(),
        runs: BTreeMap::new(),
        tools,
    };
    let mut step = worker.loops.look(Timestamp::now());
    let mut cause = Span::none();
    loop {
        let pause = pause(step.wake, Timestamp::now());
        // What is told of a run can be found by its trace.
        cause.in_scope(|| worker.carry_out(step));
        worker.show(Timestamp::now());
        cause = Span::none();
        step = tokio::select! {
            Some(answer) = worker.calls.next(), if !worker.calls.is_empty() => {
                cause = worker.span_of(&answer);
                worker.take(answer)
            }
            changed = inputs.changed() => {
                if changed.is_err() {
                    return;
                }
                worker.inputs = Arc::clone(&inputs.borrow_and_update());
                worker.loops.update(Arc::clone(&worker.inputs), Timestamp::now());
                worker.loops.look(Timestamp::now())
            }
            () = sleep(pause) => worker.loops.look(Timestamp::now()),
        };
    }
}

/// Sleeping goes by a clock that nobody sets, what is due by one that somebody may.
fn pause(wake: Option<Timestamp>, now: Timestamp) -> Duration {
    let until = wake.map_or(LONGEST_SLEEP, |wake| {
        Duration::try_from(wake.duration_since(now)).unwrap_or(Duration::ZERO)
    });
    until.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
}

impl Worker {
    /// The span of the run that an answer is about.
    fn span_of(&self, answer: &Answer) -> Span {
        match answer {
            Answer::Run(job, key, _) => {
                let run = self.runs.get(job).filter(|(running, _)| running == key);
                run.map_or_else(Span::none, |(_, span)| span.clone())
            }
            Answer::States(_) => Span::none(),
        }
    }

    /// Takes an answer up, and looks at everything once more.
    fn take(&mut self, answer: Answer) -> Step {
        let now = Timestamp::now();
        match answer {
            Answer::Run(job, key, answer) => {
                let (running, failure) = (is_running(&answer), failure(&answer));
                let step = self.loops.answer(job, &key, answer, now);
                // Who does not answer how a run stands has not ended it.
                let out_of_sight =
                    failure.is_some() && self.loops.job(job).is_some_and(JobLoop::is_active);
                if !running && !out_of_sight {
                    self.end_span(job, failure);
                }
                step
            }
            Answer::States(answer) => self.loops.learn(answer, now),
        }
    }

    fn carry_out(&mut self, step: Step) {
        for (job, ask) in step.asks {
            let asked = self.ask(job, ask);
            self.calls.push(asked);
        }
        if step.seed {
            let asked = self.ask_for_the_past();
            self.calls.push(asked);
        }
        self.count(&step.happened);
        let reporter = &self.tools.reporter;
        for (job, notice) in &step.notices {
            reporter.tell(&self.inputs, *job, notice);
        }
        if let Some((report, edge)) = step.report {
            reporter.report(report, edge);
        }
    }

    fn count(&self, happened: &[(JobName, Happened)]) {
        let metrics = &self.tools.metrics;
        let key = &self.inputs.key;
        for (job, happened) in happened {
            match happened {
                Happened::Began(skew) => metrics.began(*job, *skew),
                Happened::Succeeded(took) => metrics.ended(key, *job, RunResult::Succeeded, *took),
                Happened::Failed(took) => metrics.ended(key, *job, RunResult::Failed, *took),
                Happened::Missed(slots) => metrics.missed(key, *job, *slots),
            }
        }
    }

    /// Shows how the jobs stand, where that has changed.
    fn show(&mut self, now: Timestamp) {
        let periods = self.periods.of(&self.loops, now);
        // What a status remembers may be minutes old: the server is asked first.
        if !self.loops.has_begun(now) {
            return;
        }
        for (job, period) in periods {
            let Some(record) = self.loops.job(job).map(JobLoop::record) else {
                continue;
            };
            let standing = Standing {
                last_success: record.last_success.map(|at| at.as_duration().as_secs_f64()),
                failures: record.consecutive_failures,
                period: period.map(|period| period.as_secs_f64()),
            };
            if self.shown.insert(job, standing) != Some(standing) {
                self.tools.metrics.show(&self.inputs.key, job, standing);
            }
        }
    }

    fn ask(&mut self, job: JobName, ask: Ask) -> BoxFuture<'static, Answer> {
        let server = self.server();
        let tools = Arc::clone(&self.tools);
        let inputs = Arc::clone(&self.inputs);
        let settings = self.loops.job(job).map(|job| Arc::clone(job.settings()));
        let span = self.run_span(job, &ask.key);
        let asked = async move {
            let key = ask.key.clone();
            let Some(settings) = settings else {
                return Answer::Run(
                    job,
                    key,
                    Err(Refusal::Unavailable(format!("there is no job {job}"))),
                );
            };
            let answer = async {
                match settings.execution {
                    JobExecution::Server => server?.run(job, &ask.key, settings.timeout).await,
                    JobExecution::Pod => tools.pods.run(&inputs, server, &settings, &ask).await,
                }
            };
            let answer = Box::pin(in_place(&tools.places, answer)).await;
            Answer::Run(job, key, answer)
        };
        Box::pin(asked.instrument(span))
    }

    fn end_span(&mut self, job: JobName, failure: Option<String>) {
        if let (Some((_, span)), Some(failure)) = (self.runs.remove(&job), failure) {
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", failure);
        }
    }

    /// One span for a run, however often it is asked how that stands: the beginning of its trace.
    fn run_span(&mut self, job: JobName, key: &RunKey) -> Span {
        if let Some((running, span)) = self.runs.get(&job)
            && running == key
        {
            return span.clone();
        }
        let cluster = &self.inputs.key;
        let span = tracing::info_span!(
            parent: None,
            "run",
            otel.name = format_args!("run {job}"),
            otel.status_code = Empty,
            otel.status_description = Empty,
            "k8s.namespace.name" = cluster.namespace,
            "telecom.cluster" = cluster.name,
            job = job.as_str(),
            key = display(key),
        );
        self.runs.insert(job, (key.clone(), span.clone()));
        span
    }

    fn ask_for_the_past(&mut self) -> BoxFuture<'static, Answer> {
        let server = self.server();
        let tools = Arc::clone(&self.tools);
        let span = tracing::info_span!(
            parent: None,
            "ask what ran",
            "k8s.namespace.name" = self.inputs.key.namespace,
            "telecom.cluster" = self.inputs.key.name,
        );
        let asked = async move {
            let answer = async { server?.states().await };
            Answer::States(in_place(&tools.places, answer).await)
        };
        Box::pin(asked.instrument(span))
    }

    /// The server at its address of now.
    fn server(&mut self) -> Result<Server, Refusal> {
        let address = self
            .tools
            .endpoint
            .as_ref()
            .or(self.inputs.address.as_ref());
        let none = || Refusal::Unavailable("there is no Service of the server yet".to_owned());
        let address = address.ok_or_else(none)?;
        if let Some((at, server)) = &self.server
            && at == address
        {
            return Ok(server.clone());
        }
        let Inputs { key, uid, .. } = &*self.inputs;
        let server = Server::new(self.tools.client.clone(), key, uid, address)?;
        self.server = Some((address.clone(), server.clone()));
        Ok(server)
    }
}

fn is_running(answer: &Result<Run, Refusal>) -> bool {
    answer
        .as_ref()
        .is_ok_and(|run| matches!(run.state, RunState::Running))
}

/// Why there was no run, or how it failed; that another has it is no failure.
fn failure(answer: &Result<Run, Refusal>) -> Option<String> {
    match answer {
        Ok(run) => match &run.state {
            RunState::Failed { error } => Some(error.clone()),
            RunState::Running | RunState::Succeeded { .. } => None,
        },
        Err(Refusal::JobActive { .. } | Refusal::Superseded { .. }) => None,
        Err(refusal) => Some(refusal.to_string()),
    }
}

/// Holds a place while a question is on its way, but not while the server waits for the end of a run.
async fn in_place<T>(places: &Semaphore, asked: impl Future<Output = T>) -> T {
    // The semaphore is never closed.
    let place = places.acquire().await;
    let mut asked = std::pin::pin!(asked);
    tokio::select! {
        answer = &mut asked => return answer,
        () = sleep(SENT) => drop(place),
    }
    asked.await
}

#[cfg(test)]
mod tests {
    //! Many questions at once, and how long is slept.

    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use tokio::sync::Barrier;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn row_22_thousands_in_one_second_are_all_asked_a_bounded_number_at_a_time() {
        let (places, under_way, most) = (Tools::places(), AtomicUsize::new(0), AtomicUsize::new(0));
        let questions = (0..5000).map(|_| {
            in_place(&places, async {
                let now = under_way.fetch_add(1, Ordering::Relaxed) + 1;
                most.fetch_max(now, Ordering::Relaxed);
                sleep(Duration::from_millis(20)).await;
                under_way.fetch_sub(1, Ordering::Relaxed);
            })
        });
        assert_eq!(join_all(questions).await.len(), 5000);
        assert_eq!(most.into_inner(), PLACES);
    }

    #[tokio::test]
    async fn row_22_runs_that_last_keep_nobody_waiting() {
        let places = Tools::places();
        let all_begun = Barrier::new(2000);
        let long = (0..2000).map(|_| in_place(&places, all_begun.wait()));
        let ended = timeout(Duration::from_mins(1), join_all(long)).await;
        assert_eq!(
            ended.unwrap().len(),
            2000,
            "none waits for the end of another"
        );
    }

    #[test]
    fn row_21_sleep_is_never_nothing_and_never_long() {
        let at = |second| Timestamp::from_second(second).ok();
        let now = at(100).unwrap();
        assert_eq!(pause(at(99), now), SHORTEST_SLEEP);
        assert_eq!(pause(at(100), now), SHORTEST_SLEEP);
        assert_eq!(pause(at(105), now), Duration::from_secs(5));
        assert_eq!(pause(at(100_000), now), LONGEST_SLEEP);
        assert_eq!(pause(None, now), LONGEST_SLEEP);
    }
}
