//! How long to wait before whoever the records are for is asked again.

use std::time::Duration;

use rand::Rng as _;

/// The shortest pause, after one failure.
pub const SHORTEST: Duration = Duration::from_millis(100);
/// The longest pause.
pub const LONGEST: Duration = Duration::from_secs(30);

/// Longer and longer pauses, none as long as another's: those that were cut off together do not come back together.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It works again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The pause after one more failure.
    pub fn pause(&mut self) -> Duration {
        let ceiling = (SHORTEST * 2_u32.saturating_pow(self.failures)).min(LONGEST);
        self.failures = self.failures.saturating_add(1).min(16);
        jittered(ceiling)
    }
}

/// Half of a pause to all of it.
pub fn jittered(ceiling: Duration) -> Duration {
    rand::rng().random_range(ceiling / 2..=ceiling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let mut backoff = Backoff::default();
        for ceiling in [100, 200, 400, 800] {
            let pause = backoff.pause().as_millis();
            assert!((ceiling / 2..=ceiling).contains(&pause), "{pause}");
        }
        let last = (0..100).map(|_| backoff.pause()).max();
        assert!(last <= Some(LONGEST), "{last:?}");
        backoff.reset();
        assert!(backoff.pause() <= SHORTEST);
    }
}
