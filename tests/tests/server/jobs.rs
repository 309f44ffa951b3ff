//! Jobs done by the test itself beside the servers, as often and as many at once as it likes.
//!
//! Each is done for one run that goes on until the test ends: what is tested so is what a job does to the
//! rest, not when it runs.

use std::time::Duration;

use telecom_server::auth::Caller;
use telecom_server::config::TelecomConfig;
use telecom_server::domain::{
    BillTrafficJob, Context, DomainError, PackageExpiringJob, Processor as _, StartJob,
    TelecomCronExecutor,
};
use telecom_server::jobs::{Job, JobKey, JobReport};
use telecom_server::metrics::Metrics;
use telecom_server::store::Database;
use telecom_server::store::job_runs::Hold;
use telecom_tests::postgres;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::process::environment;

/// The jobs of a database.
pub struct Jobs {
    pub executor: TelecomCronExecutor,
    name: String,
    billing: OnceCell<Hold>,
    expiring: OnceCell<Hold>,
}

pub fn context() -> Context {
    let now = Instant::now();
    Context {
        caller: Caller::Operator,
        deadline: now + Duration::from_mins(5),
        received: now,
        trace_id: "0af7651916cd43dd8448eb211c80319c".to_owned(),
    }
}

/// The run of a new request.
pub fn order(job: Job) -> StartJob {
    StartJob {
        job,
        key: JobKey::Request(uuid::Uuid::new_v4().to_string()),
        timeout: Duration::from_hours(1),
        cluster_uid: None,
    }
}

impl Jobs {
    pub fn new(url: &str) -> Self {
        let mut environment = environment(url);
        environment.insert("TELECOM__JOBS__LEASE".to_owned(), "10m".to_owned());
        let config = TelecomConfig::load(None, &environment).unwrap();
        let rules = config.job_rules();
        let database = Database::new(&config.database.unwrap());
        let metrics = Metrics::new().unwrap();
        Self {
            executor: TelecomCronExecutor::new(database, rules, metrics.jobs),
            name: url.rsplit('/').next().unwrap().to_owned(),
            billing: OnceCell::new(),
            expiring: OnceCell::new(),
        }
    }

    /// Bills what there is.
    pub async fn bill(&self) -> Result<JobReport, DomainError> {
        let hold = self.billing.get_or_init(|| self.hold(Job::BillTraffic));
        let job = BillTrafficJob(hold.await.clone());
        self.executor.process(&context(), job).await
    }

    /// Brings the queues to the present.
    pub async fn expire(&self) -> Result<JobReport, DomainError> {
        let hold = self
            .expiring
            .get_or_init(|| self.hold(Job::PackageExpiring));
        let job = PackageExpiringJob(hold.await.clone());
        self.executor.process(&context(), job).await
    }

    /// Of a run that this holds from now on; in the copy of a database, of the one that was going on there.
    async fn hold(&self, job: Job) -> Hold {
        loop {
            let start = self.executor.process(&context(), order(job)).await.unwrap();
            if let Some(attempt) = start.attempt {
                return attempt.hold().clone();
            }
            self.lease_ends();
        }
    }

    /// As if nothing had been heard of the run that goes on for as long as its lease.
    pub fn lease_ends(&self) {
        let over = "UPDATE job_run SET lease_until = now() WHERE state = 'running'";
        postgres::shared().sql(&self.name, over).unwrap();
    }
}
