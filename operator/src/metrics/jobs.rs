//! Metrics of the job loops.

use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
};
use telecom_crds::JobName;

use crate::stores::ClusterKey;

const CLUSTER_AND_JOB: [&str; 3] = ["namespace", "name", "job"];
const CLUSTER_JOB_AND_RESULT: [&str; 4] = ["namespace", "name", "job", "result"];

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunResult {
    /// Its effect is there.
    Succeeded,
    /// It was given up, or could not be started in time.
    Failed,
}

impl RunResult {
    const ALL: [Self; 2] = [Self::Succeeded, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// How a job stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// The last success in seconds since 1970, if there was one.
    pub last_success: Option<f64>,
    /// Runs that failed since.
    pub failures: u32,
    /// How often it should run, in seconds; `None` while that cannot be said.
    pub period: Option<f64>,
}

/// Metrics of the jobs of all clusters, as this process sees them.
#[derive(Clone, Debug)]
pub struct JobMetrics {
    runs: IntCounterVec,
    missed: IntCounterVec,
    last_success: GaugeVec,
    failures: IntGaugeVec,
    period: GaugeVec,
    skew: HistogramVec,
    duration: HistogramVec,
}

impl JobMetrics {
    /// Registers them.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let this = Self {
            runs: IntCounterVec::new(
                Opts::new(
                    "telecom_operator_job_runs_total",
                    "Runs of jobs that have ended, by result.",
                ),
                &CLUSTER_JOB_AND_RESULT,
            )?,
            missed: IntCounterVec::new(
                Opts::new(
                    "telecom_operator_job_missed_total",
                    "Slots that nobody could start in time; of one absence 100 are counted at most.",
                ),
                &CLUSTER_AND_JOB,
            )?,
            last_success: GaugeVec::new(
                Opts::new(
                    "telecom_operator_job_last_success_timestamp_seconds",
                    "When the last run that succeeded ended, by the database's clock.",
                ),
                &CLUSTER_AND_JOB,
            )?,
            failures: IntGaugeVec::new(
                Opts::new(
                    "telecom_operator_job_consecutive_failures",
                    "Runs that have failed since the last one that succeeded.",
                ),
                &CLUSTER_AND_JOB,
            )?,
            period: GaugeVec::new(
                Opts::new(
                    "telecom_operator_job_period_seconds",
                    "The longer of the times before and after the job's latest slot; absent while it is not to run.",
                ),
                &CLUSTER_AND_JOB,
            )?,
            skew: HistogramVec::new(
                HistogramOpts::new(
                    "telecom_operator_job_skew_seconds",
                    "How long after its slot a run was begun, by the database's clock.",
                )
                .buckets(vec![
                    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 60.0, 300.0,
                ]),
                &["job"],
            )?,
            duration: HistogramVec::new(
                HistogramOpts::new(
                    "telecom_operator_job_duration_seconds",
                    "How long a run took, by the database's clock.",
                )
                .buckets(vec![
                    0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 600.0, 3600.0,
                ]),
                &["job"],
            )?,
        };
        registry.register(Box::new(this.runs.clone()))?;
        registry.register(Box::new(this.missed.clone()))?;
        registry.register(Box::new(this.last_success.clone()))?;
        registry.register(Box::new(this.failures.clone()))?;
        registry.register(Box::new(this.period.clone()))?;
        registry.register(Box::new(this.skew.clone()))?;
        registry.register(Box::new(this.duration.clone()))?;
        for job in JobName::ALL {
            this.skew.with_label_values(&[job.as_str()]);
            this.duration.with_label_values(&[job.as_str()]);
        }
        Ok(this)
    }

    /// Each counter of a cluster begins at zero, so that its first increase is seen.
    pub fn begin(&self, cluster: &ClusterKey) {
        for job in JobName::ALL {
            let [namespace, name, job] = labels(cluster, job);
            self.missed.with_label_values(&[namespace, name, job]);
            self.failures.with_label_values(&[namespace, name, job]);
            for result in RunResult::ALL {
                self.runs
                    .with_label_values(&[namespace, name, job, result.as_str()]);
            }
        }
    }

    /// Counts a run that has ended, after so many seconds where that is known.
    pub fn ended(&self, cluster: &ClusterKey, job: JobName, result: RunResult, took: Option<f64>) {
        let [namespace, name, word] = labels(cluster, job);
        self.runs
            .with_label_values(&[namespace, name, word, result.as_str()])
            .inc();
        if let Some(took) = took {
            self.duration.with_label_values(&[word]).observe(took);
        }
    }

    /// Counts slots that were missed.
    pub fn missed(&self, cluster: &ClusterKey, job: JobName, slots: u32) {
        self.missed
            .with_label_values(&labels(cluster, job))
            .inc_by(slots.into());
    }

    /// Notes how long after its slot a run was begun, in seconds.
    pub fn began(&self, job: JobName, skew: f64) {
        // Clocks may differ by a little.
        self.skew
            .with_label_values(&[job.as_str()])
            .observe(skew.max(0.0));
    }

    /// Shows how a job stands.
    pub fn show(&self, cluster: &ClusterKey, job: JobName, standing: Standing) {
        let labels = labels(cluster, job);
        let Standing {
            last_success,
            failures,
            period,
        } = standing;
        if let Some(last_success) = last_success {
            let gauge = self.last_success.with_label_values(&labels);
            gauge.set(last_success);
        }
        let gauge = self.failures.with_label_values(&labels);
        gauge.set(failures.into());
        match period {
            Some(period) => self.period.with_label_values(&labels).set(period),
            // What was never made cannot be removed, and need not be.
            None => drop(self.period.remove_label_values(&labels)),
        }
    }

    /// Drops the series of a cluster that is gone.
    pub fn forget(&self, cluster: &ClusterKey) {
        for job in JobName::ALL {
            let labels = labels(cluster, job);
            // What was never made cannot be removed, and need not be.
            let _ = self.missed.remove_label_values(&labels);
            let _ = self.last_success.remove_label_values(&labels);
            let _ = self.failures.remove_label_values(&labels);
            let _ = self.period.remove_label_values(&labels);
            let [namespace, name, job] = labels;
            for result in RunResult::ALL {
                let _ = self
                    .runs
                    .remove_label_values(&[namespace, name, job, result.as_str()]);
            }
        }
    }
}

fn labels(cluster: &ClusterKey, job: JobName) -> [&str; 3] {
    [&cluster.namespace, &cluster.name, job.as_str()]
}
