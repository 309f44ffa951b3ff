//! Fills the gauges that come from the database, once per interval however often they are scraped.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::metrics::Metrics;
use crate::nodes::NodeStatus;
use crate::store::{Database, StoreError, node_servers};

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
}

impl Sampler {
    /// Samples until the future is dropped. A sample that fails leaves the last values.
    pub async fn run(&self) {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.pool();
            if let Err(error) = self.nodes().await {
                tracing::debug!(%error, "gauges are not refreshed");
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
}
