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

#[cfg(test)]
mod tests {
    use crate::TelecomClusterSpec;

    fn spec(manifest: &str) -> TelecomClusterSpec {
        serde_yaml::from_str(manifest).unwrap()
    }

    #[test]
    fn the_embedded_database_is_used_unless_an_external_one_is_set() {
        for (manifest, size) in [
            ("{}", Some("1Gi")),
            ("{database: {embedded: {}}}", Some("1Gi")),
            (
                "{database: {embedded: {storage: {size: 8Gi}}}}",
                Some("8Gi"),
            ),
            ("{database: {urlSecretRef: {name: db, key: uri}}}", None),
        ] {
            let embedded = spec(manifest).embedded_database();
            let found = embedded.map(|embedded| embedded.storage.size.0);
            assert_eq!(found.as_deref(), size, "{manifest}");
        }
    }

    #[test]
    fn a_disruption_budget_is_wanted_from_two_replicas_on_or_as_told() {
        for (manifest, wanted) in [
            ("{}", false),
            ("{replicas: 2}", true),
            ("{replicas: 0}", false),
            ("{replicas: 5, autoscaling: {maxReplicas: 9}}", false),
            ("{autoscaling: {minReplicas: 2, maxReplicas: 9}}", true),
            (
                "{replicas: 2, podDisruptionBudget: {enabled: false}}",
                false,
            ),
            ("{podDisruptionBudget: {enabled: true}}", true),
        ] {
            assert_eq!(
                spec(manifest).wants_pod_disruption_budget(),
                wanted,
                "{manifest}"
            );
        }
    }
}
