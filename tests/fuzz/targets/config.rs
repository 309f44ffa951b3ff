//! Any configuration file and any environment.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telecom_fuzz::{config, seeds};

fuzz_target!(
    init: seeds::write_if_asked(telecom_fuzz::config::seeds),
    |input: &[u8]| config::run(input)
);
