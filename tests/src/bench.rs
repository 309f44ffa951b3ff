//! The benchmark: the real server on a real PostgreSQL of its own, measured beside references.

pub mod load;
pub mod postgres;
pub mod report;
pub mod server;
pub mod usage;
