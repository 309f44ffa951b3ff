//! Random text for generated Secrets, from the operating system's generator.

use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::ThreadRng;

use crate::build::Generated;

/// Letters and digits of a generated value: 256 bits.
const LENGTH: usize = 43;

/// Values for Secrets that do not exist yet.
pub(super) fn generate() -> Generated {
    let mut random = ThreadRng::default();
    Generated {
        jwt_secret: Alphanumeric.sample_string(&mut random, LENGTH),
        operator_token: Alphanumeric.sample_string(&mut random, LENGTH),
        database_password: Alphanumeric.sample_string(&mut random, LENGTH),
    }
}
