//! A few clusters at a time follow an operator upgrade, so that a bad image meets few of them at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::stores::ClusterKey;

/// How many clusters move at once.
const AT_ONCE: usize = 3;
/// A cluster that has not finished after this time goes on by itself and holds nobody else up.
const PATIENCE: Duration = Duration::from_mins(10);

/// Which clusters are moving to the operator's own version.
#[derive(Debug, Default)]
pub struct Upgrades {
    moving: Mutex<HashMap<ClusterKey, Instant>>,
}

impl Upgrades {
    /// Whether this cluster may move already.
    pub fn holds(&self, key: &ClusterKey) -> bool {
        let moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        moving.contains_key(key)
    }

    /// Lets this cluster move if few enough others do.
    pub fn acquire(&self, key: &ClusterKey) -> bool {
        self.acquire_at(key, Instant::now())
    }

    /// This cluster has moved, or is gone.
    pub fn release(&self, key: &ClusterKey) {
        let mut moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        moving.remove(key);
    }

    fn acquire_at(&self, key: &ClusterKey, now: Instant) -> bool {
        let mut moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = moving
            .values()
            .filter(|since| now.duration_since(**since) < PATIENCE)
            .count();
        let free = busy < AT_ONCE || moving.contains_key(key);
        if free {
            moving.entry(key.clone()).or_insert(now);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    //! Who may move when.

    use super::*;

    #[test]
    fn three_move_and_the_fourth_waits_for_one_of_them() {
        let upgrades = Upgrades::default();
        let now = Instant::now();
        let key = |name: &str| ClusterKey::new("default", name);
        for name in ["a", "b", "c"] {
            assert!(upgrades.acquire_at(&key(name), now), "{name}");
        }
        assert!(!upgrades.acquire_at(&key("d"), now));
        assert!(upgrades.acquire_at(&key("a"), now), "it moves already");
        upgrades.release(&key("b"));
        assert!(upgrades.acquire_at(&key("d"), now));
        assert!(!upgrades.acquire_at(&key("e"), now));
        assert!(
            upgrades.acquire_at(&key("e"), now + PATIENCE),
            "the others take too long"
        );
        assert!(upgrades.holds(&key("a")), "and go on by themselves");
    }
}
