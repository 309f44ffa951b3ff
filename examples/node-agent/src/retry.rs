//! What an error means for a report, and how long to wait after it.

use std::time::Duration;

use prost::Message as _;
use rand::Rng as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);

/// Longer and longer pauses, none as long as another's: nodes that were cut off together do not come back
/// together.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It works again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after this failure; at least as long as the server asks for.
    pub fn after(&mut self, status: &Status) -> Duration {
        let ceiling = (SHORTEST * 2_u32.saturating_pow(self.failures)).min(LONGEST);
        self.failures = self.failures.saturating_add(1).min(16);
        let jittered = rand::rng().random_range(ceiling / 2..=ceiling);
        let asked = status.get_details_retry_info();
        let asked = asked.and_then(|info| info.retry_delay).unwrap_or_default();
        // A little later than asked, since others were asked the same.
        jittered.max(asked + jittered / 4)
    }
}

/// Whether sending the same report again can never help.
pub fn is_final(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument | Code::AlreadyExists | Code::OutOfRange
    )
}

/// The error of one report of a stream, as it would have come alone.
pub fn as_status(failed: &tonic_types::Status) -> Status {
    let details = failed.encode_to_vec().into();
    Status::with_details(Code::from(failed.code), failed.message.clone(), details)
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let mut backoff = Backoff::default();
        let down = Status::unavailable("down");
        for ceiling in [100, 200, 400, 800] {
            let pause = backoff.after(&down).as_millis();
            assert!((ceiling / 2..=ceiling).contains(&pause), "{pause}");
        }
        let last = (0..100).map(|_| backoff.after(&down)).max();
        assert!(last <= Some(LONGEST * 5 / 4), "{last:?}");
        backoff.reset();
        assert!(backoff.after(&down) <= SHORTEST * 5 / 4);
    }

    #[test]
    fn the_server_is_given_the_time_it_asks_for() {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(7)));
        let busy = Status::with_error_details(Code::ResourceExhausted, "too many reports", details);
        let pause = Backoff::default().after(&busy);
        assert!(pause >= Duration::from_secs(7) && pause < Duration::from_secs(8));
        assert!(!is_final(&busy));
        assert!(is_final(&Status::already_exists("SEQ_REUSED")));
    }
}
