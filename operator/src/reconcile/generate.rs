//! Random text for generated Secrets, from the operating system's generator.

use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::ThreadRng;

use crate::build::Generated;

/// Letters and digits of a generated value: more than 230 bits.
const LENGTH: usize = 40;

/// Values for Secrets that do not exist yet.
pub(super) fn generate() -> Generated {
    let mut random = ThreadRng::default();
    Generated {
        admin_token: Alphanumeric.sample_string(&mut random, LENGTH),
        database_password: Alphanumeric.sample_string(&mut random, LENGTH),
    }
}
