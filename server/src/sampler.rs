//! Fills the gauges that come from the database, once per interval however often they are scraped.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::call_center::CallCenter;
use crate::domain::ROUTES;
use crate::metrics::Metrics;
use crate::nodes::NodeStatus;
use crate::packages::QueuedPackageStatus;
use crate::store::{
    Database, StoreError, billing, call_center, job_runs, node_servers, outbox, queued_packages,
    wholesale_decks,
};

/// A sample that takes longer is left out.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to sample, from where.
#[derive(Debug, Clone)]
pub struct Sampler {
    /// Where the samples come from.
    pub database: Database,
    /// Where they go.
    pub metrics: Metrics,
    /// How often.
    pub interval: Duration,
    /// A node is offline when its last heartbeat is older.
    pub offline_timeout: Duration,
    /// The queues whose service level is sampled.
    pub queues: CallCenter,
}

impl Sampler {
    /// Samples until the future is dropped. A sample that fails leaves the last values.
    pub async fn run(&self) {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut series = BTreeSet::new();
        loop {
            ticks.tick().await;
            self.pool();
            for result in [
                self.nodes().await,
                self.queued_packages(&mut series).await,
                self.billing().await,
                self.jobs().await,
                self.service_levels().await,
                self.wholesale().await,
            ] {
                if let Err(error) = result {
                    tracing::debug!(%error, "gauges are not refreshed");
                }
            }
        }
    }

    fn pool(&self) {
        let counts = self.database.pool_counts();
        for (state, count) in [("busy", counts.busy), ("idle", counts.idle)] {
            let gauge = self.metrics.pool_connections.with_label_values(&[state]);
            gauge.set(count.into());
        }
    }

    async fn nodes(&self) -> Result<(), StoreError> {
        let mut transaction = self.database.read(Instant::now() + PATIENCE).await?;
        let counts = node_servers::count_by_status(&mut transaction, self.offline_timeout).await?;
        transaction.commit().await?;
        for status in NodeStatus::ALL {
            let count = counts.iter().find(|(counted, _)| *counted == status);
            let gauge = self.metrics.nodes.with_label_values(&[status.as_str()]);
            gauge.set(count.map_or(0, |(_, count)| *count));
        }
        Ok(())
    }

    async fn billing(&self) -> Result<(), StoreError> {
        let mut transaction = self.database.read(Instant::now() + PATIENCE).await?;
        let lag = billing::lag(&mut transaction).await?;
        let pending = outbox::count_pending(&mut transaction).await?;
        transaction.commit().await?;
        self.metrics.billing.lag.set(lag);
        for route in ROUTES {
            let count = pending.iter().find(|(counted, _)| counted == route);
            let gauge = self.metrics.billing.pending.with_label_values(&[route]);
            gauge.set(count.map_or(0, |(_, count)| *count));
        }
        Ok(())
    }

    async fn jobs(&self) -> Result<(), StoreError> {
        let mut transaction = self.database.read(Instant::now() + PATIENCE).await?;
        let successes = job_runs::successes(&mut transaction).await?;
        transaction.commit().await?;
        for (job, at) in successes {
            let gauge = &self.metrics.jobs.last_success;
            gauge.with_label_values(&[job.as_str()]).set(at);
        }
        Ok(())
    }

    async fn wholesale(&self) -> Result<(), StoreError> {
        let mut transaction = self.database.read(Instant::now() + PATIENCE).await?;
        let currencies = wholesale_decks::currencies(&mut transaction).await?;
        transaction.commit().await?;
        for currency in currencies {
            self.metrics.wholesale.know(currency);
        }
        Ok(())
    }

    async fn service_levels(&self) -> Result<(), StoreError> {
        if self.queues.0.is_empty() {
            return Ok(());
        }
        let mut transaction = self.database.read(Instant::now() + PATIENCE).await?;
        let levels = call_center::service_levels(&mut transaction, &self.queues).await?;
        transaction.commit().await?;
        let gauges = &self.metrics.call_center.sla_percentage;
        for queue in self.queues.0.keys() {
            let labels = [queue.as_str()];
            match levels.iter().find(|(sampled, _)| sampled == queue) {
                Some((_, percentage)) => gauges.with_label_values(&labels).set(*percentage),
                // Without calls there is no share of them.
                None => drop(gauges.remove_label_values(&labels)),
            }
        }
        Ok(())
    }

    /// `known` holds the names of the series that have gauges.
    async fn queued_packages(&self, known: &mut BTreeSet<String>) -> Result<(), StoreError> {
        let mut transaction = self.database.read(Instant::now() + PATIENCE).await?;
        let counts = queued_packages::count_open(&mut transaction).await?;
        transaction.commit().await?;
        let gauges = &self.metrics.queued_packages;
        let present: BTreeSet<_> = counts.iter().map(|(series, _, _)| series.clone()).collect();
        // A series that was renamed leaves nothing behind.
        for series in known.difference(&present) {
            for status in QueuedPackageStatus::OPEN {
                let _ = gauges.remove_label_values(&[series, status.as_str()]);
            }
        }
        for (series, status, count) in &counts {
            let gauge = gauges.with_label_values(&[series.as_str(), status.as_str()]);
            gauge.set(*count);
        }
        *known = present;
        Ok(())
    }
}
