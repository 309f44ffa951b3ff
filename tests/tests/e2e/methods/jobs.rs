//! Jobs: a run that is asked for twice, how all of them stand, what has run.

use anyhow::{Context as _, Result};
use telecom_proto::v1::job_manage_client::JobManageClient;
use telecom_proto::v1::run_job_request::Key;
use telecom_proto::v1::{GetJobStatesRequest, Job, JobRunState, ListJobRunsRequest, RunJobRequest};

use super::Provider;

/// A run is done once and known by its key.
pub(super) async fn run_and_tell(provider: &Provider) -> Result<()> {
    let mut admin = JobManageClient::new(provider.admin.clone());
    let order = RunJobRequest {
        job: Job::RefreshServerStatus.into(),
        key: Some(Key::RequestId("by-hand".into())),
        ..Default::default()
    };
    let begun = admin.run_job(order.clone()).await?.into_inner();
    assert!(begun.started);
    let id = begun.run.context("a run")?.id;
    for _ in 0..120 {
        let again = admin.run_job(order.clone()).await?.into_inner();
        let run = again.run.context("a run")?;
        assert_eq!((again.started, run.id), (false, id));
        if run.state() == JobRunState::Running {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            continue;
        }
        assert_eq!(run.state(), JobRunState::Succeeded, "{run:?}");
        let states = admin.get_job_states(GetJobStatesRequest::default());
        assert_eq!(states.await?.into_inner().states.len(), 5);
        let runs = admin.list_job_runs(ListJobRunsRequest::default()).await?;
        assert!(runs.into_inner().runs.contains(&run));
        return Ok(());
    }
    anyhow::bail!("the run has not ended in a minute")
}
