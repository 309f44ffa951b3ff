//! Any token, and any claims under a good signature.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telecom_fuzz::{seeds, tokens};

fuzz_target!(
    init: seeds::write_if_asked(telecom_fuzz::tokens::seeds),
    |input: &[u8]| tokens::run(input)
);
