//! Any story of a subscriber's packages.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telecom_fuzz::{queue, seeds};

fuzz_target!(
    init: seeds::write_if_asked(telecom_fuzz::queue::seeds),
    |input: &[u8]| queue::run(input)
);
