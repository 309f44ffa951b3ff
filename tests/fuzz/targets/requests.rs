//! Any bytes as the request of any method.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telecom_fuzz::{requests, seeds};

fuzz_target!(
    init: seeds::write_if_asked(telecom_fuzz::seeds::requests),
    |input: &[u8]| requests::run(input)
);
