//! The TelecomCluster custom resource: types, schema rules, conditions.
