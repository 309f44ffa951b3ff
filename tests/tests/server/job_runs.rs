//! The record of jobs' runs: one run for a key, one at a time for a job, whoever asks and whoever is lost over it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sqlx::{Connection as _, PgConnection};
use telecom_proto::v1::job_manage_client::JobManageClient;
use telecom_proto::v1::run_job_request::Key;
use telecom_proto::v1::{
    Job, JobRun, JobRunState, ListJobRunsRequest, RunJobRequest, RunJobResponse,
};
use telecom_server::auth::Role;
use telecom_tests::{postgres, tokens};
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use super::process::{Bearer, PATIENCE, Server};

mod ends;
mod keys;
mod lists;
mod refusals;
mod takeover;

pub type Client = JobManageClient<InterceptedService<Channel, Bearer>>;

impl Server {
    /// A client with the token of an operator.
    pub async fn jobs(&self) -> Client {
        let token = tokens::of(Role::Operator, "operator");
        JobManageClient::with_interceptor(self.channel().await, Bearer::new(&token))
    }
}

/// SQL on the database of a URL.
pub fn sql(url: &str, sql: &str) -> String {
    let name = url.rsplit('/').next().unwrap();
    postgres::shared().sql(name, sql).unwrap()
}

/// A slot so many seconds from now.
pub fn slot(seconds: i64) -> Key {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seconds = i64::try_from(now.as_secs()).unwrap() + seconds;
    Key::ScheduledAt(prost_types::Timestamp { seconds, nanos: 0 })
}

pub fn request(id: &str) -> Key {
    Key::RequestId(id.to_owned())
}

/// Asks for a run, and waits for its end for as long as a call can.
pub fn order(job: Job, key: Key) -> RunJobRequest {
    RunJobRequest {
        job: job.into(),
        key: Some(key),
        wait: Some(prost_types::Duration {
            seconds: 2,
            nanos: 0,
        }),
        ..Default::default()
    }
}

pub async fn ask(client: &mut Client, order: RunJobRequest) -> Result<RunJobResponse, Status> {
    client.run_job(order).await.map(tonic::Response::into_inner)
}

/// The run of a key that is taken.
pub async fn run(client: &mut Client, job: Job, key: Key) -> JobRun {
    ask(client, order(job, key)).await.unwrap().run.unwrap()
}

/// Until the run of a key has ended.
pub async fn ended(client: &mut Client, job: Job, key: Key) -> JobRun {
    let begun = Instant::now();
    loop {
        let answer = ask(client, order(job, key.clone())).await;
        match &answer {
            Ok(RunJobResponse { run: Some(run), .. }) if run.state() != JobRunState::Running => {
                return run.clone();
            }
            // A server may just be gone, or the database.
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        assert!(begun.elapsed() < PATIENCE, "{answer:?}");
    }
}

pub async fn listed(client: &mut Client) -> Vec<JobRun> {
    let all = ListJobRunsRequest::default();
    client.list_job_runs(all).await.unwrap().into_inner().runs
}

/// A fact that an error tells programs.
pub fn fact(status: &Status, key: &str) -> String {
    let details = status.get_error_details();
    let facts = &details.error_info().unwrap().metadata;
    facts.get(key).cloned().unwrap_or_default()
}

/// Holds up `refreshServerStatus` until it is dropped.
pub struct Obstacle(PgConnection);

impl Obstacle {
    pub async fn new(url: &str) -> Self {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql("BEGIN; LOCK TABLE node_status")
            .execute(&mut connection)
            .await
            .unwrap();
        Self(connection)
    }

    pub async fn release(self) {
        self.0.close().await.unwrap();
    }
}

/// Has a row written to `effect` by each run of `refreshServerStatus`.
pub const EFFECTS: &str = "CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY); \
     CREATE FUNCTION effect() RETURNS trigger LANGUAGE plpgsql AS \
     'BEGIN INSERT INTO effect DEFAULT VALUES; RETURN NULL; END'; \
     CREATE TRIGGER effect AFTER INSERT ON node_status FOR EACH STATEMENT EXECUTE FUNCTION effect()";
