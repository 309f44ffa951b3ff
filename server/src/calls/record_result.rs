//! What comes of a call, from what its record says.

use super::CallResult;

/// Busy, no answer, declined, given up: the called side was reached, as the network effectiveness ratio of ITU-T E.425
/// counts it. Codes of RFC 3261, 21.
const REACHED: [u16; 7] = [408, 480, 486, 487, 600, 603, 607];
/// Reasons of hanging up under which such a code is a fault all the same.
const FAULTS: [&str; 3] = ["failed", "serverUnavailable", "noBalance"];

impl CallResult {
    /// Completed if it was answered; failed if it ended by an error; else missed. A call without a status code is never
    /// taken for good, nor is one whose PBX calls it failed: 480 is no answer at a phone that rang, and a fault at one
    /// that is not there.
    pub fn of(answered: bool, status_code: u16, hangup_reason: &str) -> Self {
        if answered {
            Self::Completed
        } else if REACHED.contains(&status_code) && !FAULTS.contains(&hangup_reason) {
            Self::Missed
        } else {
            Self::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_completes_and_an_error_fails() {
        for (answered, code, hangup, result) in [
            (true, 200, "byCaller", CallResult::Completed),
            (true, 0, "", CallResult::Completed),
            (false, 486, "rejected", CallResult::Missed),
            (false, 600, "", CallResult::Missed),
            (false, 603, "rejected", CallResult::Missed),
            (false, 607, "rejected", CallResult::Missed),
            (false, 487, "canceled", CallResult::Missed),
            // As RustPBX pushed them: it rang in vain, and there was nobody.
            (false, 408, "noAnswer", CallResult::Missed),
            (false, 480, "failed", CallResult::Failed),
            (false, 503, "serverUnavailable", CallResult::Failed),
            (false, 404, "", CallResult::Failed),
            // Neither an answer nor a code: nothing says that it went well.
            (false, 0, "", CallResult::Failed),
            (false, 200, "", CallResult::Failed),
        ] {
            let found = CallResult::of(answered, code, hangup);
            assert_eq!(found, result, "{answered} {code} {hangup}");
        }
    }
}
