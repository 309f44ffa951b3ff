//! What is counted of jobs.

use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use super::counter;
use crate::jobs::{Job, JobRun, JobRunState};

/// Metrics of jobs.
#[derive(Debug, Clone)]
pub struct Jobs {
    /// Runs that this process has ended, by job and result.
    pub runs: IntCounterVec,
    /// From the first beginning of a run to its end in seconds, by job.
    pub duration: HistogramVec,
    /// When a run last succeeded, in seconds since 1970, by job, as the sampler last saw it; absent before.
    pub last_success: GaugeVec,
}

/// From the shortest run to the longest by default.
const DURATION: [f64; 12] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0,
];

impl Jobs {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let duration = HistogramVec::new(
            HistogramOpts::new(
                "telecom_job_duration_seconds",
                "Time from the first beginning of a run to its end.",
            )
            .buckets(DURATION.to_vec()),
            &["job"],
        )?;
        registry.register(Box::new(duration.clone()))?;
        let last_success = GaugeVec::new(
            Opts::new(
                "telecom_job_last_success_timestamp_seconds",
                "When a run of the job last succeeded, the same on each replica.",
            ),
            &["job"],
        )?;
        registry.register(Box::new(last_success.clone()))?;
        let jobs = Self {
            runs: counter(
                registry,
                "telecom_job_runs_total",
                "Runs of jobs that this process has ended.",
                &["job", "result"],
            )?,
            duration,
            last_success,
        };
        for job in Job::ALL {
            for end in JobRunState::ENDS {
                let labels = [job.as_str(), end.as_str()];
                jobs.runs.with_label_values(&labels).reset();
            }
            let _ = jobs.duration.with_label_values(&[job.as_str()]);
        }
        Ok(jobs)
    }

    /// Counts a run that has ended.
    pub fn ended(&self, run: &JobRun) {
        let job = run.job.as_str();
        self.runs
            .with_label_values(&[job, run.state.as_str()])
            .inc();
        let took = run.ended_at.map(|ended| ended - run.started_at);
        let took = took.and_then(|took| took.to_std().ok());
        self.duration
            .with_label_values(&[job])
            .observe(took.unwrap_or_default().as_secs_f64());
    }
}
