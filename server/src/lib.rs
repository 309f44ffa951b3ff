//! The gRPC and metrics server over PostgreSQL.
//!
//! Requests go one way: [`rpc`] maps them, [`domain`] decides, [`store`] speaks SQL; [`nodes`],
//! [`packages`], [`partitions`], [`usage`], [`users`], [`access`], [`events`], [`jobs`], [`audit`] and [`auth`]
//! are the vocabulary all three share. [`serve`] puts the parts together.

pub mod access;
pub mod access_teller;
pub mod audit;
pub mod auth;
pub mod billing;
pub mod config;
pub mod domain;
pub mod events;
pub mod failure;
pub mod http;
pub mod job_keeper;
pub mod jobs;
pub mod ledger;
pub mod maintenance;
pub mod metrics;
pub mod net;
pub mod nodes;
pub mod packages;
pub mod partitions;
pub mod readiness;
pub mod relay;
pub mod revision;
pub mod rpc;
pub mod run_job;
pub mod sampler;
pub mod serve;
pub mod signals;
pub mod store;
pub mod usage;
pub mod users;
pub mod violation;
