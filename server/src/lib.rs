//! The gRPC and metrics server over PostgreSQL.
//!
//! Requests go one way: [`rpc`] maps them, [`domain`] decides, [`store`] speaks SQL; [`nodes`],
//! [`packages`], [`partitions`], [`usage`], [`users`], [`wholesale`], [`access`], [`events`], [`jobs`], [`audit`] and [`auth`]
//! are the vocabulary all three share. [`serve`] puts the parts together.

pub mod access;
pub mod access_teller;
pub mod audit;
pub mod auth;
pub mod billing;
pub mod call_center;
pub mod call_intake;
pub mod call_push;
pub mod calls;
pub mod cdr_spool;
pub mod config;
pub mod domain;
pub mod events;
pub mod exports;
pub mod failure;
pub mod http;
pub mod http_client;
pub mod job_keeper;
pub mod jobs;
pub mod ledger;
pub mod live_calls;
pub mod maintenance;
pub mod metrics;
pub mod net;
pub mod nodes;
pub mod packages;
pub mod partitions;
pub mod pbx_poller;
pub mod pbxs;
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
pub mod wholesale;
