//! What a reconcile has written, for the one line that tells of it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::kinds::Kind;
use crate::stores::ClusterKey;

/// What has been written of each cluster since it was last told; one reconcile of a cluster runs at a time.
#[derive(Debug, Default)]
pub struct Deeds(Mutex<HashMap<ClusterKey, Vec<String>>>);

impl Deeds {
    /// Notes that an object was, say, `applied`.
    pub fn note(&self, key: &ClusterKey, done: &str, kind: Kind, name: &str) {
        self.add(key, format!("{done} {kind} {name}"));
    }

    /// Notes that the status was written: `status` in the line.
    pub fn reported(&self, key: &ClusterKey) {
        self.add(key, "status".to_owned());
    }

    /// Takes what was noted.
    pub fn take(&self, key: &ClusterKey) -> Vec<String> {
        self.lock().remove(key).unwrap_or_default()
    }

    fn add(&self, key: &ClusterKey, deed: String) {
        self.lock().entry(key.clone()).or_default().push(deed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClusterKey, Vec<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    //! What is told once.

    use super::*;

    #[test]
    fn deeds_of_a_cluster_are_told_once_in_their_order() {
        let (deeds, demo) = (Deeds::default(), ClusterKey::new("default", "demo"));
        deeds.note(&demo, "created", Kind::Secret, "demo-jwt");
        deeds.reported(&demo);
        assert!(deeds.take(&ClusterKey::new("default", "other")).is_empty());
        assert_eq!(deeds.take(&demo), ["created Secret demo-jwt", "status"]);
        assert!(deeds.take(&demo).is_empty());
    }
}
