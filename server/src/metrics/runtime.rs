//! The state of the asynchronous runtime, read at each scrape; reading it costs a few atomic loads.

use prometheus::core::{Collector, Desc};
use prometheus::{IntGauge, Opts, proto::MetricFamily};
use tokio::runtime::Handle;

/// Collects `tokio_*`.
pub(super) struct Tokio {
    workers: IntGauge,
    tasks: IntGauge,
    queue: IntGauge,
}

impl Tokio {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| IntGauge::with_opts(Opts::new(name, help));
        Ok(Self {
            workers: gauge("tokio_workers", "Threads that run tasks.")?,
            tasks: gauge("tokio_alive_tasks", "Tasks that have not ended.")?,
            queue: gauge(
                "tokio_global_queue_depth",
                "Tasks that wait for a thread to take them.",
            )?,
        })
    }
}

impl Collector for Tokio {
    fn desc(&self) -> Vec<&Desc> {
        [&self.workers, &self.tasks, &self.queue]
            .into_iter()
            .flat_map(Collector::desc)
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if let Ok(runtime) = Handle::try_current() {
            let state = runtime.metrics();
            let whole = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
            self.workers.set(whole(state.num_workers()));
            self.tasks.set(whole(state.num_alive_tasks()));
            self.queue.set(whole(state.global_queue_depth()));
        }
        [&self.workers, &self.tasks, &self.queue]
            .into_iter()
            .flat_map(Collector::collect)
            .collect()
    }
}
