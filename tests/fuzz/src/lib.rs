//! What a fuzz target does with its input, and what has to hold afterwards whatever the input was.
//!
//! Each module has one `run`, which panics when something does not hold.

pub mod calls;
pub mod config;
pub mod queue;
pub mod requests;
pub mod seeds;
pub mod tokens;

mod paths;
mod rules;
mod server;
