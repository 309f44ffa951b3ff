//! How long to wait after a failed reconcile: each object has a count of its own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::stores::ClusterKey;

/// The pause after the first failure; it doubles.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST: Duration = Duration::from_mins(5);

/// Failures in a row, by cluster.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: Mutex<HashMap<ClusterKey, u32>>,
}

impl Backoff {
    /// Counts a failure and says how long to wait. `chance` from 0 to 1 spreads those who failed together.
    pub fn failed(&self, key: &ClusterKey, chance: f64) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(key.clone()).or_insert(0);
        let pause = pause(*count, chance);
        *count = count.saturating_add(1);
        pause
    }

    /// Ends a row of failures.
    pub fn succeeded(&self, key: &ClusterKey) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(key);
    }
}

/// Between half of the doubled pause and all of it.
fn pause(failures_before: u32, chance: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2u32.saturating_pow(failures_before.min(16)));
    doubled
        .min(LONGEST)
        .mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    //! The growth of the pause.

    use super::*;

    #[test]
    fn the_pause_doubles_up_to_five_minutes_and_starts_anew() {
        let backoff = Backoff::default();
        let key = ClusterKey::new("default", "demo");
        let seconds: Vec<u64> = (0..11)
            .map(|_| backoff.failed(&key, 1.0).as_secs())
            .collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        backoff.succeeded(&key);
        assert_eq!(backoff.failed(&key, 0.0), Duration::from_millis(500));
    }
}
