//! Any body posted to the route of call records.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telecom_fuzz::{calls, seeds};

fuzz_target!(
    init: seeds::write_if_asked(telecom_fuzz::calls::seeds),
    |input: &[u8]| calls::run(input)
);
