//! A server that runs nothing: it answers as the real one does and counts who asked for what, and when.

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use telecom_proto::v1::job_manage_server::{JobManage, JobManageServer};
use telecom_proto::v1::{
    GetJobStatesRequest, GetJobStatesResponse, Job, JobRun, JobRunState, JobState,
    ListJobRunsRequest, ListJobRunsResponse, RunJobRequest, RunJobResponse, job_run,
    run_job_request,
};
use tokio::runtime::{Builder, Runtime};
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::figures::now;
use crate::postgres::free_port;

/// What it does when it is asked for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Every run succeeds at once.
    Succeeds,
    /// `UNAVAILABLE`, as a server answers whose database is away.
    Unavailable,
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When it was due, in seconds since 1970.
    pub slot: i64,
    /// When it was first asked for, in seconds since 1970.
    pub at: f64,
    /// How often it was asked for after it had been answered: without a record, so many runs too many.
    pub again: u32,
}

impl Arrival {
    /// How late it was, in seconds.
    #[allow(clippy::cast_precision_loss, reason = "a time is far below 2^53")]
    pub fn skew(&self) -> f64 {
        self.at - self.slot as f64
    }
}

/// Which job of which cluster.
type Place = (String, i32);

#[derive(Debug)]
struct State {
    mode: Mode,
    seeded: BTreeSet<String>,
    runs: HashMap<Place, HashMap<run_job_request::Key, Arrival>>,
    latest: HashMap<Place, JobRun>,
    refused: u64,
}

/// The counting server. It has threads of its own, so that it answers while the benchmark is busy.
pub struct Counting {
    state: Arc<Mutex<State>>,
    runtime: Option<Runtime>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Counting {
    /// Starts it.
    pub fn start() -> Result<Self> {
        let state = Arc::new(Mutex::new(State {
            mode: Mode::Succeeds,
            seeded: BTreeSet::new(),
            runs: HashMap::new(),
            latest: HashMap::new(),
            refused: 0,
        }));
        let mut counting = Self {
            state,
            runtime: None,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)),
        };
        counting.appear()?;
        Ok(counting)
    }

    /// Listens.
    pub fn appear(&mut self) -> Result<()> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let service = JobManageServer::new(Service(Arc::clone(&self.state)));
        let serve = Server::builder().add_service(service).serve(self.address);
        runtime.spawn(serve);
        self.runtime = Some(runtime);
        Ok(())
    }

    /// Is out of reach: every connection breaks, and no new one is taken.
    pub fn vanish(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Behaves so from now on.
    pub fn behave(&self, mode: Mode) {
        lock(&self.state).mode = mode;
    }

    /// How many clusters have asked what ran before.
    pub fn seeded(&self) -> usize {
        lock(&self.state).seeded.len()
    }

    /// How many questions were answered with `UNAVAILABLE`.
    pub fn refused(&self) -> u64 {
        lock(&self.state).refused
    }

    /// The runs that were due, or arrived, from one moment to another.
    pub fn arrivals(&self, wanted: impl Fn(&Arrival) -> bool) -> Vec<Arrival> {
        let state = lock(&self.state);
        let runs = state.runs.values().flat_map(HashMap::values);
        runs.filter(|arrival| wanted(arrival)).copied().collect()
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.vanish();
    }
}

struct Service(Arc<Mutex<State>>);

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The real one lets nobody in without a token either.
fn authorize<T>(request: &Request<T>) -> Result<(), Status> {
    let token = request.metadata().get("authorization");
    token.map_or_else(|| Err(Status::unauthenticated("no token")), |_| Ok(()))
}

#[tonic::async_trait]
impl JobManage for Service {
    async fn run_job(
        &self,
        request: Request<RunJobRequest>,
    ) -> Result<Response<RunJobResponse>, Status> {
        authorize(&request)?;
        let at = now();
        let message = request.into_inner();
        let no_key = || Status::invalid_argument("key: scheduled_at or request_id is needed");
        let key = message.key.ok_or_else(no_key)?;
        let mut state = lock(&self.0);
        if state.mode == Mode::Unavailable {
            state.refused += 1;
            return Err(Status::unavailable("the database does not answer"));
        }
        let place = (message.cluster_uid, message.job);
        let run = run(message.job, &key);
        let slot = match &key {
            run_job_request::Key::ScheduledAt(slot) => slot.seconds,
            run_job_request::Key::RequestId(_) => 0,
        };
        let mut started = false;
        let runs = state.runs.entry(place.clone()).or_default();
        let again = |arrival: &mut Arrival| arrival.again += 1;
        runs.entry(key).and_modify(again).or_insert_with(|| {
            started = true;
            let again = 0;
            Arrival { slot, at, again }
        });
        state.latest.insert(place, run.clone());
        Ok(Response::new(RunJobResponse {
            run: Some(run),
            started,
        }))
    }

    async fn get_job_states(
        &self,
        request: Request<GetJobStatesRequest>,
    ) -> Result<Response<GetJobStatesResponse>, Status> {
        authorize(&request)?;
        let uid = request.into_inner().cluster_uid;
        let mut state = lock(&self.0);
        if state.mode == Mode::Unavailable {
            state.refused += 1;
            return Err(Status::unavailable("the database does not answer"));
        }
        state.seeded.insert(uid.clone());
        let jobs = (Job::RefreshServerStatus as i32)..=(Job::RefreshNodeStatusView as i32);
        let states = jobs.map(|job| {
            let latest = state.latest.get(&(uid.clone(), job)).cloned();
            JobState {
                job,
                last_success_at: latest.as_ref().and_then(|run| run.ended_at),
                latest,
                active: None,
                consecutive_failures: 0,
            }
        });
        Ok(Response::new(GetJobStatesResponse {
            now: Some(SystemTime::now().into()),
            states: states.collect(),
            cluster_uid: uid,
        }))
    }

    async fn list_job_runs(
        &self,
        _: Request<ListJobRunsRequest>,
    ) -> Result<Response<ListJobRunsResponse>, Status> {
        Ok(Response::new(ListJobRunsResponse::default()))
    }
}

/// A run that began and ended a moment ago.
fn run(job: i32, key: &run_job_request::Key) -> JobRun {
    let ended = SystemTime::now();
    JobRun {
        id: 1,
        job,
        key: Some(match key {
            run_job_request::Key::ScheduledAt(slot) => job_run::Key::ScheduledAt(*slot),
            run_job_request::Key::RequestId(id) => job_run::Key::RequestId(id.clone()),
        }),
        state: JobRunState::Succeeded.into(),
        attempt: 1,
        started_at: Some((ended - Duration::from_millis(1)).into()),
        ended_at: Some(ended.into()),
        ..JobRun::default()
    }
}
