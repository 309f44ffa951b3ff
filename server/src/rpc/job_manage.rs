//! The `JobManage` service.

use std::time::Duration;

use telecom_proto::v1 as proto;
use telecom_proto::v1::job_manage_server::JobManage;
use telecom_proto::v1::{
    GetJobStatesRequest, GetJobStatesResponse, ListJobRunsRequest, ListJobRunsResponse,
    RunJobRequest, RunJobResponse, job_run, run_job_request,
};
use tonic::{Request, Response, Status};

use super::call::{context, run};
use super::convert::{span, timestamp};
use super::requests::{before, between, limit, moment};
use super::status::Refusal;
use crate::domain::{JobService, ListJobRuns, RunJob, ShowJobStates, StartJob};
use crate::jobs::{Job, JobKey, JobRun, JobRunFilter, JobRunState, JobState, is_id};

/// The longest a call waits for the end of a run.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// How long a run may take when the caller does not say.
const TIMEOUT: Duration = Duration::from_mins(10);
const MIN_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_TIMEOUT: Duration = Duration::from_hours(24);

#[tonic::async_trait]
impl JobManage for JobService {
    async fn run_job(
        &self,
        mut request: Request<RunJobRequest>,
    ) -> Result<Response<RunJobResponse>, Status> {
        let context = context(&mut request)?;
        let input = run_job(request.into_inner());
        let done = run(self, &context, input).await?;
        Ok(Response::new(RunJobResponse {
            run: Some(job_run(done.run)),
            started: done.started,
        }))
    }

    async fn get_job_states(
        &self,
        mut request: Request<GetJobStatesRequest>,
    ) -> Result<Response<GetJobStatesResponse>, Status> {
        let context = context(&mut request)?;
        let input = job_states(request.into_inner());
        let states = run(self, &context, input).await?;
        Ok(Response::new(GetJobStatesResponse {
            now: Some(timestamp(states.now)),
            cluster_uid: states.cluster_uid.unwrap_or_default(),
            states: states.states.into_iter().map(job_state).collect(),
        }))
    }

    async fn list_job_runs(
        &self,
        mut request: Request<ListJobRunsRequest>,
    ) -> Result<Response<ListJobRunsResponse>, Status> {
        let context = context(&mut request)?;
        let input = list(request.into_inner());
        let page = run(self, &context, input).await?;
        Ok(Response::new(ListJobRunsResponse {
            runs: page.items.into_iter().map(job_run).collect(),
            next_before_id: page.next_before_id.unwrap_or_default(),
        }))
    }
}

fn run_job(request: RunJobRequest) -> Result<RunJob, Refusal> {
    let job = job_filter(request.job)?;
    let wait = request.wait.map_or(Some(Duration::ZERO), span);
    let timeout = request.timeout.map_or(Some(TIMEOUT), span);
    Ok(RunJob {
        start: StartJob {
            job: job.ok_or_else(|| Refusal::field("job", "must be a job"))?,
            key: key(request.key)?,
            timeout: timeout
                .filter(|timeout| (MIN_TIMEOUT..=MAX_TIMEOUT).contains(timeout))
                .ok_or_else(|| Refusal::field("timeout", "must be between 1 s and 24 h"))?,
            cluster_uid: cluster_uid(request.cluster_uid)?,
        },
        wait: wait
            .filter(|wait| *wait <= MAX_WAIT)
            .ok_or_else(|| Refusal::field("wait", "must be between 0 s and 2 s"))?,
    })
}

fn key(key: Option<run_job_request::Key>) -> Result<JobKey, Refusal> {
    match key {
        None => {
            let description = "must be given, or request_id: what the run is known by";
            Err(Refusal::field("scheduled_at", description))
        }
        Some(run_job_request::Key::ScheduledAt(slot)) => {
            let slot = moment("scheduled_at", slot)?;
            if slot.timestamp_subsec_nanos() > 0 {
                let description = "must be a whole second, without nanos";
                return Err(Refusal::field("scheduled_at", description));
            }
            Ok(JobKey::Slot(slot))
        }
        Some(run_job_request::Key::RequestId(id)) => {
            if !is_id(&id) {
                let description = "must be 1 to 64 visible ASCII characters";
                return Err(Refusal::field("request_id", description));
            }
            Ok(JobKey::Request(id))
        }
    }
}

fn job_states(request: GetJobStatesRequest) -> Result<ShowJobStates, Refusal> {
    Ok(ShowJobStates {
        cluster_uid: cluster_uid(request.cluster_uid)?,
    })
}

fn list(request: ListJobRunsRequest) -> Result<ListJobRuns, Refusal> {
    let before_id = before("the last of a page", request.before_id)?;
    let (start, end) = between(request.start, request.end)?;
    Ok(ListJobRuns {
        limit: limit(request.limit)?,
        filter: JobRunFilter {
            job: job_filter(request.job)?,
            state: state_filter(request.state)?,
            start,
            end,
            before_id,
        },
    })
}

fn cluster_uid(uid: String) -> Result<Option<String>, Refusal> {
    if uid.is_empty() {
        return Ok(None);
    }
    if !is_id(&uid) {
        let description = "must be up to 64 visible ASCII characters, or empty";
        return Err(Refusal::field("cluster_uid", description));
    }
    Ok(Some(uid))
}

/// `None` for any job.
fn job_filter(number: i32) -> Result<Option<Job>, Refusal> {
    match proto::Job::try_from(number) {
        Ok(proto::Job::Unspecified) => Ok(None),
        Ok(proto::Job::RefreshServerStatus) => Ok(Some(Job::RefreshServerStatus)),
        Ok(proto::Job::PackageExpiring) => Ok(Some(Job::PackageExpiring)),
        Ok(proto::Job::BillTraffic) => Ok(Some(Job::BillTraffic)),
        Ok(proto::Job::RecordNodeStatusHistory) => Ok(Some(Job::RecordNodeStatusHistory)),
        Ok(proto::Job::RefreshNodeStatusView) => Ok(Some(Job::RefreshNodeStatusView)),
        Err(_) => Err(Refusal::field("job", "must be a known job")),
    }
}

/// `None` for any state.
fn state_filter(number: i32) -> Result<Option<JobRunState>, Refusal> {
    match proto::JobRunState::try_from(number) {
        Ok(proto::JobRunState::Unspecified) => Ok(None),
        Ok(proto::JobRunState::Running) => Ok(Some(JobRunState::Running)),
        Ok(proto::JobRunState::Succeeded) => Ok(Some(JobRunState::Succeeded)),
        Ok(proto::JobRunState::Failed) => Ok(Some(JobRunState::Failed)),
        Err(_) => Err(Refusal::field("state", "must be a known state")),
    }
}

fn job(job: Job) -> proto::Job {
    match job {
        Job::RefreshServerStatus => proto::Job::RefreshServerStatus,
        Job::PackageExpiring => proto::Job::PackageExpiring,
        Job::BillTraffic => proto::Job::BillTraffic,
        Job::RecordNodeStatusHistory => proto::Job::RecordNodeStatusHistory,
        Job::RefreshNodeStatusView => proto::Job::RefreshNodeStatusView,
    }
}

fn state(state: JobRunState) -> proto::JobRunState {
    match state {
        JobRunState::Running => proto::JobRunState::Running,
        JobRunState::Succeeded => proto::JobRunState::Succeeded,
        JobRunState::Failed => proto::JobRunState::Failed,
    }
}

fn job_run(run: JobRun) -> proto::JobRun {
    proto::JobRun {
        id: run.id,
        job: job(run.job).into(),
        key: Some(match run.key {
            JobKey::Slot(slot) => job_run::Key::ScheduledAt(timestamp(slot)),
            JobKey::Request(id) => job_run::Key::RequestId(id),
        }),
        state: state(run.state).into(),
        attempt: run.attempt,
        started_at: Some(timestamp(run.started_at)),
        ended_at: run.ended_at.map(timestamp),
        changed: run.changed,
        // While it goes on, one attempt's trouble is not the run's.
        error: match run.state {
            JobRunState::Failed => run.error,
            JobRunState::Running | JobRunState::Succeeded => String::new(),
        },
        trace_id: run.trace_id,
    }
}

fn job_state(state: JobState) -> proto::JobState {
    proto::JobState {
        job: job(state.job).into(),
        latest: state.latest.map(job_run),
        active: state.active.map(job_run),
        last_success_at: state.last_success_at.map(timestamp),
        consecutive_failures: state.consecutive_failures,
    }
}
