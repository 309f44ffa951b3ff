//! What an error means for a report, and how long to wait after it.

use std::time::Duration;

use prost::Message as _;
use telecom_spool::backoff::Backoff;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// How long to wait after this failure; at least as long as the server asks for.
pub fn after(backoff: &mut Backoff, status: &Status) -> Duration {
    let pause = backoff.pause();
    let asked = status.get_details_retry_info();
    let asked = asked.and_then(|info| info.retry_delay).unwrap_or_default();
    // A little later than asked, since others were asked the same.
    pause.max(asked + pause / 4)
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

    use telecom_spool::backoff::{LONGEST, SHORTEST};

    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let mut backoff = Backoff::default();
        let down = Status::unavailable("down");
        for ceiling in [100, 200, 400, 800] {
            let pause = after(&mut backoff, &down).as_millis();
            assert!((ceiling / 2..=ceiling).contains(&pause), "{pause}");
        }
        let last = (0..100).map(|_| after(&mut backoff, &down)).max();
        assert!(last <= Some(LONGEST * 5 / 4), "{last:?}");
        backoff.reset();
        assert!(after(&mut backoff, &down) <= SHORTEST * 5 / 4);
    }

    #[test]
    fn the_server_is_given_the_time_it_asks_for() {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(7)));
        let busy = Status::with_error_details(Code::ResourceExhausted, "too many reports", details);
        let pause = after(&mut Backoff::default(), &busy);
        assert!(pause >= Duration::from_secs(7) && pause < Duration::from_secs(8));
        assert!(!is_final(&busy));
        assert!(is_final(&Status::already_exists("SEQ_REUSED")));
    }
}
