//! What the integration and end-to-end tests share: the running cluster, scenarios in namespaces of
//! their own, and what is printed when one fails.

// The harness is test code: it stops at the first thing that is not as it should be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod bench;
pub mod certificates;
pub mod cluster;
pub mod collector;
pub mod cut;
pub mod database;
pub mod demo;
pub mod diagnosis;
pub mod door;
pub mod forward;
pub mod operator;
pub mod postgres;
pub mod scenario;
pub mod telecom;
pub mod tokens;
