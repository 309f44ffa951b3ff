//! Defaults that depend on another field, which a schema cannot express.

use crate::{EmbeddedDatabase, TelecomClusterSpec};

impl TelecomClusterSpec {
    /// The embedded database that is wanted: the given one, or its defaults when no external one is set.
    pub fn embedded_database(&self) -> Option<EmbeddedDatabase> {
        match (&self.database.url_secret_ref, &self.database.embedded) {
            (Some(_), _) => None,
            (None, Some(embedded)) => Some(embedded.clone()),
            (None, None) => Some(EmbeddedDatabase::default()),
        }
    }

    /// Fewest replicas that are wanted: the autoscaler's minimum where there is one.
    pub fn min_replicas(&self) -> i32 {
        self.autoscaling
            .as_ref()
            .map_or(self.replicas, |autoscaling| autoscaling.min_replicas)
    }

    /// Whether a disruption budget is wanted: as given, else with two or more replicas.
    pub fn wants_pod_disruption_budget(&self) -> bool {
        self.pod_disruption_budget
            .enabled
            .unwrap_or_else(|| self.min_replicas() >= 2)
    }
}
